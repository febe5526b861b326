package cache

import (
	"context"
	"errors"
	"sync"
	"time"
)

// BatchLoader loads the values of several ids at once. What it leaves out of
// its result doesn't exist. fills has a Fill for each id. The rules of Loader
// hold for it too.
type BatchLoader[V any] func(ctx context.Context, ids []string, fills map[string]*Fill) (map[string]V, error)

// GetMany gives the values of several ids; those that don't exist are not in
// the result. It is Get for each id, all at once: Redis is asked in as few
// round trips as its slots allow, and what nobody has is loaded in one batch.
// Ids that another caller or node is loading already are waited for, and not
// loaded again. An error is that of the first id to fail; the result has the
// others.
func (l *Layer[V]) GetMany(ctx context.Context, ids []string, load BatchLoader[V], opts ...Option) (map[string]V, error) {
	c := newCall(opts)
	values := make(map[string]V, len(ids))
	var missing []string
	asked := make(map[string]bool, len(ids))
	for _, id := range ids {
		if asked[id] {
			continue
		}
		asked[id] = true
		it := l.recall(id, &c)
		if it == nil {
			missing = append(missing, id)
		} else if !it.negative {
			values[id], _ = it.value.(V)
		}
	}
	if len(missing) == 0 {
		return values, nil
	}
	b := &batch[V]{ctx: ctx, load: load, undecided: len(missing), waiting: make(map[string]*batched[V])}
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	for _, id := range missing {
		wg.Go(func() {
			var once sync.Once
			decided := func() { once.Do(b.decided) }
			it, _, err := l.lookup(ctx, id, func(ctx context.Context, f *Fill) (V, error) {
				return b.one(ctx, id, f, decided)
			}, c)
			decided()
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				values[id], _ = it.value.(V)
			case !errors.Is(err, ErrNotFound) && failed == nil:
				failed = err
			}
		})
	}
	wg.Wait()
	return values, failed
}

// batchPatience is how long ids that are to be loaded wait for others that
// may yet turn out to need loading too.
const batchPatience = 5 * time.Millisecond

// batch collects the ids of a GetMany that need loading. It loads when every
// id is decided, and at the latest after batchPatience.
type batch[V any] struct {
	ctx  context.Context
	load BatchLoader[V]

	mu        sync.Mutex
	undecided int
	waiting   map[string]*batched[V]
	timer     *time.Timer
}

// batched is one id of a batch.
type batched[V any] struct {
	ctx   context.Context // ends when nobody waits for the id
	fill  *Fill
	done  chan struct{}
	value V
	err   error
}

func (b *batch[V]) decided() {
	b.mu.Lock()
	b.undecided--
	now := b.undecided == 0
	b.mu.Unlock()
	if now {
		b.run()
	}
}

// one is the loader of one id.
func (b *batch[V]) one(ctx context.Context, id string, f *Fill, decided func()) (V, error) {
	w := &batched[V]{ctx: ctx, fill: f, done: make(chan struct{})}
	b.mu.Lock()
	b.waiting[id] = w
	if b.timer == nil {
		b.timer = time.AfterFunc(batchPatience, b.run)
	}
	b.mu.Unlock()
	decided()
	<-w.done
	return w.value, w.err
}

// run loads what has gathered. Its context ends when nobody waits for any of
// the ids.
func (b *batch[V]) run() {
	b.mu.Lock()
	waiting := b.waiting
	b.waiting = make(map[string]*batched[V])
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	b.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.ctx))
	defer cancel()
	var ids []string
	fills := make(map[string]*Fill, len(waiting))
	var left sync.WaitGroup
	for id, w := range waiting {
		ids = append(ids, id)
		fills[id] = w.fill
		left.Add(1)
		stop := context.AfterFunc(w.ctx, left.Done)
		defer func() {
			if stop() {
				left.Done()
			}
		}()
	}
	go func() {
		left.Wait()
		cancel()
	}()
	var values map[string]V
	err := errExited
	defer func() { // also when the loader ends this goroutine
		for id, w := range waiting {
			value, ok := values[id]
			switch {
			case ok:
				w.value = value
			case err != nil:
				w.err = err
			default:
				w.err = ErrNotFound
			}
			close(w.done)
		}
	}()
	values, err = b.call(ctx, ids, fills)
}

func (b *batch[V]) call(ctx context.Context, ids []string, fills map[string]*Fill) (values map[string]V, err error) {
	defer rescue("loader", &err)
	return b.load(ctx, ids, fills)
}
