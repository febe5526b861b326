package cache

import (
	"context"
	"strings"
	"sync"
	"time"
)

// Claim is for values that the caller produces itself (a streamed answer):
// it gives the entry (ok), or the right to fill it. When someone else in the
// fleet holds that right, the lease is one whose Fill does nothing and Held
// reports false. Lease must be ended by Fill or Release.
func (l *Layer[V]) Claim(ctx context.Context, id string, opts ...Option) (e Entry[V], ok bool, lease *Lease[V]) {
	id = strings.Clone(id)
	c := newCall(opts).own()
	it, source, right := l.claim(ctx, id, c)
	if it != nil {
		return l.entry(id, it, source), true, nil
	}
	return Entry[V]{Key: l.key(id)}, false, &Lease[V]{layer: l, right: right}
}

// Lease is the right to fill one key, kept alive until Fill or Release.
type Lease[V any] struct {
	layer *Layer[V]
	right *right // nil: not held
}

// right is a Lease without its type.
type right struct {
	layer *layer
	gens  []*generation
	began time.Time
	watch watch
	end   sync.Once
}

// Held reports whether this lease may fill. It turns false when what was
// claimed is invalidated.
func (s *Lease[V]) Held() bool {
	return s.right != nil && !s.layer.engine.voided(&s.right.watch)
}

// Fill stores the value if nothing was invalidated since the claim, and
// reports whether it did. Redis being away is not an error: memory has it.
func (s *Lease[V]) Fill(ctx context.Context, v V, f Fill) (bool, error) {
	if s.right == nil {
		return false, nil
	}
	return s.right.fill(ctx, v, f)
}

// Release gives the right back; a no-op after Fill.
func (s *Lease[V]) Release(ctx context.Context) {
	if s.right != nil {
		s.right.release(ctx)
	}
}

// claim gives an item, or the right to make one (nil: someone else has it).
func (l *layer) claim(ctx context.Context, id string, c call) (*item, Source, *right) {
	if checkID(id) != nil {
		return nil, "", nil
	}
	for _, g := range c.groups {
		if checkGroup(g) != nil {
			return nil, "", nil
		}
	}
	if it, source := l.peek(ctx, id, c); it != nil && !it.negative && l.engine.clock.NowNano() < it.fresh {
		return it, source, nil
	}
	r := &right{layer: l, began: time.Now(), watch: watch{key: memKey{l, id}, claim: make(chan struct{})}}
	if !l.engine.reserve(&r.watch) {
		return nil, "", nil
	}
	gens, err := l.engine.gens.resolve(ctx, c.groups)
	if err != nil {
		r.release(ctx)
		return nil, "", nil
	}
	r.gens = gens
	return nil, "", r
}

func (r *right) fill(ctx context.Context, v any, f Fill) (bool, error) {
	defer r.release(ctx)
	l := r.layer
	it := l.newItem(f, false, time.Since(r.began), r.gens)
	it.value = v
	b, err := l.encode(v)
	if err != nil {
		return false, err
	}
	it.size = int64(len(b))
	if f.NoStore || !l.engine.keep(&r.watch, it) {
		l.stats.fillsRefused.Add(1)
		return false, nil
	}
	l.stats.fills.Add(1)
	return true, nil
}

func (r *right) release(context.Context) {
	r.end.Do(func() {
		r.layer.engine.unwatch(&r.watch)
		close(r.watch.claim)
	})
}

// reserve sets a claim's watch unless someone in this process already loads
// or has claimed the key.
func (m *memory) reserve(w *watch) bool {
	s := m.shard(w.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	epoch := m.epoch.Load()
	for o := s.watches[w.key]; o != nil; o = o.next {
		if !o.void && o.epoch == epoch && (o.claim != nil || o.flight != nil && !o.flight.abandoned) {
			return false
		}
	}
	w.epoch = epoch
	s.set(w)
	return true
}

// claimed finds the claim that stands on a key.
func (m *memory) claimed(key memKey) <-chan struct{} {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := s.watches[key]; w != nil; w = w.next {
		if w.claim != nil && !w.void && w.epoch == m.epoch.Load() {
			return w.claim
		}
	}
	return nil
}

// awaitClaim waits for a claim on the flight's key in this process. It gives
// what was filled meanwhile, or says whether the flight may fill.
func (l *layer) awaitClaim(ctx context.Context, f *flight) (fill bool, it *item) {
	e := l.engine
	wait := time.NewTimer(l.loadWait)
	defer wait.Stop()
	for {
		claim := e.claimed(f.key)
		if claim == nil {
			return true, nil
		}
		select {
		case <-claim:
		case <-wait.C:
			return false, nil
		case <-ctx.Done():
			return false, nil
		}
		now := e.clock.NowNano()
		if en, ok := e.items.GetEntryQuietly(f.key); ok && en.Value.current(e) && now < en.Value.fresh && f.call.accepts(en.Value, now) {
			return true, en.Value
		}
	}
}
