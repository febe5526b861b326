package cache

import (
	"context"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Replace updates a cached value in place: it stores v at version if what is
// cached has the version old, and otherwise invalidates with that floor. It
// reports whether it stored. Entries of other groups than the ones named, or
// of their older generations, count as not cached.
//
// In both cases what was cached is not served any more, as the receipt says:
// it promises what Invalidate does, waits as that does, and gives the same
// errors. With an error of ctx nobody knows whether v was stored, or will be;
// when v can't be encoded, it is invalidated, and the error says so.
func (l *Layer[V]) Replace(ctx context.Context, id string, old, version int64, v V, opts ...Option) (bool, Receipt, error) {
	return l.replace(ctx, strings.Clone(id), old, version, v, ownCall(opts))
}

func (l *layer) replace(ctx context.Context, id string, old, version int64, v any, c call) (bool, Receipt, error) {
	began := time.Now()
	if err := c.check(id); err != nil {
		return false, Receipt{}, err
	}
	if old < 0 || version <= old {
		return false, Receipt{}, errVersion
	}
	e, key, promise := l.engine, memKey{l, id}, l.promised(&c)
	if !e.begin() {
		return false, Receipt{}, ErrClosed
	}
	defer e.work.Done()
	// That ctx has ended is no reason to leave the old value there.
	gens, err := e.gens.resolve(context.WithoutCancel(ctx), c.groups)
	var value []byte
	if err == nil {
		if value, err = l.encode(v); err == nil && len(value) > maxValue {
			err = errTooLarge
		}
	}
	if err != nil {
		rec, _ := l.invalidate(ctx, id, version, promise) // the old value is wrong whatever the new one is
		return false, rec, err
	}
	it := l.newItem(Fill{Version: version}, false, 0, gens)
	it.value, it.size = v, uint32(len(value))
	if e.remote == nil {
		if !e.swap(key, old, it, c) {
			rec, err := l.invalidate(ctx, id, version, promise)
			return false, rec, err
		}
		l.stats.fills.Add(1)
		return true, Receipt{Version: version, Nodes: 1, Acknowledged: 1, Elapsed: time.Since(began)}, nil
	}
	sealed, ttl, ok := l.seal(it, value, e.now())
	if !ok || !e.connected() {
		rec, err := l.invalidate(ctx, id, version, promise)
		return false, rec, err
	}
	rec := Receipt{Version: e.raise(key, version), Nodes: 1, Acknowledged: 1}
	e.drop(key)
	stored, err := e.remote.send(ctx, &rec, promise, l.exchange(key, old, it, sealed, ttl))
	rec.Elapsed = time.Since(began)
	if !stored {
		l.stats.invalidations.Add(1)
		e.invalidated(l, id, rec)
	}
	return stored, rec, err
}

// exchange is the errand that puts an item in the place of one of version old,
// in Redis and then in memory.
func (l *layer) exchange(key memKey, old int64, it *item, sealed []byte, ttl time.Duration) errand {
	e, r, full := l.engine, l.engine.remote, l.key(key.id)
	w := &watch{key: key}
	e.watch(w)
	return errand{
		do: func(ctx context.Context, c rueidis.Client) (told, error) {
			t, err := r.replace(ctx, full, old, it.version, sealed, ttl, len(it.gens))
			if err != nil && ctx.Err() == nil {
				t.floor, err = r.invalidate(ctx, c, full, it.version, false)
			}
			return t, err
		},
		queue: func() { r.missed.addKey(key, it.version) },
		after: func(t told) {
			defer e.unwatch(w)
			if !t.stored {
				e.drop(key)
				return
			}
			r.prolong(r.soft.context(), it)
			e.publish(w, it)
			l.note(key.id, ttl)
			l.stats.fills.Add(1)
		},
		entries: []string{logKey + full},
	}
}

// swap puts an item in place of one of version old, and voids what is under
// way for the key.
func (m *memory) swap(key memKey, old int64, it *item, c call) bool {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := key.layer.engine
	en, ok := m.items.GetEntryQuietly(key)
	if !ok || en.Value.negative || en.Value.version != old || !en.Value.current(e) || !en.Value.in(c.groups) || en.Value.dead <= m.clock.NowNano() {
		return false
	}
	if m.raise(key, it.version) > it.version {
		return false
	}
	for w := s.watches[key]; w != nil; w = w.next {
		w.void = true
		w.tell()
	}
	it.cost, it.delta = en.Value.cost, en.Value.delta
	it.early = earlyFrom(it)
	it.epoch = en.Value.epoch
	m.put(key, it)
	return true
}
