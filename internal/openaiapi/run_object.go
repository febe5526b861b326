package openaiapi

import (
	"encoding/json"

	"github.com/dejahq/deja"
)

// runObject is RunObject of the public document.
type runObject struct {
	ID                  string            `json:"id"`
	Object              string            `json:"object"`
	CreatedAt           int64             `json:"created_at"`
	ThreadID            string            `json:"thread_id"`
	AssistantID         string            `json:"assistant_id"`
	Status              deja.RunStatus    `json:"status"`
	RequiredAction      *requiredAction   `json:"required_action"`
	LastError           *deja.RunError    `json:"last_error"`
	ExpiresAt           *int64            `json:"expires_at"`
	StartedAt           *int64            `json:"started_at"`
	CancelledAt         *int64            `json:"cancelled_at"`
	FailedAt            *int64            `json:"failed_at"`
	CompletedAt         *int64            `json:"completed_at"`
	IncompleteDetails   *incomplete       `json:"incomplete_details"`
	Model               string            `json:"model"`
	Instructions        string            `json:"instructions"`
	Tools               []any             `json:"tools"`
	Metadata            map[string]string `json:"metadata"`
	Usage               *runUsage         `json:"usage"`
	Temperature         *float64          `json:"temperature"`
	TopP                *float64          `json:"top_p"`
	MaxPromptTokens     *int              `json:"max_prompt_tokens"`
	MaxCompletionTokens *int              `json:"max_completion_tokens"`
	TruncationStrategy  json.RawMessage   `json:"truncation_strategy"`
	ToolChoice          json.RawMessage   `json:"tool_choice"`
	ParallelToolCalls   bool              `json:"parallel_tool_calls"`
	ResponseFormat      json.RawMessage   `json:"response_format"`
	Deja                *billObject       `json:"deja,omitempty"`
}

type requiredAction struct {
	Type              string        `json:"type"`
	SubmitToolOutputs requiredCalls `json:"submit_tool_outputs"`
}

type requiredCalls struct {
	ToolCalls []callObject `json:"tool_calls"`
}

// callObject is a call of a function, without its output.
type callObject struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function callSpec `json:"function"`
}

type callSpec struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

func showCalls(calls []deja.ToolCall) []callObject {
	out := make([]callObject, len(calls))
	for i, c := range calls {
		out[i] = callObject{ID: c.ID, Type: "function", Function: callSpec{Name: c.Name, Arguments: c.Arguments}}
	}
	return out
}

// runUsage is RunCompletionUsage.
type runUsage struct {
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	TotalTokens      int64 `json:"total_tokens"`
}

func showRunUsage(u *deja.Usage) *runUsage {
	if u == nil {
		return nil
	}
	return &runUsage{PromptTokens: u.PromptTokens, CompletionTokens: u.CompletionTokens, TotalTokens: u.Total()}
}

// autoTruncation is what truncation_strategy is when nobody has set it.
var autoTruncation = json.RawMessage(`{"type":"auto","last_messages":null}`)

func showRun(r *deja.Run) runObject {
	o := runObject{
		ID: r.ID, Object: "thread.run", CreatedAt: seconds(r.CreatedAt),
		ThreadID: r.ThreadID, AssistantID: r.AssistantID, Status: r.Status, LastError: r.LastError,
		StartedAt: optional(r.StartedAt), CancelledAt: optional(r.CancelledAt),
		FailedAt: optional(r.FailedAt), CompletedAt: optional(r.CompletedAt),
		Model: r.Model, Instructions: r.Instructions, Tools: toolObjects(r.Tools), Metadata: orEmpty(r.Metadata),
		Usage: showRunUsage(r.Usage), Temperature: r.Temperature, TopP: r.TopP,
		MaxPromptTokens: r.MaxPromptTokens, MaxCompletionTokens: r.MaxCompletionTokens,
		TruncationStrategy: r.TruncationStrategy, ToolChoice: orAuto(r.ToolChoice),
		ParallelToolCalls: r.ParallelToolCalls == nil || *r.ParallelToolCalls, ResponseFormat: orAuto(r.ResponseFormat),
		Deja: showServed(r.Served),
	}
	if len(o.TruncationStrategy) == 0 {
		o.TruncationStrategy = autoTruncation
	}
	if !r.Status.Terminal() {
		o.ExpiresAt = optional(r.ExpiresAt)
	}
	if r.IncompleteReason != "" {
		o.IncompleteDetails = &incomplete{r.IncompleteReason}
	}
	if r.Status == deja.RunRequiresAction && len(r.RequiredAction) > 0 {
		o.RequiredAction = &requiredAction{
			Type:              "submit_tool_outputs",
			SubmitToolOutputs: requiredCalls{ToolCalls: showCalls(r.RequiredAction)},
		}
	}
	return o
}
