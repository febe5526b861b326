package cache

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
)

// Claim is for values that the caller produces itself (a streamed answer):
// it gives the entry (ok), or the right to fill it. When someone else in the
// fleet holds that right, the lease is one whose Fill does nothing and Held
// reports false; so it is when the key can't be claimed at all, which Err
// tells. Lease must be ended by Fill or Release.
func (l *Layer[V]) Claim(ctx context.Context, id string, opts ...Option) (e Entry[V], ok bool, lease *Lease[V]) {
	id = strings.Clone(id)
	c := ownCall(opts)
	it, source, right, gens, err := l.claim(ctx, id, c)
	if it != nil {
		return l.entry(id, it, source), true, nil
	}
	return Entry[V]{Key: l.key(id)}, false, &Lease[V]{layer: l, right: right, gens: gens, err: err}
}

// Lease is the right to fill one key, kept alive until Fill, Release or
// Abandon. It is good for one of them; a lease that has ended can do nothing
// any more.
type Lease[V any] struct {
	layer *Layer[V]
	right *right        // nil: not held
	gens  []*generation // present at the claim
	err   error         // why it can't be held by anybody
}

// right is a Lease without its type.
type right struct {
	layer *layer
	grant grant
	began time.Time
	watch watch
	ended atomic.Bool // or about to: Fill and Release are for the first only
}

// Held reports whether this lease may fill. It turns false when what was
// claimed is invalidated, and when the lease ends.
func (s *Lease[V]) Held() bool {
	return s.right != nil && s.right.stands()
}

// Err tells why the claim can't have been anybody's: ErrKey for an id or a
// group that can't be part of a key, ErrClosed, or the error of a context that
// ended before the groups were known. It is nil for a lease that is held, and
// for one that somebody else has: that can be followed, and claimed again.
func (s *Lease[V]) Err() error { return s.err }

// Current reports whether, as far as this node knows, nothing was invalidated
// since the claim, by whomever the lease is held. What was under way before an
// invalidation must not be given to who asks after it. It is false once the
// lease has ended: nobody watches any more.
func (s *Lease[V]) Current() bool {
	if s.right != nil {
		return s.Held()
	}
	for _, g := range s.gens {
		if g.dead.Load() {
			return false
		}
	}
	return true
}

// Fill stores the value if nothing was invalidated since the claim, and
// reports whether it did; it ends the lease in any case. After the end of the
// lease it does nothing. Redis being away is not an error: memory has it. A
// value that can't be encoded is one, and a negative Fill.Version, and what
// Err tells. With NoStore, or one of these errors, what was cached before is
// removed.
func (s *Lease[V]) Fill(_ context.Context, v V, f Fill) (bool, error) {
	if s.right == nil {
		return false, s.err
	}
	return s.right.fill(v, f)
}

// Release gives the right back; a no-op after Fill.
func (s *Lease[V]) Release(context.Context) {
	if s.right != nil {
		s.right.release()
	}
}

// claim gives an item, or the right to make one (nil: someone else has it, or
// there is an error).
func (l *layer) claim(ctx context.Context, id string, c call) (*item, Source, *right, []*generation, error) {
	e := l.engine
	if err := c.check(id); err != nil {
		return nil, "", nil, nil, err
	}
	key := memKey{l, id}
	r := &right{
		layer: l,
		began: time.Now(),
		grant: grant{fill: true, away: e.remote == nil, force: c.refresh},
		watch: watch{key: key, claim: make(chan struct{})},
	}
	c.claim = true
	if it, source := l.peek(id, c); it != nil {
		if !it.negative && e.now() < it.fresh {
			return it, source, nil, nil, nil
		}
		r.grant.seen = it.mark
	}
	if !e.begin() {
		return nil, "", nil, nil, ErrClosed
	}
	defer e.work.Done()
	if !e.reserve(&r.watch) {
		return nil, "", nil, nil, nil
	}
	if e.remote == nil {
		// Whoever had reserved the key may have filled it since the look.
		if en, ok := e.items.GetEntry(key); ok && en.Value.current(e) && !en.Value.negative && e.now() < en.Value.fresh && c.accepts(e, en.Value) {
			r.release()
			return en.Value, FromMemory, nil, nil, nil
		}
	}
	it, ok, err := l.claimRemote(ctx, r, &c)
	if it != nil || !ok {
		r.release()
		return it, FromRedis, nil, r.grant.gens, err
	}
	return nil, "", r, r.grant.gens, nil
}

