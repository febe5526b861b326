package localmodel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dejahq/deja"
)

// Options configure a Model.
type Options struct {
	// Delay is the time before each delta, so that a demo shows streaming;
	// default none, at most a second.
	Delay time.Duration
}

// Model answers simple look-ups. It is safe for concurrent use.
type Model struct {
	delay time.Duration
}

// New makes a model.
func New(o Options) (*Model, error) {
	if o.Delay < 0 || o.Delay > time.Second {
		return nil, deja.Errorf(deja.CodeInvalid, "the local model's delay must be from 0 to 1s").WithParam("Delay")
	}
	return &Model{o.Delay}, nil
}

// Name says what answers.
func (m *Model) Name() string { return Name }

// Stream reads the request and yields an answer word by word, or query_data
// calls. From the request it uses the last user message, the results of calls
// after it, the tables that schema.Describe wrote into a system message, and
// the limits (stop, max_completion_tokens). Token counts are estimated and
// marked so. The only error is CodeCancelled.
func (m *Model) Stream(ctx context.Context, req *deja.ModelRequest) iter.Seq2[deja.Delta, error] {
	return func(yield func(deja.Delta, error) bool) {
		s := newSession(req)
		text := s.reply()
		out := deja.Delta{Model: Name, FinishReason: deja.FinishStop, Usage: &deja.Usage{PromptTokens: promptTokens(req), Approximate: true}}
		var deltas []deja.Delta
		if len(s.pending) > 0 {
			out.FinishReason = deja.FinishToolCalls
			for i, q := range s.pending {
				arguments := q.arguments()
				out.Usage.CompletionTokens += tokens(toolName) + tokens(arguments)
				deltas = append(deltas, deja.Delta{ToolCalls: []deja.ToolCallDelta{{
					Index: i, ID: callID(len(s.results)+i, arguments), Name: toolName, Arguments: arguments,
				}}})
			}
		} else {
			var cut bool
			if text, cut = limited(text, req); cut {
				out.FinishReason = deja.FinishLength
			}
			out.Usage.CompletionTokens = tokens(text)
			for _, piece := range pieces(text) {
				deltas = append(deltas, deja.Delta{Text: piece})
			}
		}
		for _, d := range append(deltas, out) {
			if err := m.wait(ctx); err != nil {
				yield(deja.Delta{}, deja.Wrap(deja.CodeCancelled, err, "The request was cancelled."))
				return
			}
			if !yield(d, nil) {
				return
			}
		}
	}
}

func (m *Model) wait(ctx context.Context) error {
	if m.delay == 0 || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t := time.NewTimer(m.delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// callID follows from the call, so that equal requests get equal answers. The
// number keeps equal calls of different rounds apart.
func callID(n int, arguments string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", n, arguments))
	return deja.CallPrefix + hex.EncodeToString(sum[:12])
}

// pieces cuts a text after each word.
func pieces(text string) []string {
	var out []string
	for from := 0; from < len(text); {
		end := from
		for end < len(text) && text[end] != ' ' && text[end] != '\n' {
			end++
		}
		for end < len(text) && (text[end] == ' ' || text[end] == '\n') {
			end++
		}
		out = append(out, text[from:end])
		from = end
	}
	return out
}

// bytesPerToken is a usual estimate for English.
const bytesPerToken = 4

func tokens(text string) int64 { return int64((len(text) + bytesPerToken - 1) / bytesPerToken) }

func promptTokens(req *deja.ModelRequest) int64 {
	var n int64
	for _, m := range req.Messages {
		n += tokens(deja.PartsText(m.Content))
		for _, c := range m.ToolCalls {
			n += tokens(c.Name) + tokens(c.Arguments)
		}
	}
	for _, t := range req.Tools {
		if t.Function != nil {
			n += tokens(t.Function.Name) + tokens(t.Function.Description) + tokens(string(t.Function.Parameters))
		}
	}
	return n
}

// limited cuts a text at the first stop sequence, and at the number of tokens
// that the caller allows; only the latter leaves it unfinished.
func limited(text string, req *deja.ModelRequest) (string, bool) {
	for _, stop := range req.Stop {
		if i := strings.Index(text, stop); i >= 0 && stop != "" {
			text = text[:i]
		}
	}
	if req.MaxCompletionTokens == nil || *req.MaxCompletionTokens < 0 || *req.MaxCompletionTokens > len(text) {
		return text, false
	}
	most := *req.MaxCompletionTokens * bytesPerToken
	if len(text) <= most {
		return text, false
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most], true
}
