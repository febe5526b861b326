package mongo

import (
	"encoding/json"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/dejahq/deja"
)

type runDoc struct {
	ID       string        `bson:"_id"`
	ThreadID string        `bson:"thread_id"`
	Version  int64         `bson:"_v"`
	Order    bson.ObjectID `bson:"ord"` // orders runs of one millisecond

	State runState `bson:",inline"`
}

// runState is what UpdateRun replaces.
type runState struct {
	AssistantID         string          `bson:"assistant_id"`
	Status              deja.RunStatus  `bson:"status"`
	CreatedAt           time.Time       `bson:"created_at"`
	ExpiresAt           time.Time       `bson:"expires_at"`
	StartedAt           time.Time       `bson:"started_at"`
	CompletedAt         time.Time       `bson:"completed_at"`
	CancelledAt         time.Time       `bson:"cancelled_at"`
	FailedAt            time.Time       `bson:"failed_at"`
	SeenAt              time.Time       `bson:"seen_at"`
	LastError           *deja.RunError  `bson:"last_error"`
	IncompleteReason    string          `bson:"incomplete_reason"`
	Model               string          `bson:"model"`
	Instructions        string          `bson:"instructions"`
	Tools               []deja.Tool     `bson:"tools"`
	Metadata            metadata        `bson:"metadata"`
	Temperature         *float64        `bson:"temperature"`
	TopP                *float64        `bson:"top_p"`
	MaxPromptTokens     *int            `bson:"max_prompt_tokens"`
	MaxCompletionTokens *int            `bson:"max_completion_tokens"`
	TruncationStrategy  json.RawMessage `bson:"truncation_strategy"`
	ToolChoice          json.RawMessage `bson:"tool_choice"`
	ParallelToolCalls   *bool           `bson:"parallel_tool_calls"`
	ResponseFormat      json.RawMessage `bson:"response_format"`
	ReasoningEffort     string          `bson:"reasoning_effort"`
	NoStore             bool            `bson:"no_store"`
	RequiredAction      []deja.ToolCall `bson:"required_action"`
	Usage               *deja.Usage     `bson:"usage"`
	Served              *deja.Served    `bson:"served"`
	Steps               []deja.RunStep  `bson:"steps"`
}

func stateOf(r *deja.Run) runState {
	return runState{
		AssistantID: r.AssistantID, Status: r.Status,
		CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, StartedAt: r.StartedAt,
		CompletedAt: r.CompletedAt, CancelledAt: r.CancelledAt, FailedAt: r.FailedAt, SeenAt: r.SeenAt,
		LastError: r.LastError, IncompleteReason: r.IncompleteReason,
		Model: r.Model, Instructions: r.Instructions, Tools: r.Tools, Metadata: r.Metadata,
		Temperature: r.Temperature, TopP: r.TopP,
		MaxPromptTokens: r.MaxPromptTokens, MaxCompletionTokens: r.MaxCompletionTokens,
		TruncationStrategy: r.TruncationStrategy, ToolChoice: r.ToolChoice,
		ParallelToolCalls: r.ParallelToolCalls, ResponseFormat: r.ResponseFormat, ReasoningEffort: r.ReasoningEffort,
		NoStore: r.NoStore, RequiredAction: r.RequiredAction, Usage: r.Usage, Served: r.Served, Steps: r.Steps,
	}
}

func (d *runDoc) run() *deja.Run {
	return &deja.Run{
		ID: d.ID, ThreadID: d.ThreadID, Version: d.Version,
		AssistantID: d.State.AssistantID, Status: d.State.Status,
		CreatedAt: d.State.CreatedAt, ExpiresAt: d.State.ExpiresAt, StartedAt: d.State.StartedAt,
		CompletedAt: d.State.CompletedAt, CancelledAt: d.State.CancelledAt, FailedAt: d.State.FailedAt, SeenAt: d.State.SeenAt,
		LastError: d.State.LastError, IncompleteReason: d.State.IncompleteReason,
		Model: d.State.Model, Instructions: d.State.Instructions, Tools: d.State.Tools, Metadata: d.State.Metadata,
		Temperature: d.State.Temperature, TopP: d.State.TopP,
		MaxPromptTokens: d.State.MaxPromptTokens, MaxCompletionTokens: d.State.MaxCompletionTokens,
		TruncationStrategy: d.State.TruncationStrategy, ToolChoice: d.State.ToolChoice,
		ParallelToolCalls: d.State.ParallelToolCalls, ResponseFormat: d.State.ResponseFormat, ReasoningEffort: d.State.ReasoningEffort,
		NoStore: d.State.NoStore, RequiredAction: d.State.RequiredAction, Usage: d.State.Usage, Served: d.State.Served, Steps: d.State.Steps,
	}
}
