package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Stream is an answer on its way. Read it with Events or Wait, once, or Close
// it: until then it holds a connection. It is for one goroutine.
type Stream struct {
	Info Info // known from the start

	answer Answer
	body   io.ReadCloser
	decode decoder
	events *sseReader
	text   strings.Builder
	err    error // why there is nothing more to read; io.EOF after the last event
}

// decoder understands the events of one kind of stream. It adds to the answer
// and reports whether this was the last event.
type decoder func(ev sseEvent, a *Answer) (Event, bool, error)

// Event is one event of a stream.
type Event struct {
	// Name is the event's name, such as "thread.message.delta"; the name of
	// all events of a chat completion is "chat.completion.chunk".
	Name string
	Text string          // the piece of the answer in it, if any
	Data json.RawMessage // all of it, as sent
}

// Answer is what a stream has added up to.
type Answer struct {
	Info
	Text         string
	FinishReason string // "stop", "length", "tool_calls" or "content_filter"; of chat completions
	Model        string
	Usage        Usage

	// Of runs.
	RunID     string
	RunStatus string // "completed", "incomplete" or "requires_action"
	MessageID string
}

// Usage counts tokens.
type Usage struct {
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	TotalTokens      int64 `json:"total_tokens"`
}

// errClosed is what reading on gives after a stream was left early.
var errClosed = errors.New("client: the stream was closed before its end")

// endTime is how long the end of the response may take after the last event.
// Only a connection whose response was read to its end can be used again.
const endTime = time.Second

// stream sends a POST whose answer is a stream of events.
func (c *Client) stream(ctx context.Context, path string, body any, o *callOptions, d decoder) (*Stream, error) {
	header := http.Header{"Accept": {"text/event-stream"}}
	if o.cacheControl != "" {
		header.Set("Cache-Control", o.cacheControl)
	}
	resp, err := c.send(ctx, request{method: http.MethodPost, path: path, header: header, body: body})
	if err != nil {
		return nil, err
	}
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media != "text/event-stream" {
		resp.Body.Close()
		return nil, fmt.Errorf("client: the answer to POST %s is not a stream of events but %q", path, media)
	}
	s := &Stream{Info: readInfo(resp.Header), body: resp.Body, events: newSSEReader(resp.Body), decode: d}
	s.answer.Info = s.Info
	return s, nil
}

// Events yields the events as they arrive. An error is the last element: an
// *Error if the server reports a failure, io.ErrUnexpectedEOF if the stream
// was cut, the context's if that has ended. Leaving the loop closes the stream.
func (s *Stream) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		defer s.Close()
		for s.err == nil {
			ev, last, err := s.next()
			switch {
			case err != nil:
				s.err = err
			case last:
				s.finish()
			case ev.Name != "" && !yield(ev, nil):
				return
			}
		}
		if !errors.Is(s.err, io.EOF) {
			yield(Event{}, s.err)
		}
	}
}

// finish reads the end of the response behind the last event.
func (s *Stream) finish() {
	s.err = io.EOF
	impatient := time.AfterFunc(endTime, func() { s.body.Close() })
	defer impatient.Stop()
	_, _ = io.CopyN(io.Discard, s.body, 4<<10)
}

func (s *Stream) next() (Event, bool, error) {
	raw, err := s.events.next()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the last event says that it is the last
	}
	if err != nil {
		return Event{}, false, err
	}
	ev, last, err := s.decode(raw, &s.answer)
	s.text.WriteString(ev.Text)
	if refused, ok := errors.AsType[*Error](err); ok {
		refused.Status = http.StatusOK
		refused.RequestID = s.Info.RequestID
	}
	return ev, last, err
}

// Wait reads what is left of the stream and gives the whole answer. With an
// error comes what there was of it.
func (s *Stream) Wait() (*Answer, error) {
	for _, err := range s.Events() {
		if err != nil {
			return s.Answer(), err
		}
	}
	return s.Answer(), nil
}

// Answer gives what has been read so far.
func (s *Stream) Answer() *Answer {
	a := s.answer
	a.Text = s.text.String()
	return &a
}

// Close ends the stream; the server notices. It is idempotent.
func (s *Stream) Close() error {
	if s.err == nil {
		s.err = errClosed
	}
	return s.body.Close()
}

// streamError finds the error in an event's data, if that is what it holds.
func streamError(data []byte) *Error {
	e := parseError(data)
	if e.Message == "" {
		e.Message = "the server gave no reason"
	}
	return e
}
