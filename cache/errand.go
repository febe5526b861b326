package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// errand is an invalidation on its way to Redis. Once sent, it goes on to its
// end, within the hard timeout, whether or not somebody waits for it.
type errand struct {
	do      func(context.Context, rueidis.Client) (told, error)
	queue   func()     // keeps it for when Redis is back
	after   func(told) // what this node has must follow, now that Redis was told, or is away
	entries []string   // for the fleet's log
}

// told is what Redis answered.
type told struct {
	floor  int64
	stored bool // another value is in the place of the old one
}

// errandEnd is what came of an errand.
type errandEnd struct {
	told
	remote    bool // Redis has it
	announced announced
	mute      error // that it was not announced
}

// send runs an errand and waits as long as the promise demands, or until ctx
// ends or the engine is closed. In any case rec then says how far it had come.
func (r *remote) send(ctx context.Context, rec *Receipt, promise Promise, x errand) (stored bool, err error) {
	end, err := r.dispatch(ctx, x, promise == Acknowledged)
	rec.Remote, rec.Queued = end.remote, !end.remote
	rec.Version = max(rec.Version, end.floor)
	rec.Nodes = max(int(r.fleet.size.Load()), 1)
	switch {
	case err != nil:
		rec.Acknowledged = 0
	case !end.remote:
	case promise == Strict:
		rec.Acknowledged = rec.Nodes // they ask before they serve
	case promise == Acknowledged && end.mute != nil:
		rec.Nodes = max(rec.Nodes, 2) // Redis went away meanwhile: nobody knows who else is there
	case promise == Acknowledged:
		rec.Nodes, rec.Acknowledged, err = r.fleet.await(ctx, x.entries, end.announced)
	}
	return end.stored, err
}

// dispatch runs an errand. When ctx ends before it does, it gives the error of
// ctx, and the errand goes on without the caller, who holds a share of the
// engine's work.
func (r *remote) dispatch(ctx context.Context, x errand, announce bool) (errandEnd, error) {
	own := context.WithoutCancel(ctx)
	if ctx.Done() == nil {
		return r.carry(own, x, announce), nil
	}
	done := make(chan errandEnd, 1)
	r.engine.work.Go(func() { done <- r.carry(own, x, announce) })
	select {
	case end := <-done:
		return end, nil
	case <-ctx.Done():
	}
	select {
	case end := <-done: // both: prefer the answer
		return end, nil
	default:
		return errandEnd{}, context.Cause(ctx)
	}
}

// carry runs an errand to its end. When Redis is away it is queued. When nobody
// knows whether Redis has it, it is queued as well, and Redis is not asked any
// more until it was told again.
func (r *remote) carry(ctx context.Context, x errand, announce bool) (end errandEnd) {
	_ = r.within(ctx, func(ctx context.Context) error {
		err := errAway
		if c, ok := r.client(); ok {
			end.told, err = x.do(ctx, c)
		}
		if end.remote = err == nil; err != nil {
			x.queue()
			r.trip(err) // also when it was away: it may be back since, and nothing replayed this
		}
		// What this node has read since it dropped what it had is not pushed
		// to it, because the invalidation comes from itself.
		x.after(end.told)
		if end.remote && announce {
			end.announced, end.mute = r.announce(ctx, x.entries)
		}
		return nil
	})
	return end
}

// errLate is why contexts ended that the engine gave a time.
var errLate = fmt.Errorf("cache: redis did not answer in time: %w", context.DeadlineExceeded)

// within gives f the hard timeout.
func (r *remote) within(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.engine.o.HardTimeout, errLate)
	defer cancel()
	return f(ctx)
}

// impatient says whether a command failed by a deadline that a caller has set,
// and not the engine: that says nothing about Redis.
func impatient(ctx context.Context, err error) bool {
	if !errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if _, soft := ctx.(*deadline); soft {
		return false
	}
	if until, ok := ctx.Deadline(); ctx.Err() == nil && (!ok || time.Now().Before(until)) {
		return false
	}
	<-ctx.Done() // the timer of the connection may be first
	return !errors.Is(context.Cause(ctx), errLate)
}
