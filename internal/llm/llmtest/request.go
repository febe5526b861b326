package llmtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Request is a chat completion request as the server read it.
type Request struct {
	Model        string
	Messages     []Message
	Tools        []Tool
	Stream       bool
	IncludeUsage bool

	Header http.Header
	Body   json.RawMessage // as it came
	// Refused says why the server turned the request down; empty when it did not.
	Refused string
}

// Message is one message of a Request.
type Message struct {
	Role       string
	Text       string   // the text parts, joined by line breaks
	Images     []string // addresses of image parts
	ToolCalls  []ToolCall
	ToolCallID string
}

// ToolCall is a finished call on an assistant message.
type ToolCall struct {
	ID, Name, Arguments string
}

// Tool is a function that the model may call.
type Tool struct {
	Name        string
	Description string
	Parameters  json.RawMessage
}

// LastUser gives the text of the last user message, "" when there is none.
func (r *Request) LastUser() string {
	for i := len(r.Messages) - 1; i >= 0; i-- {
		if r.Messages[i].Role == "user" {
			return r.Messages[i].Text
		}
	}
	return ""
}

// Last gives the last message, the zero Message when there is none.
func (r *Request) Last() Message {
	if len(r.Messages) == 0 {
		return Message{}
	}
	return r.Messages[len(r.Messages)-1]
}

// Field decodes one top-level field of the body into v and reports whether
// the field was there.
func (r *Request) Field(name string, v any) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(r.Body, &fields) != nil {
		return false
	}
	raw, ok := fields[name]
	return ok && json.Unmarshal(raw, v) == nil
}

// refusal is a request that the server turns down.
type refusal struct {
	status  int
	kind    string // the error's type
	code    string
	param   string
	message string
}

func invalid(param, format string, args ...any) *refusal {
	return &refusal{http.StatusBadRequest, "invalid_request_error", "", param, fmt.Sprintf(format, args...)}
}

// decodeRequest reads a body the way a strict server does: no unknown field,
// no wrong type, no message out of place.
func decodeRequest(body []byte) (*Request, *refusal) {
	req := &Request{Body: body}
	var w wireRequest
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w); err != nil {
		return req, invalid(unknownField(err), "the body cannot be read: %v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return req, invalid("", "the body goes on after the JSON value")
	}
	req.Model = w.Model
	if w.Stream != nil {
		req.Stream = *w.Stream
	}
	if w.StreamOptions != nil {
		req.IncludeUsage = w.StreamOptions.IncludeUsage
	}
	if bad := w.check(); bad != nil {
		return req, bad
	}
	for i, m := range w.Messages {
		message, bad := m.message(fmt.Sprintf("messages.[%d]", i))
		if bad != nil {
			return req, bad
		}
		req.Messages = append(req.Messages, message)
	}
	for _, t := range w.Tools {
		req.Tools = append(req.Tools, Tool{t.Function.Name, t.Function.Description, t.Function.Parameters})
	}
	return req, checkOrder(req.Messages)
}

// unknownField finds the name in encoding/json's complaint about it.
func unknownField(err error) string {
	_, name, ok := strings.Cut(err.Error(), `unknown field "`)
	if !ok {
		return ""
	}
	return strings.TrimSuffix(name, `"`)
}

// checkOrder holds tool messages to the calls that they answer.
func checkOrder(messages []Message) *refusal {
	open := map[string]bool{} // calls of the last assistant message without an answer
	for i, m := range messages {
		at := fmt.Sprintf("messages.[%d].role", i)
		if m.Role == "tool" {
			if !open[m.ToolCallID] {
				return invalid(at, "a tool message must answer a tool call of the assistant message before it; %q does not", m.ToolCallID)
			}
			delete(open, m.ToolCallID)
			continue
		}
		if len(open) > 0 {
			return invalid(at, "%d tool calls have no tool message", len(open))
		}
		for _, call := range m.ToolCalls {
			open[call.ID] = true
		}
	}
	if len(open) > 0 {
		return invalid("messages", "%d tool calls have no tool message", len(open))
	}
	return nil
}
