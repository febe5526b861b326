// Package modelsim is a model server that speaks the OpenAI chat completions
// API (streamed) and takes its time as a real one does: so long until the
// first token, and so many tokens per second from then on. What it says is
// made up, and the same for the same question. It counts what it was asked.
package modelsim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Name is what the model is called in its answers.
const Name = "deja-simulated"

// Options configure a Server.
type Options struct {
	Latency         time.Duration // until the first token; 0: none
	TokensPerSecond float64       // from then on; 0: as fast as can be

	// Size gives the tokens of the prompt (as they are charged) and of the
	// answer for a question. It is called concurrently. Default: a token for
	// each four bytes, and 40 for the answer.
	Size func(question string) (prompt, answer int)
}

// Server is a simulated model server. Safe for concurrent use.
type Server struct {
	o    Options
	http *http.Server
	url  string

	calls, prompt, answered atomic.Int64
	done                    chan struct{}
}

// Start serves on a free port of the loopback interface.
func Start(o Options) (*Server, error) {
	switch {
	case o.Latency < 0 || o.Latency > time.Hour:
		return nil, errors.New("modelsim: latency: from 0 to an hour")
	case !(o.TokensPerSecond >= 0): // NaN too
		return nil, errors.New("modelsim: the tokens per second cannot be negative")
	}
	if o.Size == nil {
		o.Size = func(question string) (int, int) { return len(question) / 4, 40 }
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("modelsim: cannot listen: %w", err)
	}
	s := &Server{o: o, url: "http://" + l.Addr().String() + "/v1", done: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.complete)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // until Close
	}()
	return s, nil
}

// URL is the base URL, up to and with /v1.
func (s *Server) URL() string { return s.url }

// Calls counts the answers that were asked for.
func (s *Server) Calls() int64 { return s.calls.Load() }

// Tokens counts those of the prompts and of the answers that were finished.
func (s *Server) Tokens() (prompt, answer int64) { return s.prompt.Load(), s.answered.Load() }

// Close ends the server and all answers under way. It is idempotent.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// tokensAtOnce is how many tokens an event carries, so that fast answers are
// not mostly events.
const tokensAtOnce = 8

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	s.calls.Add(1)
	var req struct {
		Stream   bool `json:"stream"`
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err != nil || json.Unmarshal(body, &req) != nil || len(req.Messages) == 0 || !req.Stream {
		http.Error(w, `{"error":{"message":"a streamed chat completion is expected","type":"invalid_request_error"}}`, http.StatusBadRequest)
		return
	}
	var question string
	for _, m := range req.Messages {
		if m.Role == "user" {
			question = textOf(m.Content)
		}
	}
	prompt, answer := s.o.Size(question)
	w.Header().Set("Content-Type", "text/event-stream")
	if s.speak(r.Context(), w, question, answer) != nil {
		return // whoever asked has left
	}
	s.prompt.Add(int64(prompt))
	s.answered.Add(int64(answer))
	fmt.Fprintf(w, `data: {"id":"sim","object":"chat.completion.chunk","model":%q,"choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`+"\n\n", Name, prompt, answer, prompt+answer)
	fmt.Fprint(w, "data: [DONE]\n\n")
}

// textOf reads a message's content: a string, or parts of which some are text.
func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var parts []struct {
		Text string `json:"text"`
	}
	_ = json.Unmarshal(raw, &parts)
	var all strings.Builder
	for _, p := range parts {
		all.WriteString(p.Text)
	}
	return all.String()
}

// speak streams an answer of n tokens, each one word, at its pace.
func (s *Server) speak(ctx context.Context, w http.ResponseWriter, question string, n int) error {
	began := time.Now()
	out := http.NewResponseController(w)
	due := s.o.Latency
	for from := 0; from < n || from == 0; from += tokensAtOnce {
		count := min(tokensAtOnce, n-from)
		if s.o.TokensPerSecond > 0 && from > 0 {
			due = s.o.Latency + time.Duration(float64(from+count)/s.o.TokensPerSecond*float64(time.Second))
		}
		if err := sleep(ctx, due-time.Since(began)); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, `data: {"id":"sim","object":"chat.completion.chunk","model":%q,"choices":[{"index":0,"delta":{"content":%q}}]}`+"\n\n", Name, words(question, from, count)); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, `data: {"id":"sim","object":"chat.completion.chunk","model":%q,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n", Name)
	return err
}

// words gives the words of an answer to a question, from one on.
func words(question string, from, count int) string {
	hash := fnv.New32a()
	_, _ = io.WriteString(hash, question)
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, "%08x ", hash.Sum32()+uint32(from+i)*2654435761) //nolint:gosec // wraps around
	}
	return b.String()
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
