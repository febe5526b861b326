package deja

import (
	"encoding/json"
	"time"
)

// ModelRequest is what a model is asked: everything that its answer depends
// on, and nothing else.
type ModelRequest struct {
	Model    string        `json:"model"`
	Messages []ChatMessage `json:"messages"`
	Tools    []Tool        `json:"tools,omitempty"` // function tools only

	ToolChoice          json.RawMessage `json:"tool_choice,omitempty"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls,omitempty"`
	Temperature         *float64        `json:"temperature,omitempty"`
	TopP                *float64        `json:"top_p,omitempty"`
	MaxCompletionTokens *int            `json:"max_completion_tokens,omitempty"`
	Stop                []string        `json:"stop,omitempty"`
	Seed                *int64          `json:"seed,omitempty"`
	PresencePenalty     *float64        `json:"presence_penalty,omitempty"`
	FrequencyPenalty    *float64        `json:"frequency_penalty,omitempty"`
	ResponseFormat      json.RawMessage `json:"response_format,omitempty"`
	ReasoningEffort     string          `json:"reasoning_effort,omitempty"`

	// Fallbacks are asked when Model's server fails. They are no part of what is
	// asked, so they are not encoded.
	Fallbacks []Fallback `json:"-"`
}

// ChatMessage is one message of a ModelRequest.
type ChatMessage struct {
	Role       Role       `json:"role"`
	Content    []Part     `json:"content,omitempty"`
	Name       string     `json:"name,omitempty"`
	ToolCalls  []ToolCall `json:"tool_calls,omitempty"`   // on assistant messages
	ToolCallID string     `json:"tool_call_id,omitempty"` // on tool messages
}

// ToolCall is a call that the model asks for. Output is the result, once known.
type ToolCall struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Arguments string  `json:"arguments"` // JSON text, as the model wrote it
	Output    *string `json:"output,omitempty"`
}

// Delta is one piece of a streamed answer. A stream is any number of deltas of
// which the last, and only it, has a FinishReason; a stream that ends
// otherwise was cut and is an error.
type Delta struct {
	Text      string          `json:"text,omitempty"`
	Reasoning string          `json:"reasoning,omitempty"`
	Refusal   string          `json:"refusal,omitempty"`
	ToolCalls []ToolCallDelta `json:"tool_calls,omitempty"`

	// Fallback names who speaks when it is not the model that was asked for. On
	// the first delta and the last.
	Fallback string `json:"fallback,omitempty"`

	// On the last delta.
	FinishReason FinishReason `json:"finish_reason,omitempty"`
	Usage        *Usage       `json:"usage,omitempty"` // nil when the server did not say
	Model        string       `json:"model,omitempty"` // what the server says answered
	Fingerprint  string       `json:"system_fingerprint,omitempty"`
}

// ToolCallDelta is a piece of a tool call. The first piece of each index has
// the ID and Name; the Arguments of all pieces are joined.
type ToolCallDelta struct {
	Index     int    `json:"index"`
	ID        string `json:"id,omitempty"`
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments,omitempty"`
}

// FinishReason says why a model stopped.
type FinishReason string

// The reasons to stop.
const (
	FinishStop          FinishReason = "stop"
	FinishLength        FinishReason = "length"
	FinishToolCalls     FinishReason = "tool_calls"
	FinishContentFilter FinishReason = "content_filter"
)

// Usage counts tokens.
type Usage struct {
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	CachedTokens     int64 `json:"cached_tokens,omitempty"`    // of the prompt, found in the upstream's own cache
	ReasoningTokens  int64 `json:"reasoning_tokens,omitempty"` // of the completion
	Approximate      bool  `json:"approximate,omitempty"`      // estimated, not counted by a tokenizer
}

// Total is prompt and completion together.
func (u Usage) Total() int64 { return u.PromptTokens + u.CompletionTokens }

// Add gives the sum of two usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		PromptTokens:     u.PromptTokens + v.PromptTokens,
		CompletionTokens: u.CompletionTokens + v.CompletionTokens,
		CachedTokens:     u.CachedTokens + v.CachedTokens,
		ReasoningTokens:  u.ReasoningTokens + v.ReasoningTokens,
		Approximate:      u.Approximate || v.Approximate,
	}
}

// Answer is a complete answer: what is cached, and what a stream adds up to.
type Answer struct {
	// Pieces tell how it was streamed, so that a replay has the same shape.
	Text      string     `json:"text"`
	Pieces    []Piece    `json:"pieces,omitempty"`
	Reasoning string     `json:"reasoning,omitempty"`
	Refusal   string     `json:"refusal,omitempty"`
	ToolCalls []ToolCall `json:"tool_calls,omitempty"` // calls that the caller must execute

	// Steps are the tool calls that deja executed on the way, round by round.
	Steps [][]ToolCall `json:"steps,omitempty"`

	FinishReason FinishReason `json:"finish_reason"`
	Model        string       `json:"model"`
	Fallback     string       `json:"fallback,omitempty"` // who spoke, when it was not the model that was asked for
	Fingerprint  string       `json:"system_fingerprint,omitempty"`
	Usage        Usage        `json:"usage"`
	ModelCalls   int          `json:"model_calls"` // rounds with the model that it took
	Queries      int64        `json:"queries"`     // store queries that it took

	// Took is how long it took to make; 0 when that is not known.
	Took time.Duration `json:"took,omitempty"`
}
