package cache

import (
	"context"
	"time"
)

// What is past its time is kept for as long as its writer's StaleFor and
// StaleIfError say, and served for as long as the reader's do.

// servable is until when an entry may be served at once, while it is
// refreshed.
func (l *layer) servable(it *item) int64 { return min(it.dead, it.fresh+int64(l.staleFor)) }

// usable is until when an entry may be served if there is nothing better.
func (l *layer) usable(it *item) int64 { return min(it.dead, it.fresh+int64(l.staleIfError)) }

// spare remembers what a read found that serves only if the load fails.
func (m *memory) spare(w *watch, it *item, source Source) {
	s := m.shard(w.key)
	s.mu.Lock()
	w.stale, w.staleFrom = it, source
	s.mu.Unlock()
}

// standIn gives what may be served in place of what a flight should bring,
// if there is something and nothing was invalidated since.
func (m *memory) standIn(w *watch) (*item, Source) {
	s := m.shard(w.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	it, l := w.stale, w.key.layer
	if it == nil || w.void || w.epoch != m.epoch.Load() || !w.based() || !it.current(l.engine) {
		return nil, ""
	}
	// What Redis gave for this very flight may outlive MemoryTTL.
	if now := l.engine.now(); now >= l.usable(it) || w.staleFrom == FromMemory && now >= it.kept {
		return nil, ""
	}
	return it, w.staleFrom
}

// failed notes that a flight's load has failed, and gives what may be served
// all the same.
func (l *layer) failed(ctx context.Context, f *flight) (*item, Source) {
	old, source := l.engine.standIn(&f.watch)
	if (old != nil || f.background) && ctx.Err() == nil {
		l.putOff(f.key.id)
	}
	return old, source
}

// meanwhile gives those who have joined a refresh what may be served while
// somebody else loads; without that, they wait.
func (l *layer) meanwhile(w *watch) (*item, Source) {
	it, source := l.engine.standIn(w)
	if it == nil || l.engine.now() >= l.servable(it) {
		return nil, ""
	}
	return it, source
}

// since gives the time from which callers wait for a flight's load.
func (m *memory) since(f *flight) int64 {
	s := m.shard(f.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return f.began
}

// await waits until a flight has landed. It gives an item if that takes longer
// than the soft timeout and there is one to stand in: then the flight goes on,
// also when nobody else waits for it. ok is false when ctx ended before.
func (l *layer) await(ctx context.Context, f *flight, c *call, arrival uint64) (it *item, source Source, ok bool) {
	e := l.engine
	if l.loadSoftTimeout <= 0 {
		return nil, "", e.await(ctx, f)
	}
	wait := l.loadSoftTimeout
	if began := e.since(f); began != 0 {
		wait -= time.Duration(e.now() - began)
	}
	soft := time.NewTimer(wait)
	defer soft.Stop()
	select {
	case <-f.done:
		return nil, "", true
	case <-ctx.Done():
		return nil, "", e.await(ctx, f)
	case <-soft.C:
	}
	select {
	case <-f.done: // both: prefer the answer
		return nil, "", true
	default:
	}
	it, source = e.standIn(&f.watch)
	// A flight that began before a strict caller came may have asked Redis
	// before that.
	if it != nil && c.accepts(e, it) && (!c.strict || f.call.strict && f.seq > arrival) {
		e.part(f)
		return it, source, true
	}
	return nil, "", e.await(ctx, f)
}
