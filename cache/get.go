package cache

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Entry is a value with its provenance.
type Entry[V any] struct {
	Value   V
	Key     string // whole, with prefix
	Source  Source
	Version int64
	Cost    int64
	Created time.Time
	Expires time.Time
	Stale   bool // past Expires: a refresh is under way, or the load failed
}

// Source says where a value came from.
type Source string

// The sources.
const (
	FromMemory Source = "memory"
	FromRedis  Source = "redis"
	FromShared Source = "shared" // another caller's load
	FromLoad   Source = "load"
)

// Get gives the value of id, loading it if need be. Values are shared between
// callers: treat them as read-only. When ctx ends, Get returns its error at
// once, unless it is this very call that is asking Redis: that may take until
// SoftTimeout is over. A load goes on while other callers wait for it.
//
// A nil load stands for the layer's own, LayerOptions.Load. A call that is
// answered from memory allocates nothing, unless load is a closure: then Go
// allocates the closure, which the layer's own saves.
func (l *Layer[V]) Get(ctx context.Context, id string, load Loader[V], opts ...Option) (V, error) {
	it, absent := l.recallWith(id, opts)
	if it != nil {
		if it.negative {
			var none V
			return none, ErrNotFound
		}
		v, _ := it.value.(V)
		return v, nil
	}
	c := newCall(opts)
	c.absent = absent
	it, _, err := l.lookup(ctx, id, load, c)
	if err != nil {
		var none V
		return none, err
	}
	v, _ := it.value.(V)
	return v, nil
}

// Lookup is Get with provenance. With ErrNotFound the entry tells where that
// came from.
func (l *Layer[V]) Lookup(ctx context.Context, id string, load Loader[V], opts ...Option) (Entry[V], error) {
	c := newCall(opts)
	if it := l.recall(id, &c); it != nil {
		en := l.entry(id, it, FromMemory)
		if it.negative {
			return en, ErrNotFound
		}
		return en, nil
	}
	it, source, err := l.lookup(ctx, id, load, c)
	return l.entry(id, it, source), err
}

// lookup is the way of a call that memory alone could not answer.
func (l *Layer[V]) lookup(ctx context.Context, id string, load Loader[V], c call) (*item, Source, error) {
	// New variables: were these assigned to the parameters, what the caller
	// passed would have to live on the heap.
	ownID, own := strings.Clone(id), c.own()
	if load == nil {
		return l.obtain(ctx, ownID, own, func(ctx context.Context, f *Fill) (any, error) {
			if l.byID == nil {
				return nil, fmt.Errorf("%w: layer %s has no Load, and the call none either", ErrOptions, l.name)
			}
			return l.byID(ctx, ownID, f)
		})
	}
	return l.obtain(ctx, ownID, own, func(ctx context.Context, f *Fill) (any, error) { return load(ctx, f) })
}

// Peek gives what is cached, if anything; it loads nothing, leaves no lease,
// and waits for Redis no longer than SoftTimeout, whatever ctx says. A
// remembered absence is nothing. What is past its time, and may still be served
// when a load fails, is given too, with Stale set.
func (l *Layer[V]) Peek(_ context.Context, id string, opts ...Option) (Entry[V], bool) {
	it, source := l.peek(strings.Clone(id), ownCall(opts))
	if it == nil || it.negative {
		return Entry[V]{Key: l.key(id)}, false
	}
	return l.entry(id, it, source), true
}

func (l *Layer[V]) entry(id string, it *item, source Source) Entry[V] {
	en := Entry[V]{Key: l.key(id), Source: source}
	if it == nil {
		return en
	}
	en.Value, _ = it.value.(V)
	en.Version, en.Cost = it.version, it.cost
	en.Created, en.Expires = time.Unix(0, it.created), time.Unix(0, it.fresh)
	en.Stale = l.engine.clock.NowNano() >= it.fresh
	return en
}

// recallWith is recall with options. Calls with none, or with nothing but
// groups, are most of all, and are spared the work that the others need.
// absent says that memory has no entry at all.
func (l *layer) recallWith(id string, opts []Option) (it *item, absent bool) {
	var groups []string
	switch {
	case len(opts) == 0:
	case len(opts) == 1 && opts[0].kind == optionGroups:
		groups = opts[0].list()
	default:
		c := newCall(opts)
		return l.recall(id, &c), false
	}
	e := l.engine
	if l.promise != Bounded && l.unverified(nil) {
		return nil, false
	}
	it = e.find(l, id)
	if it == nil {
		return nil, true
	}
	if it.epoch != e.epoch.Load() || !it.stands(groups) {
		return nil, false
	}
	if now := e.clock.NowNano(); now >= it.early && !it.usual(now) {
		return nil, false
	}
	l.memoryHit(it)
	return it, false
}

// recall answers from memory; nil means that it can't, or that a refresh is
// due, which the long way then starts.
func (l *layer) recall(id string, c *call) *item {
	e := l.engine
	if (l.promise != Bounded || c.promise != 0) && l.unverified(c) {
		return nil
	}
	it := e.find(l, id)
	if it == nil || !it.current(e) {
		return nil
	}
	now := e.clock.NowNano()
	if now >= it.early && !it.usual(now) || !c.accepts(e, it) {
		return nil
	}
	if c.uncounted {
		e.items.GetIfPresent(memKey{l, it.id}) // it is in use all the same
		return it
	}
	l.memoryHit(it)
	return it
}

