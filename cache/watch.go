package cache

import (
	"context"
	"time"
)

// watch sees every invalidation of one key from the moment it is set. Who
// wants to put into memory what it reads somewhere, sets a watch before the
// read; a void watch means that what was read may be old.
type watch struct {
	key   memKey
	full  string // the key in Redis, if it is known yet
	next  *watch
	epoch uint64
	void  bool          // guarded by the shard's lock, as next is
	gens  []*generation // captured before the read, once they are; guarded likewise

	flight  *flight       // callers may join it; nil: none
	claim   chan struct{} // closed when the claim ends; nil: it is none
	holding bool          // it holds the lease in Redis
	wake    chan struct{} // told of any change of the key; nil: doesn't care
	rang    bool          // wake was told; for who shares it between watches

	stale     *item // may be served if there is nothing better; guarded likewise
	staleFrom Source
}

// inRedis gives the key in Redis.
func (w *watch) inRedis() string {
	if w.full == "" {
		w.full = w.key.layer.key(w.key.id)
	}
	return w.full
}

// set adds the watch; the caller holds the lock.
func (s *shard) set(w *watch) {
	w.next = s.watches[w.key]
	s.watches[w.key] = w
}

// unset removes the watch; the caller holds the lock.
func (s *shard) unset(w *watch) {
	if s.watches[w.key] == w {
		if w.next == nil {
			delete(s.watches, w.key)
		} else {
			s.watches[w.key] = w.next
		}
		return
	}
	for p := s.watches[w.key]; p != nil; p = p.next {
		if p.next == w {
			p.next = w.next
			return
		}
	}
}

func (m *memory) watch(w *watch) {
	s := m.shard(w.key)
	s.mu.Lock()
	w.epoch = m.epoch.Load()
	s.set(w)
	s.mu.Unlock()
}

func (m *memory) unwatch(w *watch) {
	s := m.shard(w.key)
	s.mu.Lock()
	s.unset(w)
	s.mu.Unlock()
}

// renew makes a watch good for another read. holding says that the lease is
// being asked for: then its loss voids the watch.
func (m *memory) renew(w *watch, holding bool) {
	s := m.shard(w.key)
	s.mu.Lock()
	if w.void || w.epoch != m.epoch.Load() || !w.based() {
		w.stale = nil // it may be what was invalidated
	}
	w.void, w.epoch, w.gens, w.holding = false, m.epoch.Load(), nil, holding
	s.mu.Unlock()
}

// bind notes the generations on which a read or load is based: who comes
// after one of them has died must not share it.
func (m *memory) bind(w *watch, gens []*generation) {
	s := m.shard(w.key)
	s.mu.Lock()
	w.gens = gens
	s.mu.Unlock()
}

// based says whether what the watch is based on stands.
func (w *watch) based() bool {
	for _, g := range w.gens {
		if guardGeneration && g.dead.Load() {
			return false
		}
	}
	return true
}

// voided says whether what was read under the watch may be old.
func (m *memory) voided(w *watch) bool {
	s := m.shard(w.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return w.void || w.epoch != m.epoch.Load() || !w.based()
}

// listen makes the watch hear of changes.
func (m *memory) listen(w *watch) { m.listenTo(w, make(chan struct{}, 1)) }

// listenTo is listen with a channel that several watches may have. rung says
// which of them it was.
func (m *memory) listenTo(w *watch, wake chan struct{}) {
	s := m.shard(w.key)
	s.mu.Lock()
	w.wake = wake
	s.mu.Unlock()
}

// rung says whether a watch that listens was told of a change since it was
// last asked.
func (m *memory) rung(w *watch) bool {
	s := m.shard(w.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	rang := w.rang
	w.rang = false
	return rang
}

// pause waits for a change of the key, at most for d. It is false when ctx
// has ended.
func (w *watch) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.wake:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return true
}

func (w *watch) tell() {
	if w.wake != nil {
		w.rang = true
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}
