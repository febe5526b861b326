package answer

import (
	"context"
	"time"

	"github.com/dejahq/deja"
)

// sameRun gives the run of a request that was sent before, nil when it was
// not: followed live when this process drives it, else as the store has it.
func (a *Answerer) sameRun(ctx context.Context, r RunRequest) (*RunStream, error) {
	a.mu.Lock()
	live, here := a.runs[r.ID]
	a.mu.Unlock()
	if here {
		return live.stream, nil
	}
	run, err := a.layers.Store().Run(ctx, r.ThreadID, r.ID)
	switch {
	case deja.ErrorCode(err) == deja.CodeNotFound:
		return nil, nil
	case err != nil:
		return nil, err
	case run.AssistantID != r.AssistantID:
		return nil, deja.Errorf(deja.CodeInvalid, "The Idempotency-Key was used for a run of another assistant.")
	}
	s := &RunStream{Run: run, Outcome: Bypass, feed: &feed[RunEvent]{}}
	follow, cancel := a.detached(ctx, a.o.RunTimeout, a.tooLong())
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	a.work.Go(func() {
		defer cancel(nil)
		defer stop()
		a.retell(follow, run, s.feed)
	})
	return s, nil
}

// retellEvery is how often a run that another node drives is looked at.
const retellEvery = 250 * time.Millisecond

// retell tells a run from the store, once it rests.
func (a *Answerer) retell(ctx context.Context, run *deja.Run, to *feed[RunEvent]) {
	for !run.Status.Terminal() && run.Status != deja.RunRequiresAction {
		if !pause(ctx, retellEvery) {
			to.end(context.Cause(ctx))
			return
		}
		now, err := a.layers.Store().Run(ctx, run.ThreadID, run.ID)
		if err != nil {
			to.end(err)
			return
		}
		run = now
	}
	queued, started := *run, *run
	queued.Status, started.Status = deja.RunQueued, deja.RunInProgress
	to.add(
		RunEvent{Name: "thread.run.created", Run: &queued, RunID: run.ID},
		RunEvent{Name: "thread.run.queued", Run: &queued, RunID: run.ID},
		RunEvent{Name: "thread.run.in_progress", Run: &started, RunID: run.ID},
	)
	for i := range run.Steps {
		if err := a.retellStep(ctx, run, &run.Steps[i], to); err != nil {
			to.end(err)
			return
		}
	}
	to.add(RunEvent{Name: "thread.run." + string(run.Status), Run: run, RunID: run.ID})
	to.end(nil)
}

func (a *Answerer) retellStep(ctx context.Context, run *deja.Run, step *deja.RunStep, to *feed[RunEvent]) error {
	begun := *step
	begun.Status = deja.RunInProgress
	to.add(
		RunEvent{Name: "thread.run.step.created", Step: &begun, RunID: run.ID},
		RunEvent{Name: "thread.run.step.in_progress", Step: &begun, RunID: run.ID},
	)
	if step.Type == deja.StepMessage && step.Status == deja.RunCompleted {
		m, err := a.layers.Store().Message(ctx, run.ThreadID, step.MessageID)
		switch {
		case deja.ErrorCode(err) == deja.CodeNotFound: // deleted since
		case err != nil:
			return err
		default:
			empty := *m
			empty.Content = deja.Text("")
			to.add(
				RunEvent{Name: "thread.message.created", Message: &empty, RunID: run.ID},
				RunEvent{Name: "thread.message.in_progress", Message: &empty, RunID: run.ID},
				RunEvent{Name: "thread.message.delta", Message: &empty, Text: m.Text(), RunID: run.ID},
				RunEvent{Name: "thread.message.completed", Message: m, RunID: run.ID},
			)
		}
	}
	if step.Status.Terminal() {
		to.add(RunEvent{Name: "thread.run.step." + string(step.Status), Step: step, RunID: run.ID})
	}
	return nil
}
