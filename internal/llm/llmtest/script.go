package llmtest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Step is one thing that the server does while it answers a request. A script
// that ends without Finish, or one of the steps that break an answer off, is
// finished properly: with the reason stop, or tool_calls when there were calls,
// with usage where it was asked for, and [DONE].
type Step struct {
	play func(*answer) error
}

// Text sends each piece as a chunk of its own.
func Text(pieces ...string) Step {
	return Step{func(a *answer) error {
		for _, p := range pieces {
			if err := a.delta(wireDelta{Content: &p}); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Reasoning sends each piece as a chunk with reasoning_content, the way that
// many servers send a model's thoughts.
func Reasoning(pieces ...string) Step {
	return Step{func(a *answer) error {
		for _, p := range pieces {
			if err := a.delta(wireDelta{Reasoning: &p}); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Refusal sends each piece as a chunk with a refusal.
func Refusal(pieces ...string) Step {
	return Step{func(a *answer) error {
		for _, p := range pieces {
			if err := a.delta(wireDelta{Refusal: &p}); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Call sends a tool call: a chunk with the id and the name, then one for each
// fragment of the arguments. Several Call steps are parallel calls.
func Call(id, name string, fragments ...string) Step {
	return Step{func(a *answer) error {
		index := a.calls
		a.calls++
		head := wireCall{Index: &index, ID: id, Type: "function"}
		head.Function.Name = name
		if err := a.delta(wireDelta{ToolCalls: []wireCall{head}}); err != nil {
			return err
		}
		for _, f := range fragments {
			piece := wireCall{Index: &index}
			piece.Function.Arguments = f
			if err := a.delta(wireDelta{ToolCalls: []wireCall{piece}}); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Begin sends the headers and the first chunk, which has the role only. Other
// steps do so themselves; Begin is for scripts that then wait or break.
func Begin() Step { return Step{func(a *answer) error { return a.begin() }} }

// Usage sets the token counts that the answer reports.
func Usage(u TokenUsage) Step {
	return Step{func(a *answer) error { a.usage = &u; return nil }}
}

// Finish ends the answer with a reason, usage where it was asked for, and
// [DONE]. Steps after it still play.
func Finish(reason string) Step {
	return Step{func(a *answer) error { return a.finish(reason) }}
}

// FinishOnly sends the finish reason and ends there: no usage, no [DONE].
func FinishOnly(reason string) Step {
	return Step{func(a *answer) error {
		a.finished = true
		return a.choice(wireChoice{FinishReason: &reason})
	}}
}

// Gate waits until the channel is closed or gives a value.
func Gate(open <-chan struct{}) Step {
	return Step{func(a *answer) error { return wait(a, open) }}
}

// Wait waits for a duration.
func Wait(d time.Duration) Step {
	return Step{func(a *answer) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		return wait(a, timer.C)
	}}
}

// Do calls f when the script comes to it.
func Do(f func()) Step { return Step{func(*answer) error { f(); return nil }} }

// Hang waits until the client leaves or the server closes.
func Hang() Step { return Gate(nil) }

// Cut breaks the connection: before the headers, if nothing was sent yet, or
// in the middle of the body.
func Cut() Step { return Step{func(*answer) error { return errCut }} }

// End ends the answer in good order but early: no finish reason, no [DONE].
func End() Step { return Step{func(a *answer) error { a.finished = true; return a.begin() }} }

// Raw sends text as it is, such as a malformed event.
func Raw(text string) Step { return Step{func(a *answer) error { return a.raw(text) }} }

// StreamError sends an error in the middle of the stream, as an event of type
// "error", and ends there. An answer that is not streamed becomes a 500.
func StreamError(kind, code, message string) Step {
	body := errorBody(&refusal{kind: kind, code: code, message: message})
	return Step{func(a *answer) error {
		if !a.req.Stream {
			return Reply(http.StatusInternalServerError, "application/json", body).play(a)
		}
		a.finished = true
		return a.raw("event: error\ndata: " + body + "\n\n")
	}}
}

// Status answers with an HTTP error in OpenAI's form. Each header is a name
// and a value, as in "Retry-After: 2". It must come before anything is sent.
func Status(status int, message string, headers ...string) Step {
	kind := "server_error"
	switch {
	case status == http.StatusTooManyRequests:
		kind = "rate_limit_exceeded"
	case status < 500:
		kind = "invalid_request_error"
	}
	return Reply(status, "application/json", errorBody(&refusal{kind: kind, message: message}), headers...)
}

// RateLimited answers 429 with Retry-After in whole seconds, rounded up.
func RateLimited(after time.Duration) Step {
	seconds := int((after + time.Second - 1) / time.Second)
	return Status(http.StatusTooManyRequests, "Slow down.", "Retry-After: "+strconv.Itoa(seconds))
}

// Reply answers with any status, content type and body, such as a web page.
func Reply(status int, contentType, body string, headers ...string) Step {
	return Step{func(a *answer) error {
		if a.begun && a.req.Stream {
			return fmt.Errorf("llmtest: the script replies with status %d after the answer has begun", status)
		}
		a.begun, a.finished, a.replied = true, true, true
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ":")
			a.w.Header().Set(strings.TrimSpace(name), strings.TrimSpace(value))
		}
		a.w.Header().Set("Content-Type", contentType)
		a.w.WriteHeader(status)
		return a.write(body)
	}}
}

// Echo is the script for requests that have none: it repeats the question,
// word by word, so that the answer follows from the request alone.
func Echo(req *Request) []Step {
	answer := "You said: " + req.LastUser()
	return []Step{Text(strings.SplitAfter(answer, " ")...)}
}

// Match decides whether a script is for a request.
type Match func(*Request) bool

// Any matches every request.
func Any(*Request) bool { return true }

// Asked matches requests whose last user message is the text.
func Asked(text string) Match { return func(r *Request) bool { return r.LastUser() == text } }

// AskedAbout matches requests whose last user message contains the text.
func AskedAbout(text string) Match {
	return func(r *Request) bool { return strings.Contains(r.LastUser(), text) }
}
