package answer

import (
	"context"
	"time"

	"github.com/dejahq/deja"
)

// driver takes one run from its claim to its rest, and tells its feed.
type driver struct {
	a         *Answerer
	run       *deja.Run // the driver's own; readers get snapshots
	assistant *deja.Assistant
	control   Control
	feed      *feed[RunEvent]

	message *deja.Message // the message being written, once there is text
	step    int           // its step's position in run.Steps
	reply   *Reply
}

// start begins a new run whose thread was claimed at seq.
func (d *driver) start(ctx context.Context, seq int64, more []*deja.Message) (*RunStream, error) {
	if len(more) > 0 {
		var err error
		if seq, err = d.a.layers.AppendMessages(ctx, d.run.ThreadID, more...); err != nil {
			return nil, err
		}
	}
	// Clients expect to see the run as queued first.
	queued := d.snapshot()
	queued.Status, queued.StartedAt = deja.RunQueued, time.Time{}
	d.feed.add(
		RunEvent{Name: "thread.run.created", Run: queued, RunID: d.run.ID},
		RunEvent{Name: "thread.run.queued", Run: queued, RunID: d.run.ID},
	)
	return d.begin(ctx, seq, queued)
}

// resume goes on with a run after its tool outputs came.
func (d *driver) resume(ctx context.Context) (*RunStream, error) {
	var err error
	if d.assistant, err = d.a.layers.Assistant(ctx, d.run.AssistantID); err != nil {
		return nil, err
	}
	thread, err := d.a.layers.Store().Thread(ctx, d.run.ThreadID)
	if err != nil {
		return nil, err
	}
	if n := len(d.run.Steps); n > 0 {
		d.tell("thread.run.step.completed", &d.run.Steps[n-1])
	}
	d.control.NoStore = d.run.NoStore
	queued := d.snapshot()
	queued.Status = deja.RunQueued
	d.feed.add(RunEvent{Name: "thread.run.queued", Run: queued, RunID: d.run.ID})
	return d.begin(ctx, thread.Seq, d.snapshot())
}

// begin asks the question and leaves the rest to a goroutine of its own. shown
// is the run as its caller first sees it.
func (d *driver) begin(ctx context.Context, seq int64, shown *deja.Run) (*RunStream, error) {
	d.feed.add(RunEvent{Name: "thread.run.in_progress", Run: d.snapshot(), RunID: d.run.ID})
	tc, err := d.context(ctx, seq)
	if err != nil {
		return nil, err
	}
	p, err := d.a.prepare(ctx, d.assistant, d.run.ThreadID, d.request(tc), d.run.Instructions, d.budget(), d.control)
	if err != nil {
		return nil, err
	}
	// No longer than it holds its thread: after that, another run may begin.
	drive, cancel := d.a.detached(ctx, time.Until(d.run.ExpiresAt), errRunExpired)
	if d.reply, err = d.a.reply(drive, p); err != nil {
		cancel(nil)
		return nil, err
	}
	s := &RunStream{
		Run: shown, Outcome: d.reply.Outcome, Key: d.reply.Key, Age: d.reply.Age, Bill: d.reply.Bill(),
		feed: d.feed, rate: d.reply.rate, flight: d.reply.flight,
	}
	d.a.mu.Lock()
	d.a.runs[d.run.ID] = liveRun{cancel, s}
	d.a.mu.Unlock()
	// What attends the run knows it by name: the run itself is the driver's.
	threadID, runID := d.run.ThreadID, d.run.ID
	d.a.work.Go(func() { d.a.attend(drive, threadID, runID, cancel) })
	d.a.work.Go(func() {
		defer d.done(s, cancel)
		d.drive(drive)
	})
	return s, nil
}

// done takes the run off those driven here, unless it goes on already: its
// caller may have sent the outputs as soon as the run was put to rest.
func (d *driver) done(s *RunStream, cancel context.CancelCauseFunc) {
	d.a.mu.Lock()
	if d.a.runs[d.run.ID].stream == s {
		delete(d.a.runs, d.run.ID)
	}
	d.a.mu.Unlock()
	cancel(nil)
}

// budget is how many tokens the model may be shown: what the caller allows, or
// what any model takes.
func (d *driver) budget() int {
	if d.run.MaxPromptTokens != nil {
		return *d.run.MaxPromptTokens
	}
	return d.a.o.ContextTokens
}

// drive follows the answer and ends the run.
func (d *driver) drive(ctx context.Context) {
	for e, err := range d.reply.events(ctx, nil) {
		switch {
		case err != nil:
			d.fail(context.WithoutCancel(ctx), err)
			return
		case e.restart:
			d.restart()
		case len(e.calls) > 0:
			d.called(e.calls)
		case e.delta != nil && e.delta.Text != "":
			d.say(e.delta.Text)
		}
	}
	d.rest(context.WithoutCancel(ctx), d.reply.flight.answer)
}

// called reports a round of query_data calls that deja executed.
func (d *driver) called(calls []deja.ToolCall) {
	now := time.Now().UTC()
	step := deja.RunStep{
		ID: deja.NewID(deja.StepPrefix), Type: deja.StepToolCalls, Status: deja.RunInProgress,
		ToolCalls: calls, CreatedAt: now,
	}
	d.tell("thread.run.step.created", &step)
	d.tell("thread.run.step.in_progress", &step)
	step.Status, step.CompletedAt = deja.RunCompleted, now
	d.run.Steps = append(d.run.Steps, step)
	d.tell("thread.run.step.completed", &step)
}

