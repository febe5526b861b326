package answer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/dejahq/deja"
)

// fail ends the run because of an error: as cancelled when its caller asked
// for that, as expired when its time is over, as failed otherwise.
func (d *driver) fail(ctx context.Context, err error) {
	if errors.Is(err, errRunCancelled) {
		d.end(ctx, deja.RunCancelled, nil)
		return
	}
	if errors.Is(err, errRunExpired) {
		d.end(ctx, deja.RunExpired, runError(err))
		return
	}
	d.a.log.WarnContext(ctx, "a run failed", "run", d.run.ID, "thread", d.run.ThreadID, "error", err)
	d.end(ctx, deja.RunFailed, runError(err))
}

// end stores the run's last state and tells it. When the run was changed
// elsewhere meanwhile (cancelled, or ended by another node), that state wins.
func (d *driver) end(ctx context.Context, status deja.RunStatus, why *deja.RunError) {
	writing := d.message != nil && !d.run.Steps[d.step].Status.Terminal()
	endRun(d.run, status, why, time.Now().UTC())
	var step deja.RunStep
	if writing {
		step = d.run.Steps[d.step] // save may put another run in the place of this
	}
	switch err := d.save(ctx); {
	case err == nil:
	case deja.ErrorCode(err) == deja.CodeNotFound: // deleted with its thread: nobody can ask for it any more
	default:
		d.a.log.ErrorContext(ctx, "a run's end was not stored", "run", d.run.ID, "status", status, "error", err)
		if deja.ErrorCode(err) != deja.CodeInvalid {
			d.feed.end(err)
			return
		}
	}
	if writing {
		d.tellMessage("thread.message.incomplete")
		d.tell("thread.run.step."+string(step.Status), &step)
	}
	d.feed.add(RunEvent{Name: "thread.run." + string(d.run.Status), Run: d.snapshot(), RunID: d.run.ID})
	d.feed.end(nil)
}

// save writes the run. A run that was asked to end while it was being
// answered ends as cancelled; one that has ended elsewhere stays as it is.
func (d *driver) save(ctx context.Context) error {
	err := d.a.layers.Store().UpdateRun(ctx, d.run)
	if deja.ErrorCode(err) != deja.CodeConflict {
		return err
	}
	mine := d.run
	theirs, err := deja.EditRun(ctx, d.a.layers.Store(), mine.ThreadID, mine.ID, func(run *deja.Run) error {
		if run.Status.Terminal() {
			return errEnded
		}
		asked := run.Status == deja.RunCancelling
		meta, version := run.Metadata, run.Version
		*run = *mine
		run.Metadata, run.Version = meta, version
		if asked && mine.Status != deja.RunCompleted {
			endRun(run, deja.RunCancelled, nil, time.Now().UTC())
		}
		return nil
	})
	if errors.Is(err, errEnded) {
		if theirs, err = d.a.layers.Store().Run(ctx, mine.ThreadID, mine.ID); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	d.run = theirs
	return nil
}

// errEnded stops an edit of a run that cannot change any more.
var errEnded = errors.New("answer: the run has ended")

func (d *driver) tell(name string, step *deja.RunStep) {
	d.feed.add(RunEvent{Name: name, Step: copyStep(step), RunID: d.run.ID})
}

func (d *driver) tellMessage(name string) {
	m := *d.message
	m.Content = slices.Clone(m.Content)
	d.feed.add(RunEvent{Name: name, Message: &m, RunID: d.run.ID})
}

func (d *driver) snapshot() *deja.Run {
	r := *d.run
	r.Steps = slices.Clone(r.Steps)
	return &r
}

func copyStep(s *deja.RunStep) *deja.RunStep {
	c := *s
	c.ToolCalls = slices.Clone(c.ToolCalls)
	return &c
}
