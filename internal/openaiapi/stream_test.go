package openaiapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// event is one server-sent event.
type event struct {
	name string
	data string
}

// stream is a response that is read as it comes.
type stream struct {
	t    testing.TB
	resp *http.Response
	r    *bufio.Reader
}

// open begins a stream. It is closed with the test, or before.
func (s *server) open(ctx context.Context, path string, body any, headers ...string) *stream {
	s.t.Helper()
	resp := s.send(ctx, "POST", path, body, headers...)
	s.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		b, _ := io.ReadAll(resp.Body)
		s.t.Fatalf("%d %v: %s", resp.StatusCode, resp.Header, b)
	}
	return &stream{t: s.t, resp: resp, r: bufio.NewReader(resp.Body)}
}

// next reads one event; comments are skipped, everything else is wanted to
// have the exact form.
func (s *stream) next() (event, bool) {
	s.t.Helper()
	var e event
	for {
		line, err := s.r.ReadString('\n')
		if err == io.EOF && line == "" && e == (event{}) {
			return e, false
		}
		check(s.t, err)
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "":
			if e.data != "" {
				return e, true
			}
		case strings.HasPrefix(line, ":"):
		case name == "event" && e == (event{}):
			e.name = value
		case name == "data" && e.data == "":
			e.data = value
		default:
			s.t.Fatalf("unexpected line %q", line)
		}
	}
}

// all reads to the end.
func (s *stream) all() []event {
	s.t.Helper()
	var events []event
	for {
		e, ok := s.next()
		if !ok {
			return events
		}
		events = append(events, e)
	}
}

// stream reads a whole run stream and checks every event against the document.
func (s *server) stream(path string, body any, headers ...string) ([]event, http.Header) {
	s.t.Helper()
	st := s.open(s.t.Context(), path, body, headers...)
	events := st.all()
	conformEvents(s.t, events)
	return events, st.resp.Header
}

func conformEvents(t testing.TB, events []event) {
	t.Helper()
	for _, e := range events {
		switch {
		case e.name == "error":
			conforms(t, "ErrorResponse", []byte(e.data))
			continue
		case e.name == "done":
			conforms(t, "DoneEvent", []byte(`{"event":"done","data":"`+e.data+`"}`))
			continue
		}
		whole, err := json.Marshal(obj{"event": e.name, "data": json.RawMessage(e.data)})
		check(t, err)
		conforms(t, "AssistantStreamEvent", whole)
		conforms(t, schemaOf(e.name), []byte(e.data))
	}
}

func schemaOf(name string) string {
	switch {
	case name == "thread.created":
		return "ThreadObject"
	case name == "thread.message.delta":
		return "MessageDeltaObject"
	case name == "thread.run.step.delta":
		return "RunStepDeltaObject"
	case strings.HasPrefix(name, "thread.message."):
		return "MessageObject"
	case strings.HasPrefix(name, "thread.run.step."):
		return "RunStepObject"
	}
	return "RunObject"
}

// names gives the names of events, repeated ones once.
func names(events []event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.name)
	}
	return slices.Compact(out)
}

// said joins the text of the message deltas.
func said(t testing.TB, events []event) string {
	t.Helper()
	var text strings.Builder
	for _, e := range events {
		if e.name == "thread.message.delta" {
			text.WriteString(e.at(t, "delta.content.0.text.value").(string))
		}
	}
	return text.String()
}

// at finds a value in an event's data.
func (e event) at(t testing.TB, path string) any {
	t.Helper()
	var v any
	check(t, json.Unmarshal([]byte(e.data), &v))
	return find(t, v, path)
}

// last gives the last event of that name.
func last(t testing.TB, events []event, name string) event {
	t.Helper()
	for _, e := range slices.Backward(events) {
		if e.name == name {
			return e
		}
	}
	t.Fatalf("no %s in %v", name, names(events))
	return event{}
}
