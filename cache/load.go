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

// lead runs a flight that the caller started. The flight's context has the
// values of ctx and not its end: it ends when all waiters have left. The
// caller holds a share of e.work.
func (l *layer) lead(ctx context.Context, f *flight, load loader) {
	e := l.engine
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.loading(f, cancel)
	e.work.Add(1)
	go func() {
		defer e.work.Done()
		defer cancel()
		it, source, err := (*item)(nil), FromLoad, errExited
		defer func() { e.land(f, it, source, err) }()
		it, source, err = l.fetch(ctx, f, load)
	}()
}

// fetch brings an entry from wherever it is, from the source in the end.
func (l *layer) fetch(ctx context.Context, f *flight, load loader) (*item, Source, error) {
	e := l.engine
	fill, it := l.awaitClaim(ctx, f)
	if it != nil {
		return it, FromShared, nil
	}
	gens, err := e.gens.resolve(ctx, f.call.groups)
	if err != nil {
		return nil, FromLoad, err
	}
	it, store, err := l.load(ctx, gens, load)
	if it == nil {
		if f.stale != nil && time.Now().UnixNano() < f.stale.dead {
			return f.stale, FromMemory, nil
		}
		return nil, FromLoad, err
	}
	if store && fill {
		l.fill(f, it)
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
	value, err := runLoader(ctx, &fill, load)
	took := time.Since(began)
	s.loadTime.Add(int64(took))
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

// fill puts what was loaded into the cache.
func (l *layer) fill(f *flight, it *item) {
	if !it.negative {
		b, err := l.encode(it.value)
		if err != nil {
			l.engine.o.Logger.Warn("cache: value can't be encoded, and is not cached", "key", l.key(f.key.id), "error", err)
			l.stats.fillsRefused.Add(1)
			return
		}
		it.size = int64(len(b))
	}
	if l.engine.keep(&f.watch, it) {
		l.stats.fills.Add(1)
	} else {
		l.stats.fillsRefused.Add(1)
	}
}
