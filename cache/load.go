package cache

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// loader is a Loader whose values have lost their type.
type loader func(ctx context.Context, f *Fill) (any, error)

// errExited is given to those who wait for a loader that called
// runtime.Goexit.
var errExited = errors.New("cache: the loader ended its goroutine")

// lead runs a flight that the caller started. A hit in Redis is brought on
// the caller's own goroutine, within the soft timeout; everything else on one
// whose context has the values of ctx and not its end: it ends when all
// waiters have left. The caller holds a share of e.work. It reports whether
// the flight has landed already.
func (l *layer) lead(ctx context.Context, f *flight, load loader) bool {
	e := l.engine
	g := grant{fill: true, away: e.remote == nil || f.call.away}
	if e.remote != nil {
		g.soft = e.remote.soft.context()
		g.force = f.call.refresh
		if f.stale != nil {
			g.seen = f.stale.mark
		}
		if !f.background && !g.force {
			it, seen, err := l.read(g.soft, &f.watch, &f.call)
			if it != nil {
				e.land(f, it, FromRedis, nil)
				if now := e.clock.NowNano(); now >= it.fresh || early(it, now) {
					l.refresh(ctx, f.key, f.call, load)
				}
				return true
			}
			g.away = err != nil
			g.see(seen)
		}
	}
	l.fly(ctx, f, g, load)
	return false
}

// fly brings what Redis doesn't have at once, on a goroutine of its own. It is
// apart from lead so that a hit there doesn't pay for what is needed here.
func (l *layer) fly(ctx context.Context, f *flight, g grant, load loader) {
	e := l.engine
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.loading(f, cancel)
	e.work.Add(1)
	go func() {
		defer e.work.Done()
		defer cancel()
		if f.background || l.loadSoftTimeout > 0 {
			stop := context.AfterFunc(e.closing, func() { e.dismiss(f) })
			defer stop()
		}
		it, source, err := (*item)(nil), FromLoad, errExited
		defer func() {
			e.land(f, it, source, err)
			if g.keeper != nil {
				g.keeper.release()
			}
		}()
		it, source, err = l.fetch(ctx, f, &g, load)
	}()
}

// refresh starts a background load of a key, unless one is under way or has
// failed a moment ago. The caller holds a share of e.work.
func (l *layer) refresh(ctx context.Context, key memKey, c call, load loader) {
	e := l.engine
	if l.isPutOff(key.id) {
		return
	}
	if f, lead, _ := e.join(key, c, e.seq.Add(1), true); lead {
		l.lead(ctx, f, load)
	} else {
		e.leave(f)
	}
}

// fetch brings an entry from wherever it is, from the source in the end.
func (l *layer) fetch(ctx context.Context, f *flight, g *grant, load loader) (*item, Source, error) {
	if l.isPutOff(f.key.id) {
		if it, source := l.engine.standIn(&f.watch); it != nil {
			return it, source, nil
		}
	}
	if it := l.awaitClaim(ctx, f, g); it != nil {
		return it, FromShared, nil
	}
	if !g.away {
		if it, source := l.acquire(ctx, f, g); it != nil {
			return it, source, nil
		}
	}
	if f.background && !g.fill { // someone else is at it
		it, source := l.meanwhile(&f.watch)
		return it, source, nil
	}
	gens := g.gens
	switch {
	case gens != nil:
	case g.away && g.fill && l.engine.remote != nil:
		gens = l.engine.gens.unasked(f.call.groups)
		l.engine.bind(&f.watch, gens)
	default:
		var err error
		if gens, err = l.engine.gens.resolve(ctx, f.call.groups); err != nil {
			return nil, FromLoad, err
		}
		l.engine.bind(&f.watch, gens)
	}
	it, store, err := l.load(ctx, gens, load)
	if it == nil {
		if old, source := l.failed(ctx, f); old != nil {
			return old, source, nil
		}
		return nil, FromLoad, err
	}
	l.loadsAgain(f.key.id)
	switch {
	case f.background && ctx.Err() != nil:
	case !store:
		l.remove(&f.watch, g)
	case g.fill:
		var err error
		if f.filled, err = l.fill(&f.watch, g, it); err != nil {
			l.warn(&l.logged.fills, "cache: a loaded value is not cached", err)
		}
	}
	return it, FromLoad, err
}

// load runs the loader. It gives no item when the load failed, and for an
// absence both an item and the loader's error. store says whether the item is
// to be cached.
func (l *layer) load(ctx context.Context, gens []*generation, load loader) (it *item, store bool, err error) {
	s := &l.stats
	s.loads.Add(1)
	began := time.Now()
	var in loaded
	if l.loadTimeout > 0 {
		in = l.runWithin(ctx, load)
	} else {
		in = runLoader(ctx, load)
	}
	fill, err := in.fill, in.err
	took := time.Since(began)
	s.loadTime.Add(int64(took))
	s.loadTimes.record(took)
	s.costPaid.Add(uint64(max(fill.Cost, 0)))
	if err != nil && !errors.Is(err, ErrNotFound) {
		s.loadErrors.Add(1)
		return nil, false, err
	}
	it = l.newItem(fill, err != nil, took, gens)
	if err != nil {
		return it, l.negativeTTL > 0 && fill.stores(), err
	}
	it.value = in.value
	return it, fill.stores(), nil
}

// loaded is what a loader gave.
type loaded struct {
	value any
	fill  Fill
	err   error
}

// runLoader calls the loader and turns its panic into an error.
func runLoader(ctx context.Context, load loader) (in loaded) {
	defer rescue("loader", &in.err)
	in.value, in.err = load(ctx, &in.fill)
	return in
}

// errLoadTimeout is given to those who wait for a load that takes longer than
// LoadTimeout.
var errLoadTimeout = fmt.Errorf("cache: the load took too long: %w", context.DeadlineExceeded)

// runWithin is runLoader with LoadTimeout. Nobody waits longer, whatever the
// loader makes of the end of its context; what it gives after that is thrown
// away. Close does wait for it.
func (l *layer) runWithin(ctx context.Context, load loader) loaded {
	ctx, cancel := context.WithTimeoutCause(ctx, l.loadTimeout, errLoadTimeout)
	defer cancel()
	done := make(chan loaded, 1)
	e := l.engine
	e.work.Add(1)
	go func() {
		defer e.work.Done()
		in := loaded{err: errExited}
		defer func() { done <- in }()
		in = runLoader(ctx, load)
	}()
	select {
	case in := <-done:
		return in
	case <-ctx.Done():
		return loaded{err: context.Cause(ctx)}
	}
}
