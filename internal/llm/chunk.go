package llm

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/dejahq/deja"
)

// chunk is one event of a stream, with what servers are known to put there.
type chunk struct {
	Model       string          `json:"model"`
	Fingerprint string          `json:"system_fingerprint"`
	Choices     []choice        `json:"choices"`
	Usage       *usage          `json:"usage"`
	Error       json.RawMessage `json:"error"`
}

type choice struct {
	Index int `json:"index"`
	Delta struct {
		Content          string          `json:"content"`
		ReasoningContent lenientText     `json:"reasoning_content"` // DeepSeek, vLLM, llama.cpp, ...
		Reasoning        lenientText     `json:"reasoning"`         // OpenRouter, Ollama, newer vLLM
		Refusal          string          `json:"refusal"`
		ToolCalls        []toolCallPiece `json:"tool_calls"`
	} `json:"delta"`
	FinishReason string `json:"finish_reason"`
}

type toolCallPiece struct {
	Index    *int   `json:"index"` // some servers leave it out
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type usage struct {
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	PromptDetails    struct {
		CachedTokens int64 `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails struct {
		ReasoningTokens int64 `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
	PromptCacheHitTokens int64 `json:"prompt_cache_hit_tokens"` // DeepSeek
}

// lenientText is a string; anything else, which no standard forbids for these
// extra fields, counts as none.
type lenientText string

func (t *lenientText) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] != '"' {
		return nil
	}
	return json.Unmarshal(data, (*string)(t))
}

func (u *usage) tokens() *deja.Usage {
	return &deja.Usage{
		PromptTokens:     max(u.PromptTokens, 0),
		CompletionTokens: max(u.CompletionTokens, 0),
		CachedTokens:     max(u.PromptDetails.CachedTokens, u.PromptCacheHitTokens, 0),
		ReasoningTokens:  max(u.CompletionDetails.ReasoningTokens, 0),
	}
}

// maxToolCalls bounds the calls of one answer.
const maxToolCalls = 128

// transcript follows one answer from chunk to chunk.
type transcript struct {
	scrub func(string) string // makes the server's words fit for logs
	last  deja.Delta          // what is known of the last delta
	calls []string            // ids of the tool calls so far
	at    map[int]int         // the server's indexes of them
}

// add takes the data of one event. It gives the delta that is to be passed on,
// which may be empty.
func (t *transcript) add(data []byte) (deja.Delta, error) {
	var c chunk
	if trimmed := bytes.TrimSpace(data); len(trimmed) == 0 || trimmed[0] != '{' {
		return deja.Delta{}, malformed(errors.New("a chunk is no JSON object"))
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return deja.Delta{}, malformed(err)
	}
	if c.Model != "" {
		t.last.Model = c.Model
	}
	if c.Fingerprint != "" {
		t.last.Fingerprint = c.Fingerprint
	}
	if c.Usage != nil { // some servers report it with every chunk, growing
		t.last.Usage = c.Usage.tokens()
	}
	var d deja.Delta
	for _, choice := range c.Choices {
		if choice.Index != 0 {
			continue // more than one choice is never asked for
		}
		d.Text += choice.Delta.Content
		d.Refusal += choice.Delta.Refusal
		// Some servers send the same text under both names.
		if choice.Delta.ReasoningContent != "" {
			d.Reasoning += string(choice.Delta.ReasoningContent)
		} else {
			d.Reasoning += string(choice.Delta.Reasoning)
		}
		for _, piece := range choice.Delta.ToolCalls {
			call, err := t.call(piece)
			if err != nil {
				return deja.Delta{}, err
			}
			if call.ID != "" || call.Arguments != "" {
				d.ToolCalls = append(d.ToolCalls, call)
			}
		}
		if choice.FinishReason != "" {
			reason, err := t.finishReason(choice.FinishReason)
			if err != nil {
				return deja.Delta{}, err
			}
			t.last.FinishReason = reason
		}
	}
	return d, nil
}

// call brings a piece of a tool call to deja's form: indexes count from 0
// without gaps, and id and name are in the first piece and nowhere else. There
// are servers that leave the index out, that give all calls the same one, or
// that repeat id and name in every piece.
func (t *transcript) call(p toolCallPiece) (deja.ToolCallDelta, error) {
	pos, known := len(t.calls)-1, len(t.calls) > 0
	if p.Index != nil {
		pos, known = t.at[*p.Index]
	}
	if known && (p.ID == "" || p.ID == t.calls[pos] || p.Function.Name == "") {
		return deja.ToolCallDelta{Index: pos, Arguments: p.Function.Arguments}, nil
	}
	if p.Function.Name == "" || len(t.calls) >= maxToolCalls {
		return deja.ToolCallDelta{}, malformed(errors.New("a tool call without a name, or too many"))
	}
	id := p.ID
	if id == "" {
		id = deja.NewID(deja.CallPrefix)
	}
	pos = len(t.calls)
	t.calls = append(t.calls, id)
	if p.Index != nil {
		if t.at == nil {
			t.at = map[int]int{}
		}
		t.at[*p.Index] = pos
	}
	return deja.ToolCallDelta{Index: pos, ID: id, Name: p.Function.Name, Arguments: p.Function.Arguments}, nil
}

// finished reports whether the server has said why it stopped.
func (t *transcript) finished() bool { return t.last.FinishReason != "" }

// end gives the last delta. When tools are called the reason is tool_calls,
// also where the server says stop, as OpenAI's own does for a forced tool.
func (t *transcript) end() (deja.Delta, error) {
	called := len(t.calls) > 0
	switch {
	case called && t.last.FinishReason == deja.FinishStop:
		t.last.FinishReason = deja.FinishToolCalls
	case !called && t.last.FinishReason == deja.FinishToolCalls:
		return deja.Delta{}, malformed(errors.New("the reason is tool_calls, but there are none"))
	}
	return t.last, nil
}

// finishReason knows the four reasons and common other names for them. An
// unknown one is an error, because it may say that the answer is not whole.
func (t *transcript) finishReason(s string) (deja.FinishReason, error) {
	switch strings.ToLower(s) {
	case "stop", "end_turn", "eos", "eos_token", "stop_sequence":
		return deja.FinishStop, nil
	case "length", "max_tokens":
		return deja.FinishLength, nil
	case "tool_calls", "tool_use", "function_call":
		return deja.FinishToolCalls, nil
	case "content_filter", "safety":
		return deja.FinishContentFilter, nil
	}
	return "", deja.Wrap(deja.CodeUpstream, upstreamFault{code: t.scrub(s)}, "The model's server broke the answer off.")
}

func isEmpty(d deja.Delta) bool {
	return d.Text == "" && d.Reasoning == "" && d.Refusal == "" && len(d.ToolCalls) == 0
}
