package answer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/dejahq/deja"
)

// A run that is being answered says so in the store, so that every node can
// tell a run whose node was lost from one that takes its time, and end it: no
// run stays in progress.
const (
	seenEvery  = 5 * time.Second  // how often a driver says that it is at work
	lostAfter  = 8 * seenEvery    // without a word for so long, a run is lost
	sweepEvery = 15 * time.Second // how often a node looks for lost runs
	sweepRuns  = 100              // at most, at a time
)

// attend says that the run is at work until ctx ends, and ends it when another
// node was asked to cancel it.
func (a *Answerer) attend(ctx context.Context, threadID, runID string, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		status, err := a.layers.Store().TouchRun(ctx, threadID, runID, time.Now().UTC())
		switch {
		case deja.ErrorCode(err) == deja.CodeNotFound: // deleted with its thread
			cancel(errRunCancelled)
			return
		case err != nil:
			a.log.WarnContext(ctx, "a run could not be marked as being at work", "run", runID, "error", err)
		case status == deja.RunCancelling || status.Terminal():
			cancel(errRunCancelled)
			return
		}
	}
}

// Run ends runs whose nodes were lost, and runs that have expired, until ctx
// ends. With alone set this is the only node there is: runs that the store has
// as being answered when it begins were cut off with the process before, and
// are ended at once.
func (a *Answerer) Run(ctx context.Context, alone bool) {
	if alone {
		a.sweep(ctx, time.Now().UTC())
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.sweep(ctx, time.Now().UTC().Add(-lostAfter))
		}
	}
}

// sweep ends the runs that nobody has been seen at since seenBefore.
func (a *Answerer) sweep(ctx context.Context, seenBefore time.Time) {
	for {
		runs, err := a.layers.Store().UnfinishedRuns(ctx, seenBefore, sweepRuns)
		if err != nil {
			if ctx.Err() == nil {
				a.log.WarnContext(ctx, "lost runs could not be looked for", "error", err)
			}
			return
		}
		ended := 0
		for i := range runs {
			if a.endLost(ctx, &runs[i], seenBefore) {
				ended++
			}
		}
		if len(runs) < sweepRuns || ended == 0 {
			return
		}
	}
}

// errSeen says that somebody is at work on a run after all.
var errSeen = errors.New("answer: the run is not lost")

func (a *Answerer) endLost(ctx context.Context, lost *deja.Run, seenBefore time.Time) bool {
	last, err := a.lastWords(ctx, lost)
	if err != nil {
		if ctx.Err() == nil {
			a.log.WarnContext(ctx, "what a lost run has said could not be read", "run", lost.ID, "error", err)
		}
		return false
	}
	run, err := deja.EditRun(ctx, a.layers.Store(), lost.ThreadID, lost.ID, func(run *deja.Run) error {
		now := time.Now().UTC()
		expired := !run.ExpiresAt.IsZero() && !now.Before(run.ExpiresAt)
		switch {
		case run.Status.Terminal(), !run.SeenAt.Before(seenBefore):
			return errSeen
		case run.Status == deja.RunRequiresAction && !expired:
			return errSeen // it waits for its caller, not for a node
		case last != nil:
			run.Steps = append(run.Steps, *last)
			endRun(run, deja.RunCompleted, nil, now)
		case run.Status == deja.RunCancelling:
			endRun(run, deja.RunCancelled, nil, now)
		case expired:
			endRun(run, deja.RunExpired, &deja.RunError{Code: "server_error", Message: "The run has expired."}, now)
		default:
			endRun(run, deja.RunFailed, &deja.RunError{Code: "server_error", Message: "The server that answered this run was lost."}, now)
		}
		return nil
	})
	switch {
	case err == nil:
		a.log.WarnContext(ctx, "a lost run was ended", "run", run.ID, "thread", run.ThreadID, "status", run.Status)
		return true
	case !errors.Is(err, errSeen) && ctx.Err() == nil:
		a.log.WarnContext(ctx, "a lost run could not be ended", "run", lost.ID, "error", err)
	}
	return false
}

// lastWords gives the step of the message with which a lost run has ended in
// all but name: its node was lost after it had appended the message, and
// before it had stored the run. nil when there is no such message; and where
// it may not be the end: a run with tools of its caller's may have been about
// to ask for their outputs, one with a limit may have been cut at it.
func (a *Answerer) lastWords(ctx context.Context, run *deja.Run) (*deja.RunStep, error) {
	if run.Status == deja.RunRequiresAction || len(functionTools(run.Tools)) > 0 || run.MaxCompletionTokens != nil {
		return nil, nil
	}
	l, err := a.layers.Store().Messages(ctx, run.ThreadID, run.ID, deja.Page{Limit: 1})
	if err != nil || len(l.Data) == 0 {
		if deja.ErrorCode(err) == deja.CodeNotFound { // deleted meanwhile, as the run
			err = nil
		}
		return nil, err
	}
	m := &l.Data[0]
	if slices.ContainsFunc(run.Steps, func(s deja.RunStep) bool { return s.MessageID == m.ID }) {
		return nil, nil
	}
	return &deja.RunStep{
		ID: deja.NewID(deja.StepPrefix), Type: deja.StepMessage, Status: deja.RunCompleted,
		MessageID: m.ID, CreatedAt: m.CreatedAt, CompletedAt: time.Now().UTC(),
	}, nil
}
