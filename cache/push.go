package cache

import (
	"errors"
	"strings"

	"github.com/redis/rueidis"
)

// pushed hears from Redis that keys which this node has read have changed:
// written by another node, expired or evicted; nil means any key might have,
// because the connection was lost or the database flushed. It runs where
// replies are read, so that a push is dealt with before the replies behind it.
func (r *remote) pushed(keys []rueidis.RedisMessage) {
	if keys == nil {
		if !r.deaf.Swap(true) && !r.closing.Load() {
			r.engine.emit(Event{Kind: EventPush, State: "lost", Message: "the connection on which Redis pushes invalidations was lost, or the database flushed"})
		}
		r.trip(errLost)
		r.engine.forget()
		r.fleet.lost()
		return
	}
	for i := range keys {
		if key, err := keys[i].ToString(); err == nil {
			r.engine.changed(key)
		}
	}
}

// errLost closes Redis off until it is known that the same master is there.
var errLost = errors.New("cache: a connection was lost, or the database flushed")

// changed drops what depends on a key of Redis.
func (e *Engine) changed(key string) {
	if side, ok := strings.CutPrefix(key, e.o.Prefix+"{"); ok {
		if key, ok = strings.CutSuffix(side, "}"+leaseSuffix); ok {
			if k, ok := e.memKey(key); ok {
				e.dropLease(k)
			}
		} else if key, ok = strings.CutSuffix(side, "}"+liveSuffix); ok {
			if k, ok := e.memKey(key); ok {
				e.stir(k)
			}
		}
		return
	}
	if k, ok := e.memKey(key); ok {
		e.drop(k)
		return
	}
	if group, ok := strings.CutPrefix(key, e.o.Prefix+genSpace+":"); ok {
		e.gens.kill(group)
	}
}

// memKey finds out what a Redis key is called in memory.
func (e *Engine) memKey(key string) (memKey, bool) {
	rest, ok := strings.CutPrefix(key, e.o.Prefix)
	if !ok {
		return memKey{}, false
	}
	name, id, ok := strings.Cut(rest, ":")
	if !ok {
		return memKey{}, false
	}
	e.mu.RLock()
	l := e.byName[name]
	e.mu.RUnlock()
	return memKey{l, id}, l != nil
}

// forget makes everything that this node holds in memory unreachable, the
// generations that it knows too.
func (e *Engine) forget() {
	e.gens.killAll()
	e.dropAll()
	if e.begin() {
		go func() { // free the memory, which nothing can reach any more
			defer e.work.Done()
			e.items.InvalidateAll()
		}()
	}
}
