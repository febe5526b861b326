package cache

import (
	"context"
	"errors"
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
		if f.background {
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

// refresh starts a background load of a key, unless one is under way. The
// caller holds a share of e.work.
func (l *layer) refresh(ctx context.Context, key memKey, c call, load loader) {
	e := l.engine
	if f, lead, _ := e.join(key, c, e.seq.Add(1), true); lead {
		l.lead(ctx, f, load)
	} else {
		e.leave(f)
	}
}

// fetch brings an entry from wherever it is, from the source in the end.
func (l *layer) fetch(ctx context.Context, f *flight, g *grant, load loader) (*item, Source, error) {
	if it := l.awaitClaim(ctx, f, g); it != nil {
		return it, FromShared, nil
	}
	if !g.away {
		if it, source := l.acquire(ctx, f, g); it != nil {
			return it, source, nil
		}
	}
	if f.background && !g.fill {
		return f.stale, FromMemory, nil // someone else is at it
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
		if f.stale != nil && l.engine.now() < f.stale.dead {
			l.engine.putOff(f.stale)
			return f.stale, FromMemory, nil
		}
		return nil, FromLoad, err
	}
	if store && g.fill && !(f.background && ctx.Err() != nil) {
		var err error
		if f.filled, err = l.fill(&f.watch, g, it); err != nil {
			l.engine.o.Logger.Warn("cache: fill", "error", err)
		}
	}
	return it, FromLoad, err
}

// load runs the loader. It gives no item when the load failed, and for an
// absence both an item and the loader's error.
func (l *layer) load(ctx context.Context, gens []*generation, load loader) (it *item, store bool, err error) {
	s := &l.stats
	s.loads.Add(1)
	began := time.Now()
	var fill Fill
	if l.loadTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.loadTimeout)
		defer cancel()
	}
	value, err := runLoader(ctx, &fill, load)
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
		return it, l.negativeTTL > 0 && !fill.NoStore, err
	}
	it.value = value
	return it, !fill.NoStore, nil
}

// runLoader calls the loader and turns its panic into an error.
func runLoader(ctx context.Context, f *Fill, load loader) (v any, err error) {
	defer rescue(&err)
	return load(ctx, f)
}
