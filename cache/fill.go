package cache

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// grant is what a load may do with what it brings.
type grant struct {
	fill  bool // it may be cached
	away  bool // but in this node's memory only, and not for long
	nonce token
	gens  []*generation // captured before the load
	soft  context.Context

	seen  uint32 // the checksum of a value in Redis that is of no use
	force bool   // no value in Redis is of use

	keeper *keeper // of the lease; nil: there is none
}

// see remembers a value in Redis that is of no use.
func (g *grant) see(b []byte) {
	if len(b) == 0 {
		return
	}
	if g.seen = markOf(b); g.seen == 0 {
		g.force = true
	}
}

// read brings an entry from Redis and keeps it in memory, if it will do. If
// not, it gives the bytes that it found.
func (l *layer) read(ctx context.Context, w *watch, c *call) (it *item, found []byte, err error) {
	e := l.engine
	gens, err := e.gens.resolve(ctx, c.groups)
	if err != nil {
		return nil, nil, err
	}
	e.bind(w, gens)
	b, err := e.remote.get(ctx, w.inRedis())
	if foreign(err) {
		return nil, nil, nil // the lease, asked for next, makes room
	}
	if err != nil {
		if err != errAway {
			l.stats.redisErrors.Add(1)
		}
		return nil, nil, err
	}
	if b == nil {
		return nil, nil, nil
	}
	if it = l.take(w, b, gens, c); it == nil {
		return nil, b, nil
	}
	return it, nil, nil
}

// take makes an item of what Redis gave and keeps it in memory, if it is worth
// that; nil when it is of no use to the call, or only if there is nothing
// better.
func (l *layer) take(w *watch, b []byte, gens []*generation, c *call) *item {
	e := l.engine
	now, ahead := e.times()
	it, ok := l.unsealAt(b, gens, now, ahead)
	if !ok || now >= l.usable(it) || !c.accepts(e, it) || guardFloor && e.under(w.key, it.version) {
		return nil
	}
	if e.worth(w.key) {
		it.keepFor(now, l.memoryTTL)
		e.keep(w, it)
	} else {
		it.epoch = w.epoch
	}
	if now >= l.servable(it) {
		e.spare(w, it, FromRedis)
		return nil
	}
	return it
}

const (
	minPoll = 20 * time.Millisecond
	maxPoll = 250 * time.Millisecond
)

// acquire gets the right to fill from Redis, or what another node has filled
// meanwhile. While another node has the right, it waits: the push of that
// node's fill or release wakes it, and it asks again from time to time in
// case the push is lost.
func (l *layer) acquire(ctx context.Context, f *flight, g *grant) (*item, Source) {
	e, r, key := l.engine, l.engine.remote, l.key(f.key.id)
	g.nonce = loadNonce()
	e.listen(&f.watch)
	until := e.now() + int64(l.loadWait)
	soft, source, poll := g.soft, FromRedis, minPoll
	for {
		e.renew(&f.watch, true)
		gens, err := e.gens.resolve(soft, f.call.groups)
		if err != nil {
			g.away = true
			return nil, ""
		}
		e.bind(&f.watch, gens)
		reply, b, err := r.lease(soft, key, g.nonce, g.seen, g.force)
		switch {
		case err != nil:
			l.stats.redisErrors.Add(1)
			g.away = true
			return nil, ""
		case reply == leaseGranted:
			if e.voided(&f.watch) && !l.confirm(f, g, gens) {
				continue
			}
			g.gens = gens
			l.hold(ctx, f, g)
			return nil, ""
		case reply == leaseValue:
			if it := l.take(&f.watch, b, gens, &f.call); it != nil && (!f.background || e.now() < it.fresh) {
				return it, source
			}
			g.see(b)
			continue
		case f.background:
			g.fill = false
			return nil, ""
		}
		source = FromShared
		e.renew(&f.watch, false)
		if !f.pause(ctx, poll) || e.now() >= until {
			g.fill = false
			return nil, ""
		}
		poll = min(2*poll, maxPoll)
		soft = r.soft.context()
	}
}

// confirm asks whether a lease that was just granted still stands, after a
// push that may have been about the one before it.
func (l *layer) confirm(f *flight, g *grant, gens []*generation) bool {
	e := l.engine
	e.renew(&f.watch, true)
	e.bind(&f.watch, gens)
	if e.voided(&f.watch) {
		return false
	}
	state, err := e.remote.renew(e.remote.soft.context(), l.key(f.key.id), g.nonce)
	return state == leaseStands && err == nil
}

// hold keeps the lease alive until it is used or released. When the load is
// cancelled the lease is given back at once, even if the loader goes on.
func (l *layer) hold(ctx context.Context, f *flight, g *grant) {
	g.keeper = l.keepLease(&f.watch, g.nonce)
	context.AfterFunc(ctx, g.keeper.release)
}

// fill puts what was loaded into the cache. An error means that it can't be
// cached at all; then what was there before, which the source has no more, is
// removed.
func (l *layer) fill(w *watch, g *grant, it *item) (bool, error) {
	e := l.engine
	value, err := l.encoded(w, it)
	if err != nil {
		l.remove(w, g)
		return false, err
	}
	ok := false
	switch filled, known := l.fillRemote(w, g, it, value); {
	case filled:
		ok = e.publish(w, it)
	case !known:
		if e.remote != nil {
			it.keepFor(e.now(), l.awayTTL)
		}
		ok = e.keep(w, it)
	}
	if ok {
		l.stats.fills.Add(1)
	} else {
		l.stats.fillsRefused.Add(1)
	}
	return ok, nil
}

// encoded gives the bytes of an item that is to be cached.
func (l *layer) encoded(w *watch, it *item) (value []byte, err error) {
	switch {
	case it.version < 0:
		err = errVersion
	case it.negative:
		return nil, nil
	default:
		if value, err = l.encode(it.value); err == nil && len(value) > maxValue {
			err = errTooLarge
		}
	}
	if err != nil {
		l.stats.fillsRefused.Add(1)
		return nil, fmt.Errorf("cache: %s is not cached: %w", l.key(w.key.id), err)
	}
	it.size = uint32(len(value))
	return value, nil
}

// errTooLarge is given for a value of more than maxValue bytes.
var errTooLarge = errors.New("the encoded value is too large")

// fillRemote stores an entry in Redis under the grant's lease. known is false
// when Redis has no say in it: it is away or not there.
func (l *layer) fillRemote(w *watch, g *grant, it *item, value []byte) (filled, known bool) {
	e := l.engine
	if g.nonce == 0 || g.away {
		return false, false
	}
	sealed, ttl, ok := l.seal(it, value, e.now())
	if !ok {
		return false, false
	}
	soft := e.remote.soft.context()
	filled, err := e.remote.fill(soft, l.key(w.key.id), g.nonce, sealed, ttl, it.version)
	if err != nil {
		l.stats.redisErrors.Add(1)
		return false, false
	}
	g.keeper.spent()
	if filled {
		e.remote.prolong(soft, it)
		l.note(w.key.id, ttl)
	}
	return filled, true
}
