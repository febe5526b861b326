package deja

import (
	"encoding/json"
	"time"
)

// RunStatus is the state of a run.
type RunStatus string

// The states of a run.
const (
	RunQueued         RunStatus = "queued"
	RunInProgress     RunStatus = "in_progress"
	RunRequiresAction RunStatus = "requires_action"
	RunCancelling     RunStatus = "cancelling"
	RunCancelled      RunStatus = "cancelled"
	RunFailed         RunStatus = "failed"
	RunCompleted      RunStatus = "completed"
	RunIncomplete     RunStatus = "incomplete"
	RunExpired        RunStatus = "expired"
)

// Terminal reports whether a run in this state will not change any more.
func (s RunStatus) Terminal() bool {
	switch s {
	case RunCancelled, RunFailed, RunCompleted, RunIncomplete, RunExpired:
		return true
	}
	return false
}

// Run is one turn of an assistant on a thread.
type Run struct {
	ID          string    `json:"id"`
	ThreadID    string    `json:"thread_id"`
	AssistantID string    `json:"assistant_id"`
	Version     int64     `json:"version"` // 1 at creation, +1 with every update
	Status      RunStatus `json:"status"`

	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	StartedAt   time.Time `json:"started_at,omitzero"`
	CompletedAt time.Time `json:"completed_at,omitzero"`
	CancelledAt time.Time `json:"cancelled_at,omitzero"`
	FailedAt    time.Time `json:"failed_at,omitzero"`

	// SeenAt is when the node that is at work on the run last said so; of a run
	// that waits for its caller, when it expires. See Store.UnfinishedRuns.
	SeenAt time.Time `json:"seen_at,omitzero"`

	LastError        *RunError `json:"last_error,omitempty"`
	IncompleteReason string    `json:"incomplete_reason,omitempty"` // max_completion_tokens or max_prompt_tokens

	// The settings in force: the assistant's, unless the request said otherwise.
	Model               string            `json:"model"`
	Instructions        string            `json:"instructions"`
	Tools               []Tool            `json:"tools,omitempty"`
	Metadata            map[string]string `json:"metadata,omitempty"`
	Temperature         *float64          `json:"temperature,omitempty"`
	TopP                *float64          `json:"top_p,omitempty"`
	MaxPromptTokens     *int              `json:"max_prompt_tokens,omitempty"`
	MaxCompletionTokens *int              `json:"max_completion_tokens,omitempty"`
	TruncationStrategy  json.RawMessage   `json:"truncation_strategy,omitempty"`
	ToolChoice          json.RawMessage   `json:"tool_choice,omitempty"`
	ParallelToolCalls   *bool             `json:"parallel_tool_calls,omitempty"`
	ResponseFormat      json.RawMessage   `json:"response_format,omitempty"`
	ReasoningEffort     string            `json:"reasoning_effort,omitempty"`

	// NoStore says that the caller wants no answer of this run cached.
	NoStore bool `json:"no_store,omitempty"`

	// RequiredAction holds the function calls that wait for the caller's
	// outputs while the status is requires_action.
	RequiredAction []ToolCall `json:"required_action,omitempty"`

	Usage  *Usage    `json:"usage,omitempty"`
	Served *Served   `json:"served,omitempty"`
	Steps  []RunStep `json:"steps,omitempty"`
}

// Served says where a run's answers came from and what they cost.
type Served struct {
	Cache string `json:"cache"`         // of the last answer: hit, miss, ..., as in X-Deja-Cache
	Key   string `json:"key,omitempty"` // of the last answer in the cache

	// Of the last answer: who gave it, when it was not the model that was asked
	// for, and whether it had outlived its lifetime and was given because no
	// model answered.
	Fallback string `json:"fallback,omitempty"`
	Stale    bool   `json:"stale,omitempty"`

	// What all answers together cost, and what the cache saved, in billionths of
	// Currency; nil when a price was not known.
	Cost     *int64 `json:"cost,omitempty"`
	Saved    *int64 `json:"saved,omitempty"`
	Currency string `json:"currency,omitempty"`
}

// RunError says why a run failed.
type RunError struct {
	Code    string `json:"code"` // server_error, rate_limit_exceeded or invalid_prompt
	Message string `json:"message"`
}

// RunStep is one step of a run: a message that it wrote, or tools that it called.
type RunStep struct {
	ID          string     `json:"id"`
	Type        string     `json:"type"` // message_creation or tool_calls
	Status      RunStatus  `json:"status"`
	MessageID   string     `json:"message_id,omitempty"`
	ToolCalls   []ToolCall `json:"tool_calls,omitempty"`
	Usage       *Usage     `json:"usage,omitempty"`
	LastError   *RunError  `json:"last_error,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	CompletedAt time.Time  `json:"completed_at,omitzero"`
	CancelledAt time.Time  `json:"cancelled_at,omitzero"`
	FailedAt    time.Time  `json:"failed_at,omitzero"`
}

// The types of run steps.
const (
	StepMessage   = "message_creation"
	StepToolCalls = "tool_calls"
)
