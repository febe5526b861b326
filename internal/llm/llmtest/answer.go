package llmtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// TokenUsage is what an answer reports of its cost.
type TokenUsage struct {
	Prompt, Completion, Cached, Reasoning int64
}

var (
	errCut    = errors.New("llmtest: the script cuts the connection")
	errClosed = errors.New("llmtest: the client left or the server closed")
)

// answer is one request on its way through its script. Streamed, every step
// shows at once; otherwise the pieces are collected and sent at the end.
type answer struct {
	s   *Server
	w   http.ResponseWriter
	r   *http.Request
	req *Request
	id  string

	begun    bool // headers are out
	finished bool // nothing is to be added at the end
	replied  bool // the script sent a reply of its own
	calls    int
	usage    *TokenUsage
	whole    wireDelta // what was said so far
	reason   string
}

type wireDelta struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	Reasoning *string    `json:"reasoning_content,omitempty"`
	Refusal   *string    `json:"refusal,omitempty"`
	ToolCalls []wireCall `json:"tool_calls,omitempty"`
}

type wireChoice struct {
	Index        int        `json:"index"`
	Delta        *wireDelta `json:"delta,omitempty"`   // in chunks
	Message      *wireDelta `json:"message,omitempty"` // in whole answers
	LogProbs     any        `json:"logprobs"`
	FinishReason *string    `json:"finish_reason"`
}

type wireUsage struct {
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	TotalTokens      int64 `json:"total_tokens"`
	PromptDetails    struct {
		CachedTokens int64 `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails struct {
		ReasoningTokens int64 `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

type wireAnswer struct {
	ID          string       `json:"id"`
	Object      string       `json:"object"`
	Created     int64        `json:"created"`
	Model       string       `json:"model"`
	Fingerprint string       `json:"system_fingerprint"`
	Choices     []wireChoice `json:"choices"`
	Usage       *wireUsage   `json:"usage,omitempty"`
}

// created is a fixed time, so that answers follow from requests alone.
const created = 1767225600

func newAnswer(s *Server, w http.ResponseWriter, r *http.Request, req *Request) *answer {
	sum := sha256.Sum256(req.Body)
	return &answer{s: s, w: w, r: r, req: req, id: "chatcmpl-" + hex.EncodeToString(sum[:12])}
}

// play takes the steps in order and completes what they left open.
func (a *answer) play(steps []Step) error {
	for _, step := range steps {
		if err := step.play(a); err != nil {
			return err
		}
	}
	if !a.finished {
		reason := "stop"
		if a.calls > 0 {
			reason = "tool_calls"
		}
		if err := a.finish(reason); err != nil {
			return err
		}
	}
	if !a.req.Stream && !a.replied && a.reason != "" {
		return a.sendWhole()
	}
	return nil
}

func (a *answer) begin() error {
	if a.begun {
		return nil
	}
	a.begun = true
	if !a.req.Stream {
		a.w.Header().Set("Content-Type", "application/json")
		return nil
	}
	a.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	a.w.Header().Set("Cache-Control", "no-cache") // as most providers do, whatever the answer
	return a.choice(wireChoice{Delta: &wireDelta{Role: "assistant", Content: new("")}})
}

func (a *answer) delta(d wireDelta) error {
	if err := a.begin(); err != nil {
		return err
	}
	a.whole.add(d)
	return a.choice(wireChoice{Delta: &d})
}

// choice sends a chunk with one choice.
func (a *answer) choice(c wireChoice) error {
	if err := a.begin(); err != nil {
		return err
	}
	if !a.req.Stream {
		if c.FinishReason != nil {
			a.reason = *c.FinishReason
		}
		return nil
	}
	if c.Delta == nil {
		c.Delta = &wireDelta{}
	}
	return a.chunk(a.envelope("chat.completion.chunk", c))
}

func (a *answer) finish(reason string) error {
	a.finished = true
	if err := a.choice(wireChoice{FinishReason: &reason}); err != nil || !a.req.Stream {
		return err
	}
	if a.req.IncludeUsage {
		last := a.envelope("chat.completion.chunk")
		last.Usage = a.wireUsage()
		if err := a.chunk(last); err != nil {
			return err
		}
	}
	return a.write("data: [DONE]\n\n")
}

func (a *answer) sendWhole() error {
	a.whole.Role = "assistant"
	out := a.envelope("chat.completion", wireChoice{Message: &a.whole, FinishReason: &a.reason})
	out.Usage = a.wireUsage()
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return a.write(string(text))
}

func (a *answer) raw(text string) error {
	if err := a.begin(); err != nil {
		return err
	}
	return a.write(text)
}

func (a *answer) chunk(v wireAnswer) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.write("data: " + string(text) + "\n\n")
}

// write sends text in one piece, at once.
func (a *answer) write(text string) error {
	if a.r.Context().Err() != nil {
		return errClosed
	}
	if _, err := a.w.Write([]byte(text)); err != nil {
		return errClosed
	}
	if err := http.NewResponseController(a.w).Flush(); err != nil {
		return errClosed
	}
	return nil
}

// wait blocks until the channel gives something, the client leaves or the
// server closes.
func wait[T any](a *answer, c <-chan T) error {
	select {
	case <-c:
		return nil
	case <-a.r.Context().Done():
		return errClosed
	case <-a.s.closing:
		return errClosed
	}
}

func (a *answer) envelope(object string, choices ...wireChoice) wireAnswer {
	if choices == nil {
		choices = []wireChoice{}
	}
	return wireAnswer{
		ID: a.id, Object: object, Created: created,
		Model: a.req.Model, Fingerprint: "fp_llmtest", Choices: choices,
	}
}

// wireUsage gives the usage that the script set, or one token for each word.
func (a *answer) wireUsage() *wireUsage {
	u := a.usage
	if u == nil {
		u = &TokenUsage{Completion: words(a.whole.text())}
		for _, m := range a.req.Messages {
			u.Prompt += words(m.Text)
		}
	}
	w := &wireUsage{PromptTokens: u.Prompt, CompletionTokens: u.Completion, TotalTokens: u.Prompt + u.Completion}
	w.PromptDetails.CachedTokens = u.Cached
	w.CompletionDetails.ReasoningTokens = u.Reasoning
	return w
}

func words(s string) int64 { return int64(len(strings.Fields(s))) }

func (d *wireDelta) text() string {
	if d.Content == nil {
		return ""
	}
	return *d.Content
}

// add joins a piece to what was said before.
func (d *wireDelta) add(piece wireDelta) {
	join := func(to **string, s *string) {
		if s == nil {
			return
		}
		if *to == nil {
			*to = new("")
		}
		**to += *s
	}
	join(&d.Content, piece.Content)
	join(&d.Reasoning, piece.Reasoning)
	join(&d.Refusal, piece.Refusal)
	for _, call := range piece.ToolCalls {
		if *call.Index == len(d.ToolCalls) {
			whole := call
			whole.Index = nil
			d.ToolCalls = append(d.ToolCalls, whole)
			continue
		}
		d.ToolCalls[*call.Index].Function.Arguments += call.Function.Arguments
	}
}
