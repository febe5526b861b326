package answer

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/dejahq/deja"
)

// RunRequest begins a run on a thread.
type RunRequest struct {
	// ID is the run's id when the request may be sent again (deja.DerivedID):
	// a run of that id that is there already is given instead of a second.
	// Empty: a new id.
	ID string

	ThreadID    string
	AssistantID string
	Messages    []*deja.Message // additional_messages, appended first

	// Overrides: nil or empty take the assistant's.
	Model                  string
	Instructions           *string
	AdditionalInstructions string
	Tools                  []deja.Tool
	OverrideTools          bool
	Settings               deja.Run // Metadata, Temperature, TopP, Max*, TruncationStrategy, ToolChoice, ParallelToolCalls, ResponseFormat, ReasoningEffort

	Control Control
}

// RunStream follows a run.
type RunStream struct {
	Run     *deja.Run // as created
	Outcome Outcome
	Key     string
	Age     time.Duration
	Bill    Bill // as far as it was known then; Run.Served has it when the run rests

	feed   *feed[RunEvent]
	flight *flight // nil for a run that is told from the store
	rate   float64 // of a cached answer's pieces a second; 0: all at once
}

// Events yields the run's events from the first on, in the order that
// official clients expect, until the run rests (terminal or requires_action).
// Several readers may follow, each at its own pace; leaving one early does not
// touch the run. A cached answer may be paced for its reader; the run is not
// held up by that. idle is that of Reply.Deltas.
func (s *RunStream) Events(ctx context.Context, idle func() error) iter.Seq2[RunEvent, error] {
	return func(yield func(RunEvent, error) bool) {
		pace := newPacer(s.rate)
		for e, err := range s.feed.read(ctx, idle) {
			if err == nil && e.Name == "thread.message.delta" {
				err = pace.wait(ctx, idle)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// RunEvent is one event of a run; Name is the SSE event name and tells which
// field is set. What it points to is a snapshot of that moment.
type RunEvent struct {
	Name    string               // thread.run.created ... thread.message.delta ... thread.run.completed
	Run     *deja.Run            // thread.run.*
	Step    *deja.RunStep        // thread.run.step.*
	Message *deja.Message        // thread.message.*: with Seq 0 until it is stored
	Text    string               // thread.message.delta: the piece of text
	Tools   []deja.ToolCallDelta // thread.run.step.delta
	RunID   string               // of Step and delta events
}

// liveRun is a run that this process drives.
type liveRun struct {
	cancel context.CancelCauseFunc
	stream *RunStream
}

// StartRun claims the thread, stores the run and lets it go on by itself, to
// its end even when nobody follows. Outcome and key are known when it returns.
// CodeActiveRun when the thread is busy.
func (a *Answerer) StartRun(ctx context.Context, r RunRequest) (*RunStream, error) {
	asst, err := a.layers.Assistant(ctx, r.AssistantID)
	if err != nil {
		return nil, err
	}
	if err := a.begin(); err != nil {
		return nil, err
	}
	defer a.work.Done()
	if r.ID != "" {
		if s, err := a.sameRun(ctx, r); s != nil || err != nil {
			return s, err
		}
		for i, m := range r.Messages {
			m.ID = deja.DerivedID(deja.MessagePrefix, r.ID, strconv.Itoa(i))
		}
	}

	run := newRun(asst, r, time.Now().UTC().Truncate(time.Millisecond), a.o.RunTimeout)
	thread, err := a.layers.Store().CreateRun(ctx, run, run.CreatedAt)
	if err != nil {
		if code := deja.ErrorCode(err); r.ID != "" && (code == deja.CodeConflict || code == deja.CodeActiveRun) {
			// The same request may have got there first.
			if s, e := a.sameRun(ctx, r); s != nil || e != nil {
				return s, e
			}
		}
		return nil, err
	}
	// From here the thread is claimed: whatever happens, the run must end.
	d := &driver{a: a, run: run, assistant: asst, control: r.Control, feed: &feed[RunEvent]{}}
	s, err := d.start(ctx, thread.Seq, r.Messages)
	return d.begun(ctx, s, err)
}

// begun gives a run that goes on; or it ends the run, when it could not begin.
func (d *driver) begun(ctx context.Context, s *RunStream, err error) (*RunStream, error) {
	if err == nil {
		return s, nil
	}
	if errors.Is(err, errPromptTooLong) && d.run.MaxPromptTokens != nil {
		d.run.IncompleteReason = "max_prompt_tokens"
		d.end(context.WithoutCancel(ctx), deja.RunIncomplete, nil)
		return &RunStream{Run: d.snapshot(), Outcome: Bypass, feed: d.feed}, nil
	}
	d.fail(context.WithoutCancel(ctx), err)
	return nil, err
}

func newRun(asst *deja.Assistant, r RunRequest, now time.Time, timeout time.Duration) *deja.Run {
	run := r.Settings
	if run.ID = r.ID; run.ID == "" {
		run.ID = deja.NewID(deja.RunPrefix)
	}
	run.ThreadID, run.AssistantID = r.ThreadID, asst.ID
	// Stored as in_progress at once: there is no queue, and a state that lasts
	// a microsecond is not worth a write. Clients still see the queued event.
	run.Status = deja.RunInProgress
	run.CreatedAt, run.StartedAt, run.SeenAt, run.ExpiresAt = now, now, now, now.Add(timeout)
	run.NoStore = r.Control.NoStore
	run.Model = asst.Model
	if r.Model != "" {
		run.Model = r.Model
	}
	run.Instructions = asst.Instructions
	if r.Instructions != nil {
		run.Instructions = *r.Instructions
	}
	run.Instructions = joinParagraphs(run.Instructions, r.AdditionalInstructions)
	run.Tools = slices.Clone(asst.Tools)
	if r.OverrideTools {
		run.Tools = r.Tools
	}
	if run.Temperature == nil {
		run.Temperature = asst.Temperature
	}
	if run.TopP == nil {
		run.TopP = asst.TopP
	}
	if run.ResponseFormat == nil {
		run.ResponseFormat = asst.ResponseFormat
	}
	if run.ReasoningEffort == "" {
		run.ReasoningEffort = asst.ReasoningEffort
	}
	return &run
}

// SubmitToolOutputs continues a run that requires action, with the output of
// every call that it waits for, by call id.
func (a *Answerer) SubmitToolOutputs(ctx context.Context, threadID, runID string, outputs map[string]string) (*RunStream, error) {
	if err := a.begin(); err != nil {
		return nil, err
	}
	defer a.work.Done()
	run, err := deja.EditRun(ctx, a.layers.Store(), threadID, runID, func(run *deja.Run) error {
		if run.Status != deja.RunRequiresAction {
			return deja.Errorf(deja.CodeInvalid, "Runs in status '%s' do not accept tool outputs.", run.Status)
		}
		if !run.ExpiresAt.IsZero() && time.Now().After(run.ExpiresAt) {
			return deja.Errorf(deja.CodeInvalid, "Run '%s' has expired.", run.ID)
		}
		return takeOutputs(run, outputs, time.Now().UTC())
	})
	if err != nil {
		return nil, err
	}
	d := &driver{a: a, run: run, feed: &feed[RunEvent]{}}
	s, err := d.resume(ctx)
	return d.begun(ctx, s, err)
}

// takeOutputs moves the outputs into the run's last step, which then is done.
func takeOutputs(run *deja.Run, outputs map[string]string, now time.Time) error {
	if len(run.Steps) == 0 || len(outputs) != len(run.RequiredAction) {
		return deja.Errorf(deja.CodeInvalid, "Expected tool outputs for %d call ids, got %d.", len(run.RequiredAction), len(outputs)).WithParam("tool_outputs")
	}
	step := &run.Steps[len(run.Steps)-1]
	for i, c := range step.ToolCalls {
		out, ok := outputs[c.ID]
		if !ok {
			return deja.Errorf(deja.CodeInvalid, "No tool output for call id '%s'.", c.ID).WithParam("tool_outputs")
		}
		step.ToolCalls[i].Output = &out
	}
	step.Status, step.CompletedAt = deja.RunCompleted, now
	run.Status, run.RequiredAction, run.SeenAt = deja.RunInProgress, nil, now
	return nil
}

// CancelRun asks a run to end. A run that waits for its caller ends at once;
// one that is being answered ends as soon as its driver, on whichever node,
// sees it.
func (a *Answerer) CancelRun(ctx context.Context, threadID, runID string) (*deja.Run, error) {
	run, err := deja.EditRun(ctx, a.layers.Store(), threadID, runID, func(run *deja.Run) error {
		now := time.Now().UTC()
		switch {
		case run.Status.Terminal():
			return deja.Errorf(deja.CodeInvalid, "Cannot cancel run with status '%s'.", run.Status)
		case run.Status == deja.RunRequiresAction, !run.ExpiresAt.IsZero() && now.After(run.ExpiresAt):
			endRun(run, deja.RunCancelled, nil, now)
		default:
			run.Status = deja.RunCancelling
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	live, here := a.runs[runID]
	a.mu.Unlock()
	if here {
		live.cancel(errRunCancelled)
	}
	return run, nil
}

// Forget ends what is under way here for a thread that was deleted.
func (a *Answerer) Forget(threadID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, live := range a.runs {
		if live.stream.Run.ThreadID == threadID {
			live.cancel(errRunCancelled)
		}
	}
}

// errRunCancelled is the cause of a run's end when its caller asked for it.
var errRunCancelled = deja.Errorf(deja.CodeCancelled, "The run was cancelled.")

// errRunExpired is the cause of the end of a run that took longer than it may.
var errRunExpired = deja.Errorf(deja.CodeUpstream, "The run has expired.")

// endRun gives a run its last state, and its unfinished steps with it.
func endRun(run *deja.Run, status deja.RunStatus, why *deja.RunError, now time.Time) {
	run.Status, run.LastError, run.RequiredAction = status, why, nil
	switch status {
	case deja.RunCompleted, deja.RunIncomplete:
		run.CompletedAt = now
	case deja.RunCancelled:
		run.CancelledAt = now
	case deja.RunFailed:
		run.FailedAt = now
	}
	for i := range run.Steps {
		step := &run.Steps[i]
		if step.Status.Terminal() {
			continue
		}
		switch status {
		case deja.RunCancelled:
			step.Status, step.CancelledAt = deja.RunCancelled, now
		case deja.RunFailed:
			step.Status, step.FailedAt, step.LastError = deja.RunFailed, now, why
		case deja.RunExpired:
			step.Status, step.LastError = deja.RunExpired, why
		default:
			step.Status, step.CompletedAt = deja.RunCompleted, now
		}
	}
}

// runError says in the API's words why a run failed.
func runError(err error) *deja.RunError {
	code := "server_error"
	switch deja.ErrorCode(err) {
	case deja.CodeRateLimited:
		code = "rate_limit_exceeded"
	case deja.CodeInvalid, deja.CodeTooLarge:
		code = "invalid_prompt"
	}
	return &deja.RunError{Code: code, Message: deja.ErrorMessage(err)}
}