// claimRemote asks Redis for the right. ok is false when someone else has it,
// or there is an error.
func (l *layer) claimRemote(ctx context.Context, r *right, c *call) (it *item, ok bool, err error) {
	e, g := l.engine, &r.grant
	if e.remote == nil {
		if g.gens, err = e.gens.resolve(ctx, c.groups); err != nil {
			return nil, false, err
		}
		e.bind(&r.watch, g.gens)
		return nil, true, nil
	}
	soft := e.remote.soft.context()
	for {
		e.renew(&r.watch, true)
		if g.gens, err = e.gens.resolve(soft, c.groups); err != nil {
			g.gens, g.away = e.gens.unasked(c.groups), true
			e.bind(&r.watch, g.gens)
			return nil, true, nil
		}
		e.bind(&r.watch, g.gens)
		key := l.key(r.watch.key.id)
		g.nonce = claimNonce(g.gens)
		reply, b, err := e.remote.claim(soft, key, g.nonce, g.seen, g.force)
		if err == nil && reply == leaseHeld && l.supersede(soft, key, parseToken(string(b)), g, c) {
			reply = leaseGranted
		}
		switch {
		case err != nil:
			g.away = true
			return nil, true, nil
		case reply == leaseGranted:
			g.keeper = l.keepLease(&r.watch, g.nonce)
			if e.voided(&r.watch) {
				e.renew(&r.watch, true)
				e.bind(&r.watch, g.gens)
				g.keeper.renew()
				return nil, !e.voided(&r.watch), nil
			}
			return nil, true, nil
		case reply == leaseHeld:
			return nil, false, nil
		}
		if it = l.take(&r.watch, b, g.gens, c); it != nil && !it.negative && e.now() < it.fresh {
			if !c.uncounted {
				l.stats.hit(&l.stats.redisHits, it)
			}
			return it, true, nil
		}
		g.see(b)
	}
}

// stands says whether the right may be used.
func (r *right) stands() bool {
	return !r.ended.Load() && !r.layer.engine.voided(&r.watch)
}

func (r *right) fill(v any, f Fill) (bool, error) {
	if r.ended.Swap(true) {
		return false, nil
	}
	defer r.close()
	l := r.layer
	if !f.stores() {
		l.remove(&r.watch, &r.grant)
		return false, nil
	}
	it := l.newItem(f, false, time.Since(r.began), r.grant.gens)
	it.value = v
	return l.fill(&r.watch, &r.grant, it)
}

func (r *right) release() {
	if !r.ended.Swap(true) {
		r.close()
	}
}

// close is for who has ended the right, once.
func (r *right) close() {
	r.layer.engine.unwatch(&r.watch)
	close(r.watch.claim)
	if r.grant.keeper != nil {
		r.grant.keeper.release()
	}
}

// reserve sets a claim's watch unless someone in this process already loads
// or has claimed the key.
func (m *memory) reserve(w *watch) bool {
	s := m.shard(w.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	epoch := m.epoch.Load()
	for o := s.watches[w.key]; o != nil; o = o.next {
		if !o.void && o.epoch == epoch && o.based() && (o.claim != nil || o.flight != nil && !o.flight.abandoned) {
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
		if w.claim != nil && !w.void && w.epoch == m.epoch.Load() && w.based() {
			return w.claim
		}
	}
	return nil
}

// awaitClaim waits for a claim on the flight's key in this process. It gives
// what was filled meanwhile, or notes whether the flight may fill.
func (l *layer) awaitClaim(ctx context.Context, f *flight, g *grant) *item {
	e := l.engine
	claim := e.claimed(f.key)
	if claim == nil {
		return nil
	}
	if f.background {
		g.fill = false
		return nil
	}
	wait := time.NewTimer(l.loadWait)
	defer wait.Stop()
	for ; claim != nil; claim = e.claimed(f.key) {
		select {
		case <-claim:
		case <-wait.C:
			g.fill, g.away = false, true
			return nil
		case <-ctx.Done():
			g.fill, g.away = false, true
			return nil
		}
		now := e.clock.NowNano()
		if en, ok := e.items.GetEntryQuietly(f.key); ok && en.Value.current(e) && now < en.Value.fresh && f.call.accepts(e, en.Value) && !f.call.strict {
			return en.Value
		}
	}
	if e.remote != nil {
		g.soft = e.remote.soft.context() // the wait was not for Redis
	}
	return nil
}
