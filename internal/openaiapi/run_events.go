package openaiapi

import (
	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
)

// showEvent gives the data of a run's event: the whole object, or a delta.
func showEvent(run *deja.Run, e answer.RunEvent) any {
	switch {
	case e.Run != nil:
		return showRun(e.Run)
	case e.Name == "thread.message.delta":
		return newMessageDelta(e)
	case e.Name == "thread.run.step.delta":
		return newStepDelta(e)
	case e.Step != nil:
		return showStep(run, e.Step)
	}
	switch e.Name {
	case "thread.message.completed":
		return showMessageAs(e.Message, messageCompleted)
	case "thread.message.incomplete":
		return showMessageAs(e.Message, messageIncomplete)
	}
	// What a message says comes in deltas; clients that find an element already
	// there don't see it begin.
	m := showMessageAs(e.Message, messageInProgress)
	m.Content = []contentObject{}
	return m
}

// messageDelta is MessageDeltaObject of the public document.
type messageDelta struct {
	ID     string          `json:"id"`
	Object string          `json:"object"`
	Delta  messageDeltaNew `json:"delta"`
}

type messageDeltaNew struct {
	Content []textDelta `json:"content"`
}

type textDelta struct {
	Index int    `json:"index"`
	Type  string `json:"type"`
	Text  struct {
		Value string `json:"value"`
	} `json:"text"`
}

func newMessageDelta(e answer.RunEvent) messageDelta {
	t := textDelta{Type: deja.PartText}
	t.Text.Value = e.Text
	d := messageDelta{Object: "thread.message.delta", Delta: messageDeltaNew{Content: []textDelta{t}}}
	if e.Message != nil {
		d.ID = e.Message.ID
	}
	return d
}

// stepDelta is RunStepDeltaObject of the public document.
type stepDelta struct {
	ID     string       `json:"id"`
	Object string       `json:"object"`
	Delta  stepDeltaNew `json:"delta"`
}

type stepDeltaNew struct {
	StepDetails stepDetails `json:"step_details"`
}

func newStepDelta(e answer.RunEvent) stepDelta {
	d := stepDelta{Object: "thread.run.step.delta", Delta: stepDeltaNew{StepDetails: stepDetails{Type: deja.StepToolCalls}}}
	if e.Step != nil {
		d.ID = e.Step.ID
	}
	for _, c := range e.Tools {
		call := stepCall{Index: new(c.Index), ID: c.ID, Type: "function"}
		call.Function.Name, call.Function.Arguments = c.Name, c.Arguments
		d.Delta.StepDetails.ToolCalls = append(d.Delta.StepDetails.ToolCalls, call)
	}
	return d
}
