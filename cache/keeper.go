package cache

import (
	"sync"
	"time"
)

// keeper renews a lease in Redis for as long as its holder works.
type keeper struct {
	layer *layer
	watch *watch
	nonce token
	timer *time.Timer

	mu    sync.Mutex
	ended bool
}

func (l *layer) keepLease(w *watch, nonce token) *keeper {
	k := &keeper{layer: l, watch: w, nonce: nonce}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.timer = time.AfterFunc(k.pause(), k.renew)
	return k
}

// pause is how long a lease goes without being renewed.
func (k *keeper) pause() time.Duration { return k.layer.engine.o.LeaseTTL / 3 }

// renew runs on the timer's goroutine. It holds the lock throughout, so that
// a release comes after it.
func (k *keeper) renew() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return
	}
	e := k.layer.engine
	if !e.begin() { // closed under a lease that nobody ended
		k.ended = true
		return
	}
	defer e.work.Done()
	state, err := e.remote.renew(e.remote.soft.context(), k.layer.key(k.watch.key.id), k.nonce)
	if err == nil && state != leaseStands {
		e.void(k.watch)
		if k.ended = state == leaseLost; k.ended {
			return
		}
	}
	k.timer.Reset(k.pause())
}

// release gives the lease back; once.
func (k *keeper) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.timer.Stop()
	if k.ended {
		return
	}
	k.ended = true
	e := k.layer.engine
	_ = e.remote.release(e.remote.soft.context(), k.layer.key(k.watch.key.id), k.nonce)
	e.stir(k.watch.key) // Redis doesn't push to a node what it wrote itself
}

// spent says that the lease was used by a fill, and needs no release.
func (k *keeper) spent() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.timer.Stop()
	k.ended = true
}

// void says that what is under way under the watch may be old.
func (m *memory) void(w *watch) {
	s := m.shard(w.key)
	s.mu.Lock()
	w.void = true
	s.mu.Unlock()
}
