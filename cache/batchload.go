package cache

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// loadsAlone is how many ids a batch loads at a time where each is loaded by
// itself.
const loadsAlone = 32

// deliver loads members, fills and lands them.
func (b *batch) deliver(ms []*member) {
	if !b.load.alone {
		b.bring(ms)
		return
	}
	var all sync.WaitGroup
	places := make(chan struct{}, loadsAlone)
	for i := range ms {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			b.bring(ms[i : i+1])
		})
	}
	all.Wait()
}

// bring loads members by one call of the loader.
func (b *batch) bring(all []*member) {
	defer func() { // also when the loader ends this goroutine
		b.landRest(all, errExited)
		if b.leases != nil {
			b.leases.release(all, leaseInUse)
		}
	}()
	ms := b.wanted(all)
	if len(ms) == 0 {
		return
	}
	if err := b.capture(ms); err != nil {
		b.landRest(ms, err)
		return
	}
	took, err := b.call(ms)
	b.settle(ms, took, err)
}

// capture gives the members the generations that they lack: those on which
// their load is based.
func (b *batch) capture(ms []*member) error {
	e := b.layer.engine
	var unasked, resolved []*generation
	for _, m := range ms {
		switch {
		case m.grant.gens != nil:
			continue
		case m.grant.away && m.grant.fill && e.remote != nil:
			if unasked == nil {
				unasked = e.gens.unasked(b.groups)
			}
			m.grant.gens = unasked
		default:
			if resolved == nil {
				var err error
				if resolved, err = e.gens.resolve(b.ctx, b.groups); err != nil {
					return err
				}
			}
			m.grant.gens = resolved
		}
		e.bind(&m.watch, m.grant.gens)
	}
	return nil
}

// call runs the loader, as layer.load does. It is one load in the statistics.
func (b *batch) call(ms []*member) (took time.Duration, err error) {
	s := &b.layer.stats
	s.loads.Add(1)
	began := time.Now()
	if b.layer.loadTimeout > 0 {
		err = b.runWithin(ms)
	} else {
		err = b.load.run(b.ctx, ms)
	}
	took = time.Since(began)
	s.loadTime.Add(int64(took))
	s.loadTimes.record(took)
	for _, m := range ms {
		s.costPaid.Add(uint64(max(m.loaded.Cost, 0)))
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		s.loadErrors.Add(1)
	}
	return took, err
}

// run calls the loader and turns its panic into an error.
func (l manyLoader) run(ctx context.Context, ms []*member) (err error) {
	defer rescue("loader", &err)
	return l.load(ctx, ms)
}

