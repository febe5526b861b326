package answer

import (
	"context"
	"encoding/json"

	"github.com/dejahq/deja"
)

// maxLastMessages is how many messages of a thread a run can have the model
// see.
const maxLastMessages = 1000

// context gives the end of the run's thread, at least as new as seq: from the
// cache, unless the run wants to see more than is kept there.
func (d *driver) context(ctx context.Context, seq int64) (*deja.ThreadContext, error) {
	tc, err := d.a.layers.Context(ctx, d.run.ThreadID, seq)
	if err != nil {
		return nil, err
	}
	if n := lastMessages(d.run.TruncationStrategy); n > len(tc.Messages) && tc.Truncated {
		return d.a.layers.Store().ThreadContext(ctx, d.run.ThreadID, min(n, maxLastMessages))
	}
	return tc, nil
}

// lastMessages is how many messages a truncation strategy of the last_messages
// kind leaves; 0 for any other.
func lastMessages(strategy json.RawMessage) int {
	var s struct {
		Type         string `json:"type"`
		LastMessages int    `json:"last_messages"`
	}
	if err := json.Unmarshal(strategy, &s); err != nil || s.Type != "last_messages" {
		return 0
	}
	return max(s.LastMessages, 0)
}

// request is the conversation as the model sees it: the thread, and behind it
// what this run has said and called on the way, in that order. The run's own
// messages are in the thread too, and are no part of what is truncated.
func (d *driver) request(tc *deja.ThreadContext) deja.ModelRequest {
	run := d.run
	req := deja.ModelRequest{
		Model: run.Model, Tools: functionTools(run.Tools),
		ToolChoice: run.ToolChoice, ParallelToolCalls: run.ParallelToolCalls,
		Temperature: run.Temperature, TopP: run.TopP,
		MaxCompletionTokens: run.MaxCompletionTokens, ResponseFormat: run.ResponseFormat,
		ReasoningEffort: run.ReasoningEffort,
	}
	said := make(map[string]string) // by this run: message id -> text
	for _, m := range tc.Messages {
		if m.RunID == run.ID && m.Role == deja.RoleAssistant {
			said[m.ID] = m.Text()
			continue
		}
		req.Messages = append(req.Messages, deja.ChatMessage{Role: m.Role, Content: m.Content})
	}
	if n := lastMessages(run.TruncationStrategy); n > 0 {
		req.Messages = req.Messages[max(0, len(req.Messages)-n):]
	}
	text := ""
	for _, step := range run.Steps {
		if step.Status != deja.RunCompleted {
			continue
		}
		if step.Type == deja.StepMessage {
			text = joinParagraphs(text, said[step.MessageID])
			continue
		}
		if _, theirs := splitCalls(step.ToolCalls); len(theirs) > 0 {
			req.Messages = append(req.Messages, callMessages(text, theirs)...)
			text = ""
		}
	}
	if text != "" {
		req.Messages = append(req.Messages, deja.ChatMessage{Role: deja.RoleAssistant, Content: deja.Text(text)})
	}
	return req
}
