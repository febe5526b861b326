package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

type runRequest struct {
	AssistantID string `json:"assistant_id"`
	Stream      bool   `json:"stream"`
}

// Run lets an assistant answer what is last in a thread, and streams the
// run's events. The answer is appended to the thread even if the stream is
// left early. A run that fails, expires or is cancelled ends with an *Error;
// one that requires action ends without.
func (c *Client) Run(ctx context.Context, threadID, assistantID string, opts ...CallOption) (*Stream, error) {
	p, err := path("/v1/threads/%s/runs", threadID)
	if err != nil {
		return nil, err
	}
	return c.stream(ctx, p, runRequest{AssistantID: assistantID, Stream: true}, collect(opts), decodeRun)
}

func decodeRun(ev sseEvent, a *Answer) (Event, bool, error) {
	switch {
	case ev.name == "done" || bytes.Equal(ev.data, endOfStream):
		return Event{}, true, nil
	case ev.name == "error":
		return Event{}, false, streamError(ev.data)
	}
	out := Event{Name: ev.name, Data: bytes.Clone(ev.data)}
	switch {
	case ev.name == "thread.message.delta":
		text, err := messageDelta(ev.data)
		out.Text = text
		return out, false, err
	case ev.name == "thread.message.completed":
		var m struct {
			ID string `json:"id"`
		}
		if err := unmarshalEvent(ev, &m); err != nil {
			return Event{}, false, err
		}
		a.MessageID = m.ID
	case strings.HasPrefix(ev.name, "thread.run.") && !strings.HasPrefix(ev.name, "thread.run.step."):
		return out, false, runState(ev, a)
	}
	return out, false, nil
}

// runState takes what is of interest from a run object.
func runState(ev sseEvent, a *Answer) error {
	var run struct {
		ID        string     `json:"id"`
		Status    string     `json:"status"`
		Model     string     `json:"model"`
		Usage     *Usage     `json:"usage"`
		Deja      *Bill      `json:"deja"`
		LastError *wireError `json:"last_error"`
	}
	if err := unmarshalEvent(ev, &run); err != nil {
		return err
	}
	a.RunID, a.RunStatus, a.Model = run.ID, run.Status, run.Model
	if run.Usage != nil {
		a.Usage = *run.Usage
	}
	if run.Deja != nil {
		a.Bill = *run.Deja
	}
	switch run.Status {
	case "failed", "expired", "cancelled":
		if run.LastError != nil {
			return run.LastError.err()
		}
		return &Error{Code: run.Status, Message: "the run has " + map[string]string{
			"failed": "failed", "expired": "expired", "cancelled": "been cancelled",
		}[run.Status]}
	}
	return nil
}

func messageDelta(data []byte) (string, error) {
	var m struct {
		Delta struct {
			Content []Content `json:"content"`
		} `json:"delta"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return "", fmt.Errorf("client: a piece of the answer cannot be read: %w", err)
	}
	var b strings.Builder
	for _, c := range m.Delta.Content {
		b.WriteString(c.Text.Value)
	}
	return b.String(), nil
}

func unmarshalEvent(ev sseEvent, v any) error {
	if err := json.Unmarshal(ev.data, v); err != nil {
		return fmt.Errorf("client: the event %s cannot be read: %w", ev.name, err)
	}
	return nil
}