// runWithin is layer.runWithin for members.
func (b *batch) runWithin(ms []*member) error {
	ctx, cancel := context.WithTimeoutCause(b.ctx, b.layer.loadTimeout, errLoadTimeout)
	defer cancel()
	own := make([]*member, len(ms)) // what the loader fills in after its time is nobody's
	for i, m := range ms {
		own[i] = &member{flight: m.flight}
	}
	done := make(chan error, 1)
	e := b.layer.engine
	e.work.Add(1)
	go func() {
		defer e.work.Done()
		err := errExited
		defer func() { done <- err }()
		err = b.load.run(ctx, own)
	}()
	select {
	case err := <-done:
		for i, m := range ms {
			m.loaded, m.value, m.found = own[i].loaded, own[i].value, own[i].found
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// settle makes of what was loaded what is cached and given to those who wait.
func (b *batch) settle(ms []*member, took time.Duration, err error) {
	l := b.layer
	var fills, removes []*member
	for _, m := range ms {
		if !m.found && err != nil && !errors.Is(err, ErrNotFound) {
			if old, source := l.failed(b.ctx, m.flight); old != nil {
				b.land(m, old, source, nil)
			} else {
				b.land(m, nil, FromLoad, err)
			}
			continue
		}
		l.loadsAgain(m.key.id)
		store := m.loaded.stores()
		m.made = l.newItem(m.loaded, !m.found, took, m.grant.gens)
		if m.found {
			m.made.value = m.value
		} else {
			store = store && l.negativeTTL > 0
			if m.failure = err; err == nil {
				m.failure = ErrNotFound
			}
		}
		switch {
		case !m.grant.fill || m.background && b.ctx.Err() != nil:
			b.land(m, m.made, FromLoad, m.failure)
		case store:
			fills = append(fills, m)
		default:
			removes = append(removes, m)
		}
	}
	if b.leases != nil {
		b.leases.advance(fills, leaseOfFill)
		b.leases.advance(removes, leaseOfFill)
	}
	b.remove(append(removes, b.fill(fills)...))
}

// remove is layer.remove for members, who land by it.
func (b *batch) remove(ms []*member) {
	l, e := b.layer, b.layer.engine
	ended := func(m *member, removed bool) {
		e.letGo(&m.watch, removed)
		b.land(m, m.made, FromLoad, m.failure)
	}
	var there []*member
	for _, m := range ms {
		if g := &m.grant; g.nonce != 0 && !g.away && (g.seen != 0 || g.force) {
			there = append(there, m)
		} else {
			ended(m, false)
		}
	}
	silent := false
	for some := range slices.Chunk(there, batchMost) {
		if silent {
			for _, m := range some {
				ended(m, false)
			}
			continue
		}
		b.leases.advance(some, leaseInUse)
		for i, reply := range e.remote.removeMany(e.remote.soft.context(), some, b.leases.nonce) {
			n, err := reply.count()
			if err == nil {
				b.leases.spent(some[i])
			} else if !silent && err != errAway {
				l.stats.redisErrors.Add(1)
			}
			silent = silent || unanswered(err)
			ended(some[i], n == 1)
		}
	}
}

// fill is layer.fill for members, who land by it. It gives those that can't be
// cached at all, and have not landed.
func (b *batch) fill(ms []*member) (refused []*member) {
	l, e := b.layer, b.layer.engine
	silent, size := false, 0
	var some []*member
	var calls []scriptCall
	flush := func() {
		if len(some) > 0 {
			silent = b.fillSome(some, calls, silent)
		}
		some, calls, size = nil, nil, 0
	}
	for _, m := range ms {
		value, err := l.encoded(&m.watch, m.made)
		if err != nil {
			l.warn(&l.logged.fills, "cache: a loaded value is not cached", err)
			refused = append(refused, m)
			continue
		}
		if silent || m.grant.nonce == 0 || m.grant.away {
			b.fillMemory(m)
			continue
		}
		sealed, ttl, ok := l.seal(m.made, value, e.now())
		if !ok {
			b.fillMemory(m)
			continue
		}
		if size += len(sealed); len(some) == batchMost || len(some) > 0 && size > batchBytes {
			flush()
			size = len(sealed)
		}
		m.ttl = ttl
		some = append(some, m)
		calls = append(calls, e.remote.fillCall(m.inRedis(), m.grant.nonce, sealed, ttl, m.made.version))
	}
	flush()
	return refused
}

// fillMemory keeps what Redis has no say in, because it is away or not there.
func (b *batch) fillMemory(m *member) {
	l, e := b.layer, b.layer.engine
	if e.remote != nil {
		m.made.keepFor(e.now(), l.awayTTL)
	}
	m.filled = e.keep(&m.watch, m.made)
	b.wasFilled(m)
}

func (b *batch) wasFilled(m *member) {
	s := &b.layer.stats
	if m.filled {
		s.fills.Add(1)
	} else {
		s.fillsRefused.Add(1)
	}
	b.land(m, m.made, FromLoad, m.failure)
}

// fillSome stores members in Redis. silent says that Redis has not answered
// before; the result, that it has not answered now.
func (b *batch) fillSome(ms []*member, calls []scriptCall, silent bool) bool {
	l, e := b.layer, b.layer.engine
	if silent {
		for _, m := range ms {
			b.fillMemory(m)
		}
		return true
	}
	b.leases.advance(ms, leaseInUse)
	soft := e.remote.soft.context()
	for i, reply := range e.remote.fillMany(soft, calls) {
		m := ms[i]
		n, err := reply.count()
		if err != nil {
			if !silent && err != errAway {
				l.stats.redisErrors.Add(1)
			}
			silent = silent || unanswered(err)
			b.fillMemory(m)
			continue
		}
		b.leases.spent(m)
		if n == 1 {
			e.remote.prolong(soft, m.made)
			l.note(m.key.id, m.ttl)
			m.filled = e.publish(&m.watch, m.made)
		}
		b.wasFilled(m)
	}
	return silent
}