// say adds a piece to the message, which begins with the first piece.
func (d *driver) say(text string) {
	d.open()
	d.message.Content[0].Text += text
	d.feed.add(RunEvent{Name: "thread.message.delta", Message: &deja.Message{ID: d.message.ID, ThreadID: d.message.ThreadID}, Text: text, RunID: d.run.ID})
}

// restart gives up the message being written, and with it what was said; the
// answer begins again with a message of its own.
func (d *driver) restart() {
	if d.message == nil {
		return
	}
	now := time.Now().UTC()
	step := &d.run.Steps[d.step]
	step.Status, step.FailedAt = deja.RunFailed, now
	step.LastError = runError(errRestarted)
	d.tellMessage("thread.message.incomplete")
	d.tell("thread.run.step.failed", step)
	d.message = nil
}

func (d *driver) open() {
	if d.message != nil {
		return
	}
	now := time.Now().UTC()
	d.message = &deja.Message{
		ID: deja.NewID(deja.MessagePrefix), ThreadID: d.run.ThreadID, CreatedAt: now, Role: deja.RoleAssistant,
		Content: deja.Text(""), AssistantID: d.run.AssistantID, RunID: d.run.ID,
	}
	d.run.Steps = append(d.run.Steps, deja.RunStep{
		ID: deja.NewID(deja.StepPrefix), Type: deja.StepMessage, Status: deja.RunInProgress,
		MessageID: d.message.ID, CreatedAt: now,
	})
	d.step = len(d.run.Steps) - 1
	d.tell("thread.run.step.created", &d.run.Steps[d.step])
	d.tell("thread.run.step.in_progress", &d.run.Steps[d.step])
	d.tellMessage("thread.message.created")
	d.tellMessage("thread.message.in_progress")
}

// rest ends the run, or this part of it, after a whole answer. The message is
// stored before the run is: a run that shows as completed has its message.
func (d *driver) rest(ctx context.Context, answer *deja.Answer) {
	usage := answer.Usage
	if d.run.Usage != nil {
		usage = usage.Add(*d.run.Usage)
	}
	d.run.Served = d.reply.served(d.run.Served)
	if answer.FinishReason == deja.FinishContentFilter {
		d.fail(ctx, deja.Errorf(deja.CodeInvalid, "The model's content filter stopped the answer."))
		return
	}
	// Calls that were cut off at a limit are none to wait for.
	waits := answer.FinishReason == deja.FinishToolCalls && len(answer.ToolCalls) > 0
	if d.message == nil && len(answer.ToolCalls) == 0 {
		d.open() // an empty answer is an answer
	}
	if d.message != nil {
		if answer.Refusal != "" && answer.Text == "" {
			d.message.Content[0].Text = answer.Refusal
		}
		if err := d.append(ctx); err != nil {
			d.fail(ctx, err)
			return
		}
		step := &d.run.Steps[d.step]
		step.Status, step.CompletedAt, step.Usage = deja.RunCompleted, time.Now().UTC(), new(answer.Usage)
		d.tellMessage("thread.message.completed")
		d.tell("thread.run.step.completed", step)
	}
	d.run.Usage = &usage
	if waits {
		d.wait(ctx, answer.ToolCalls)
		return
	}
	status := deja.RunCompleted
	if answer.FinishReason == deja.FinishLength {
		status = deja.RunIncomplete
		d.run.IncompleteReason = "max_completion_tokens"
	}
	d.end(ctx, status, nil)
}

// appendAttempts is how often a message is appended whose first attempt failed.
const appendAttempts = 3

// append appends the run's message. A failure may come after the store has the
// message; it is appended once, however often that is tried.
func (d *driver) append(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		_, err := d.a.layers.AppendMessages(ctx, d.run.ThreadID, d.message)
		switch deja.ErrorCode(err) {
		case deja.CodeUnavailable, deja.CodeInternal:
		default:
			return err
		}
		if attempt == appendAttempts || !pause(ctx, time.Duration(attempt)*takeoverPause) {
			return err
		}
		d.a.log.WarnContext(ctx, "a message is appended again", "run", d.run.ID, "error", err)
	}
}

// wait puts the run to rest until its caller has executed the calls.
func (d *driver) wait(ctx context.Context, calls []deja.ToolCall) {
	step := deja.RunStep{
		ID: deja.NewID(deja.StepPrefix), Type: deja.StepToolCalls, Status: deja.RunInProgress,
		ToolCalls: calls, CreatedAt: time.Now().UTC(),
	}
	empty := step
	empty.ToolCalls = nil
	d.tell("thread.run.step.created", &empty)
	d.tell("thread.run.step.in_progress", &empty)
	var deltas []deja.ToolCallDelta
	for i, c := range calls {
		deltas = append(deltas, deja.ToolCallDelta{Index: i, ID: c.ID, Name: c.Name, Arguments: c.Arguments})
	}
	d.feed.add(RunEvent{Name: "thread.run.step.delta", Step: copyStep(&step), Tools: deltas, RunID: d.run.ID})
	d.run.Steps = append(d.run.Steps, step)
	d.run.Status, d.run.RequiredAction = deja.RunRequiresAction, calls
	d.run.SeenAt = d.run.ExpiresAt // until then nobody needs to be at work on it
	if err := d.save(ctx); err != nil {
		d.fail(ctx, err)
		return
	}
	// Unless it was ended elsewhere meanwhile.
	d.feed.add(RunEvent{Name: "thread.run." + string(d.run.Status), Run: d.snapshot(), RunID: d.run.ID})
	d.feed.end(nil)
}