func (l *layer) peek(id string, c call) (*item, Source) {
	e := l.engine
	key := memKey{l, id}
	now := e.clock.NowNano()
	it, source, asked := (*item)(nil), FromMemory, int64(0)
	usable := c.check(id) == nil
	if usable && l.unverified(&c) {
		asked = e.now()
		it, _ = l.verify(e.remote.soft.context(), key, &c)
	} else if en, ok := e.items.GetEntry(key); ok && en.Value.current(e) && now < l.usable(en.Value) && c.accepts(e, en.Value) {
		it = en.Value
	}
	if it == nil && e.remote != nil && usable {
		w := watch{key: key}
		e.watch(&w)
		asked = e.now()
		if it, _, _ = l.read(e.remote.soft.context(), &w, &c); it == nil {
			it, _ = e.standIn(&w)
		}
		source = FromRedis
		e.unwatch(&w)
	}
	switch {
	case c.uncounted:
	case it == nil:
		l.stats.misses.Add(1)
	case c.claim && (it.negative || now >= it.fresh):
		l.stats.misses.Add(1)
	default:
		it, source, _ = l.served(&c, it, source, asked)
	}
	if it == nil {
		return nil, ""
	}
	return it, source
}

// obtain is Get past the quick look into memory.
func (l *layer) obtain(ctx context.Context, id string, c call, load loader) (*item, Source, error) {
	if err := c.check(id); err != nil {
		return nil, "", err
	}
	if err := ctx.Err(); err != nil {
		return nil, "", context.Cause(ctx)
	}
	e := l.engine
	if !e.begin() {
		return nil, "", ErrClosed
	}
	defer e.work.Done()
	key := memKey{l, id}
	arrival := e.seq.Add(1)
	asked := e.now()
	if c.strict = l.unverified(&c); c.strict {
		it, ok := l.verify(e.remote.soft.context(), key, &c)
		if it != nil {
			return l.served(&c, it, FromMemory, asked)
		}
		c.refresh, c.away = c.refresh || !ok, !ok
	} else if !c.absent {
		if it := l.refreshing(ctx, key, c, load); it != nil {
			return l.served(&c, it, FromMemory, 0)
		}
	}
	for {
		f, lead, found := e.join(key, c, e.seq.Add(1), false)
		if found != nil {
			return l.served(&c, found, FromMemory, 0)
		}
		if !(lead && l.lead(ctx, f, load)) {
			it, source, ok := l.await(ctx, f, &c, arrival)
			switch {
			case it != nil:
				return l.served(&c, it, source, asked)
			case !ok:
				return nil, "", context.Cause(ctx)
			}
		}
		if !lead && !f.serves(&c, arrival) {
			continue
		}
		source := f.source
		if !lead && source == FromLoad {
			source = FromShared
		}
		if f.err != nil {
			l.unserved(&c, source)
			return f.item, source, f.err
		}
		return l.served(&c, f.item, source, asked)
	}
}

// serves says whether what the flight brought satisfies a call that joined
// it. What began to load after the call arrived does in any case.
func (f *flight) serves(c *call, arrival uint64) bool {
	if f.err != nil {
		return !c.refresh && !c.strict || f.seq > arrival
	}
	if f.item == nil { // a refresh that left it to someone else
		return false
	}
	asked := f.seq > arrival && (f.source == FromLoad || f.source == FromRedis)
	if c.strict && !asked {
		// The flight may have read before the call arrived. But what it was
		// allowed to fill was valid then: nothing had voided its lease.
		return f.filled && !c.refresh && f.item.current(f.key.layer.engine) && f.item.in(c.groups)
	}
	if f.source == FromLoad && f.seq > arrival {
		return f.item.in(c.groups)
	}
	return c.accepts(f.key.layer.engine, f.item)
}

// unserved counts a call that got an error.
func (l *layer) unserved(c *call, source Source) {
	switch {
	case c.uncounted:
	case source == FromShared:
		l.stats.shared.Add(1)
	default:
		l.stats.misses.Add(1)
	}
}

// served counts an answer to a call and turns a remembered absence into its
// error. asked is when the call began to wait for Redis, 0 if it didn't.
func (l *layer) served(c *call, it *item, source Source, asked int64) (*item, Source, error) {
	if !c.uncounted {
		l.count(it, source, asked)
	}
	if it.negative {
		return it, source, ErrNotFound
	}
	return it, source, nil
}

func (l *layer) count(it *item, source Source, asked int64) {
	s := &l.stats
	if asked != 0 && (source == FromMemory || source == FromRedis) {
		s.hitTimes.record(time.Duration(l.engine.now() - asked))
	}
	switch source {
	case FromMemory:
		if asked == 0 {
			l.memoryHit(it)
		} else {
			s.memoryHit(it)
		}
	case FromRedis:
		s.hit(&s.redisHits, it)
	case FromShared:
		s.shared.Add(1)
		s.costAvoided.Add(uint64(max(it.cost, 0)))
	case FromLoad:
		s.misses.Add(1)
	}
	if source != FromLoad && l.engine.clock.NowNano() >= it.fresh {
		s.staleHits.Add(1)
	}
}

// refreshing serves what memory has when a refresh is due but nobody needs
// to wait for it: stale within StaleFor, or early. It starts the refresh.
func (l *layer) refreshing(ctx context.Context, key memKey, c call, load loader) *item {
	it, due := l.standing(key, &c)
	if due {
		l.refresh(ctx, key, c, load)
	}
	return it
}

// standing gives what memory has that a call may be served with, and whether a
// refresh is due.
func (l *layer) standing(key memKey, c *call) (it *item, due bool) {
	e := l.engine
	en, ok := e.items.GetEntryQuietly(key)
	now := e.clock.NowNano()
	if !ok || now >= l.servable(en.Value) || !en.Value.current(e) || !c.accepts(e, en.Value) {
		return nil, false
	}
	return en.Value, now >= en.Value.early // else it was refreshed meanwhile
}
