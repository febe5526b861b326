package openaiapi

import (
	"net/http"
	"slices"

	"github.com/dejahq/deja"
)

func (a *API) listSteps(w *response, r *http.Request) error {
	thread, id, err := runIDs(r)
	if err != nil {
		return err
	}
	p, err := page(r, deja.StepPrefix)
	if err != nil {
		return err
	}
	run, err := a.layers.Store().Run(r.Context(), thread, id)
	if err != nil {
		return err
	}
	stepID := func(s *deja.RunStep) string { return s.ID }
	l, err := cut(run.Steps, p, stepID)
	if err != nil {
		return err
	}
	show := func(s *deja.RunStep) stepObject { return showStep(run, s) }
	return w.write(http.StatusOK, newList(l, show, stepID))
}

func (a *API) getStep(w *response, r *http.Request) error {
	thread, id, err := runIDs(r)
	if err != nil {
		return err
	}
	run, err := a.layers.Store().Run(r.Context(), thread, id)
	if err != nil {
		return err
	}
	step := r.PathValue("step_id")
	i := slices.IndexFunc(run.Steps, func(s deja.RunStep) bool { return s.ID == step })
	if i < 0 {
		return missing("run step", step)
	}
	return w.write(http.StatusOK, showStep(run, &run.Steps[i]))
}

// stepObject is RunStepObject of the public document.
type stepObject struct {
	ID          string            `json:"id"`
	Object      string            `json:"object"`
	CreatedAt   int64             `json:"created_at"`
	AssistantID string            `json:"assistant_id"`
	ThreadID    string            `json:"thread_id"`
	RunID       string            `json:"run_id"`
	Type        string            `json:"type"`
	Status      deja.RunStatus    `json:"status"`
	StepDetails stepDetails       `json:"step_details"`
	LastError   *deja.RunError    `json:"last_error"`
	ExpiredAt   *int64            `json:"expired_at"`
	CancelledAt *int64            `json:"cancelled_at"`
	FailedAt    *int64            `json:"failed_at"`
	CompletedAt *int64            `json:"completed_at"`
	Metadata    map[string]string `json:"metadata"`
	Usage       *runUsage         `json:"usage"`
}

type stepDetails struct {
	Type            string           `json:"type"`
	MessageCreation *messageCreation `json:"message_creation,omitempty"`
	ToolCalls       []stepCall       `json:"tool_calls,omitzero"`
}

type messageCreation struct {
	MessageID string `json:"message_id"`
}

// stepCall is a call of a function, with its output once known.
type stepCall struct {
	Index    *int         `json:"index,omitempty"` // in deltas
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type"`
	Function stepCallSpec `json:"function"`
}

type stepCallSpec struct {
	Name      string  `json:"name"`
	Arguments string  `json:"arguments"`
	Output    *string `json:"output"`
}

func showStep(run *deja.Run, s *deja.RunStep) stepObject {
	o := stepObject{
		ID: s.ID, Object: "thread.run.step", CreatedAt: seconds(s.CreatedAt),
		AssistantID: run.AssistantID, ThreadID: run.ThreadID, RunID: run.ID,
		Type: s.Type, Status: s.Status, StepDetails: stepDetails{Type: s.Type},
		CancelledAt: optional(s.CancelledAt), FailedAt: optional(s.FailedAt), CompletedAt: optional(s.CompletedAt),
		Metadata: map[string]string{}, Usage: showRunUsage(s.Usage),
	}
	if s.Status == deja.RunExpired {
		o.ExpiredAt = optional(run.ExpiresAt)
	}
	if s.LastError != nil {
		// The document has fewer codes for steps than for runs.
		e := *s.LastError
		if e.Code != "rate_limit_exceeded" {
			e.Code = "server_error"
		}
		o.LastError = &e
	}
	if s.Type == deja.StepMessage {
		o.StepDetails.MessageCreation = &messageCreation{s.MessageID}
		return o
	}
	o.StepDetails.ToolCalls = make([]stepCall, len(s.ToolCalls))
	for i, c := range s.ToolCalls {
		o.StepDetails.ToolCalls[i] = stepCall{ID: c.ID, Type: "function", Function: stepCallSpec{Name: c.Name, Arguments: c.Arguments, Output: c.Output}}
	}
	return o
}
