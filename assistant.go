package deja

import (
	"encoding/json"
	"time"
)

// Assistant is a chat assistant: what it is told, the model that speaks for
// it, and the data that it may look into.
type Assistant struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`

	// Version is 1 at creation and rises by one with every update, in the same
	// write. DataVersion does the same for changes of the data sources only,
	// so that a new name does not void the schema.
	Version     int64 `json:"version"`
	DataVersion int64 `json:"data_version"`

	Name            string            `json:"name,omitempty"`
	Description     string            `json:"description,omitempty"`
	Instructions    string            `json:"instructions,omitempty"`
	Model           string            `json:"model"`
	Tools           []Tool            `json:"tools,omitempty"`
	ToolResources   json.RawMessage   `json:"tool_resources,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	Temperature     *float64          `json:"temperature,omitempty"`
	TopP            *float64          `json:"top_p,omitempty"`
	ResponseFormat  json.RawMessage   `json:"response_format,omitempty"`
	ReasoningEffort string            `json:"reasoning_effort,omitempty"`

	// Sharing decides who may be given an answer that was made for another.
	Sharing Sharing `json:"sharing,omitempty"`

	// Caching says how answers are cached, beyond who shares them.
	Caching Caching `json:"caching,omitzero"`

	// Fallbacks are asked, in order, when the model's server fails before the
	// first token of an answer.
	Fallbacks []Fallback `json:"fallbacks,omitempty"`

	// Sources lists the data sources without their schemas, in the order in
	// which they were attached.
	Sources []SourceRef `json:"sources,omitempty"`

	// Dirty says that the last change has not been confirmed, see
	// [Store.Marks]. The store sets it; it is no part of the JSON.
	Dirty bool `json:"-"`
}

// Mark gives the mark of the assistant's last change.
func (a *Assistant) Mark() Mark {
	return Mark{AssistantID: a.ID, Version: a.Version, DataVersion: a.DataVersion}
}

// Sharing is an assistant's policy for cached answers.
type Sharing string

// The policies. The empty one means ShareThread.
const (
	ShareOff       Sharing = "off"       // answers are not cached
	ShareThread    Sharing = "thread"    // an answer serves its own thread only
	ShareAssistant Sharing = "assistant" // an answer serves every thread of the assistant
)

// Caching is how an assistant's answers are cached. The zero value: for the
// layer's lifetime, found only by the very same question, whatever is asked.
type Caching struct {
	TTL time.Duration `json:"ttl,omitempty"` // of answers; 0: the layer's

	// Normalize lets questions that differ only in Unicode form (NFKC), case,
	// white space or final punctuation share an answer. The model is asked
	// as the first of them was written.
	Normalize bool `json:"normalize,omitempty"`

	// What is not cached at all.
	SkipTimeSensitive bool     `json:"skip_time_sensitive,omitempty"` // questions that speak of now, today, the latest ...
	SkipWords         []string `json:"skip_words,omitempty"`          // questions with one of these words, in any case
	SkipTemperature   *float64 `json:"skip_temperature,omitempty"`    // answers made at a higher temperature
	SkipAttachments   bool     `json:"skip_attachments,omitempty"`    // questions with images

	// SafeTools are the caller's tools whose calls may be cached: an answer that
	// calls one is replayed, calls and all, and the caller executes them again.
	// AnyTool stands for all. An answer that calls another tool is not cached.
	SafeTools []string `json:"safe_tools,omitempty"`

	// StaleIfError is how long after its lifetime an answer may still be given
	// while the model's server fails (RFC 5861). nil: the server's; 0: never.
	StaleIfError *time.Duration `json:"stale_if_error,omitempty"`

	// ReplayRate is how many pieces a second a cached answer is streamed in.
	// nil: the server's; 0: all at once.
	ReplayRate *float64 `json:"replay_rate,omitempty"`
}

// AnyTool stands for every tool in SafeTools.
const AnyTool = "*"

// Fallback is a model to ask instead of the one that was asked for.
type Fallback struct {
	Upstream string `json:"upstream,omitempty"` // a model server's configured name; empty: the default one
	Model    string `json:"model,omitempty"`    // empty: the model that was asked for
}

// String names the fallback for humans: its server, and its model if it says one.
func (f Fallback) String() string {
	s := f.Upstream
	if s == "" {
		s = "default"
	}
	if f.Model != "" {
		s += "/" + f.Model
	}
	return s
}

// SourceRef is what an assistant knows about one of its data sources.
type SourceRef struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

// Tool is something that the model may call. Function tools are executed by
// the caller; deja adds its own query_data when there is data. Tools of other
// types are kept as they were sent.
type Tool struct {
	Type     string          `json:"type"`
	Function *Function       `json:"function,omitempty"`
	Raw      json.RawMessage `json:"raw,omitempty"` // the whole tool as sent, for types other than function
}

// Function describes a function tool.
type Function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      *bool           `json:"strict,omitempty"`
}
