// Package answer makes one turn of an assistant: it puts together what the
// model needs, asks the answer cache first and the model only when it must,
// lets identical questions share one call, executes query_data on the way,
// and keeps threads and runs in step.
package answer

import (
	"context"
	"iter"
	"time"

	"github.com/dejahq/deja"
)

// Model answers requests. There are two: internal/llm and internal/localmodel.
type Model interface {
	// Name says what answers, for humans: "openai-compatible" or "deja-local".
	Name() string
	// Stream yields deltas, the last of which has a FinishReason; or an error, as
	// the last element. Ending the iteration or ctx ends the call.
	Stream(ctx context.Context, req *deja.ModelRequest) iter.Seq2[deja.Delta, error]
}

// Outcome says how a question was answered: the X-Deja-Cache header.
type Outcome string

// The outcomes.
const (
	Hit       Outcome = "hit"
	Similar   Outcome = "similar"
	Coalesced Outcome = "coalesced"
	Miss      Outcome = "miss"
	Bypass    Outcome = "bypass"
	Refresh   Outcome = "refresh"
)

// Control is what a caller says about caching (Cache-Control, or the "cache"
// object of a body).
type Control struct {
	NoCache      bool          // don't answer from the cache, but do refresh it
	NoStore      bool          // don't cache the answer
	OnlyIfCached bool          // CodeNotCached rather than a model call
	MaxAge       time.Duration // older answers are misses; 0: any age
}

// SKETCH (bodies follow).

// Answerer answers questions. Safe for concurrent use.
type Answerer struct{}

// Question is a stateless turn (chat completions): the whole conversation in
// Request.Messages, ending with the newest message. Instructions and schema
// of the assistant are added here, not by the caller. Unset sampling settings
// take the assistant's.
type Question struct {
	AssistantID string
	Client      string // who asks (a hash of the key or address): scope of answers that are not shared
	Request     deja.ModelRequest
	Control     Control
}

// Ask looks up or begins an answer. Outcome, Key and Age are known when it
// returns; the answer itself streams. Errors before the first delta come from
// the first read.
func (a *Answerer) Ask(ctx context.Context, q Question) (*Reply, error) { panic("sketch") }

// Reply is an answer on its way.
type Reply struct {
	Outcome Outcome
	Key     string        // the answer's key; empty when the cache was bypassed
	Age     time.Duration // of a cached answer
}

// Deltas yields the visible answer: text, reasoning, tool calls of the
// caller's own tools, and at the end the finish reason with the total usage.
// It can be read once. Leaving it early ends this reader only.
func (r *Reply) Deltas(ctx context.Context) iter.Seq2[deja.Delta, error] { panic("sketch") }

// Wait reads to the end and gives the whole answer.
func (r *Reply) Wait(ctx context.Context) (*deja.Answer, error) { panic("sketch") }

// RunRequest begins a run on a thread.
type RunRequest struct {
	ThreadID    string
	AssistantID string
	Messages    []*deja.Message // additional_messages, appended first

	// Overrides: nil or empty take the assistant's.
	Model                  string
	Instructions           *string
	AdditionalInstructions string
	Tools                  []deja.Tool
	OverrideTools          bool
	Settings               deja.Run // Metadata, Temperature, TopP, Max*, TruncationStrategy, ToolChoice, ParallelToolCalls, ResponseFormat

	Control Control
}

// StartRun claims the thread, stores the run and lets it go on by itself, to
// its end even when nobody follows. Outcome and key are known when it returns.
// CodeActiveRun when the thread is busy.
func (a *Answerer) StartRun(ctx context.Context, r RunRequest) (*RunStream, error) { panic("sketch") }

// SubmitToolOutputs continues a run that requires action.
func (a *Answerer) SubmitToolOutputs(ctx context.Context, threadID, runID string, outputs map[string]string) (*RunStream, error) {
	panic("sketch")
}

// CancelRun asks a run to end.
func (a *Answerer) CancelRun(ctx context.Context, threadID, runID string) (*deja.Run, error) {
	panic("sketch")
}

// RunStream follows a run.
type RunStream struct {
	Run     *deja.Run // as created
	Outcome Outcome
	Key     string
	Age     time.Duration
}

// Events yields the run's events from the first on, in the order that
// official clients expect, until the run rests (terminal or requires_action).
// Several readers may follow, each at its own pace.
func (s *RunStream) Events(ctx context.Context) iter.Seq2[RunEvent, error] { panic("sketch") }

// RunEvent is one event of a run; Name is the SSE event name and tells which
// field is set.
type RunEvent struct {
	Name    string               // thread.run.created ... thread.message.delta ... thread.run.completed
	Run     *deja.Run            // thread.run.*
	Step    *deja.RunStep        // thread.run.step.*
	Message *deja.Message        // thread.message.*: with Seq 0 until it is stored
	Text    string               // thread.message.delta: the piece of text
	Tools   []deja.ToolCallDelta // thread.run.step.delta
	RunID   string               // of Step and delta events
}

// Close stops taking questions and waits for runs under way until ctx ends,
// then cancels them (they end as failed or cancelled, never in_progress).
func (a *Answerer) Close(ctx context.Context) error { panic("sketch") }
