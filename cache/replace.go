package cache

import (
	"context"
	"strings"
)

// Replace updates a cached value in place: it stores v at version if what is
// cached has the version old, and otherwise invalidates with that floor. It
// reports whether it stored. Entries of other groups than the ones named, or
// of their older generations, count as not cached.
func (l *Layer[V]) Replace(ctx context.Context, id string, old, version int64, v V, opts ...Option) (bool, error) {
	return l.replace(ctx, strings.Clone(id), old, version, v, ownCall(opts))
}

func (l *layer) replace(ctx context.Context, id string, old, version int64, v any, c call) (bool, error) {
	if err := c.check(id); err != nil {
		return false, err
	}
	if old < 0 || version <= old {
		return false, errVersion
	}
	e, key := l.engine, memKey{l, id}
	if !e.begin() {
		return false, ErrClosed
	}
	defer e.work.Done()
	gens, err := e.gens.resolve(ctx, c.groups)
	if err != nil {
		return false, err
	}
	it := l.newItem(Fill{Version: version}, false, 0, gens)
	it.value = v
	value, err := l.encode(v)
	if err != nil {
		_, _ = l.invalidate(ctx, id, version, l.promise) // the old value is wrong whatever the new one is
		return false, err
	}
	it.size = uint32(len(value))
	if e.remote == nil {
		if e.swap(key, old, it, c) {
			l.stats.fills.Add(1)
			return true, nil
		}
	} else if l.replaceRemote(ctx, key, old, it, value) {
		return true, nil
	}
	_, err = l.invalidate(ctx, id, version, l.promise)
	return false, err
}

// replaceRemote swaps an item in, in Redis and then in memory. Anything but a
// clear success leaves it to the caller to invalidate.
func (l *layer) replaceRemote(ctx context.Context, key memKey, old int64, it *item, value []byte) bool {
	e := l.engine
	sealed, ttl, ok := l.seal(it, value, e.now())
	if !ok || !e.connected() {
		return false
	}
	e.raise(key, it.version)
	e.drop(key)
	w := watch{key: key}
	e.watch(&w)
	defer e.unwatch(&w)
	done := false
	err := e.remote.within(context.WithoutCancel(ctx), func(ctx context.Context) (err error) {
		done, err = e.remote.replace(ctx, l.key(key.id), old, it.version, sealed, ttl, len(it.gens))
		return err
	})
	if err != nil || !done {
		return false
	}
	e.remote.prolong(e.remote.soft.context(), it)
	e.publish(&w, it)
	l.note(key.id, ttl)
	l.stats.fills.Add(1)
	if l.promise == Acknowledged {
		_, _, _ = e.remote.fleet.announce(ctx, logKey+l.key(key.id))
	}
	return true
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
