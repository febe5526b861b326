package cache

import (
	"context"
	"fmt"
	"runtime/debug"
)

// flight is one lookup, and load if need be, that several callers share.
type flight struct {
	watch
	call       call
	seq        uint64 // order of creation
	background bool   // goes on without waiters

	// Guarded by the shard's lock.
	waiters   int
	began     int64              // the load; 0: not yet
	cancel    context.CancelFunc // of the load; nil until it begins
	abandoned bool               // all waiters left
	parted    bool               // waiters left who want it to go on

	done   chan struct{} // closed when the fields below are set; nil until somebody waits
	item   *item
	err    error
	source Source
	filled bool // Redis has it
}

// PanicError is what callers get when a loader panicked, or a codec.
type PanicError struct {
	Of    string // what panicked: "loader" or "codec"
	Value any
	Stack []byte
}

func (p *PanicError) Error() string { return fmt.Sprintf("cache: %s panicked: %v", p.Of, p.Value) }

// Unwrap gives the error that was panicked with, if it was one.
func (p *PanicError) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// rescue turns a panic of a loader or codec into an error; it is deferred.
func rescue(of string, err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Of: of, Value: v, Stack: debug.Stack()}
	}
}

// join finds the flight for a key, or starts one that the caller must lead.
// It looks into memory once more, under the lock that insertions take: so
// that of the callers that missed, none starts a second load when the first
// has just ended.
func (m *memory) join(key memKey, c call, seq uint64, background bool) (f *flight, lead bool, found *item) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	var stale *item
	if it, ok := m.items.GetEntryQuietly(key); ok && it.Value.current(key.layer.engine) {
		now := m.clock.NowNano()
		switch {
		case c.strict:
		case now < it.Value.fresh && c.accepts(key.layer.engine, it.Value) && !background:
			return nil, false, it.Value
		case now < key.layer.usable(it.Value) && c.accepts(key.layer.engine, it.Value):
			stale = it.Value
		}
	}
	for w := s.watches[key]; w != nil; w = w.next {
		if f := w.flight; f != nil && !w.void && !f.abandoned && w.epoch == m.epoch.Load() && w.based() {
			f.waiters++
			if f.done == nil {
				f.done = make(chan struct{})
			}
			return f, false, nil
		}
	}
	f = &flight{
		watch:      watch{key: key, epoch: m.epoch.Load(), stale: stale, staleFrom: FromMemory},
		call:       c,
		seq:        seq,
		background: background,
		waiters:    1,
	}
	f.watch.flight = f
	s.set(&f.watch)
	return f, true, nil
}

// await waits until a flight has landed. When ctx ends before, the caller
// leaves the flight, and await is false.
func (m *memory) await(ctx context.Context, f *flight) bool {
	select {
	case <-f.done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-f.done: // both: prefer the answer
		return true
	default:
		m.leave(f)
		return false
	}
}

// leave takes a waiter away; the last one cancels the load.
func (m *memory) leave(f *flight) {
	s := m.shard(f.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.waiters--; f.waiters == 0 && !f.background && !f.parted {
		f.abandoned = true
		if f.cancel != nil {
			f.cancel()
		}
	}
	f.dismissIfClosing()
}

// part is leave for who wants the load to go on.
func (m *memory) part(f *flight) {
	s := m.shard(f.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiters--
	f.parted = true
	f.dismissIfClosing()
}

// dismissIfClosing cancels a load that nobody waits for any more, once the
// engine is being closed. The caller holds the lock.
func (f *flight) dismissIfClosing() {
	own := 0
	if f.background {
		own = 1 // who started it doesn't wait, and never leaves
	}
	if f.cancel != nil && f.waiters <= own && (f.background || f.parted) && f.key.layer.engine.closing.Err() != nil {
		f.cancel()
	}
}

// loading gives the flight the means to cancel its load, and to wait for it.
func (m *memory) loading(f *flight, cancel context.CancelFunc) {
	s := m.shard(f.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	f.cancel, f.began = cancel, f.key.layer.engine.now()
	if f.done == nil {
		f.done = make(chan struct{})
	}
	if f.abandoned {
		cancel()
	}
}

// land ends a flight.
func (m *memory) land(f *flight, it *item, source Source, err error) {
	f.item, f.source, f.err = it, source, err
	s := m.shard(f.key)
	s.mu.Lock()
	s.unset(&f.watch) // from here on nobody joins
	done := f.done
	s.mu.Unlock()
	if done != nil {
		close(done)
	}
}
