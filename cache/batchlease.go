package cache

import (
	"context"
	"slices"
	"sync"
	"time"
)

// burst is how long changes of keys of a batch come after the first of them.
const burst = 2 * time.Millisecond

// acquire is layer.acquire for a batch: it gets the right to fill from Redis,
// or what other nodes have filled meanwhile. What may be loaded is loaded at
// once, while the rest waits for other nodes.
func (b *batch) acquire(ms []*member) {
	l, e := b.layer, b.layer.engine
	var ready, held, ask []*member
	for _, m := range ms {
		if m.grant.away {
			ready = append(ready, m)
		} else {
			ask = append(ask, m)
		}
	}
	if len(ask) == 0 {
		b.deliver(ready)
		return
	}
	b.leases = &leases{layer: l, nonce: loadNonce()}
	context.AfterFunc(b.ctx, func() { b.leases.release(b.members, leaseOfLoad) })
	wake := make(chan struct{}, 1)
	for _, m := range ask {
		e.listenTo(&m.watch, wake)
	}
	for until, poll := e.now()+int64(l.loadWait), minPoll; ; {
		granted, others := b.ask(ask)
		ready, held = append(ready, granted...), b.wanted(append(held, others...))
		bring := ready
		ready = nil
		if len(held) == 0 {
			b.deliver(bring)
			return
		}
		if len(bring) > 0 {
			b.tasks.Go(func() { b.deliver(bring) })
		}
		all := false
		timer := time.NewTimer(poll)
		select {
		case <-wake: // mostly others change at the same time
			timer.Reset(burst)
			select {
			case <-timer.C:
			case <-b.ctx.Done():
			}
		case <-timer.C:
			all, poll = true, min(2*poll, maxPoll)
		case <-b.ctx.Done():
			b.landRest(held, context.Cause(b.ctx))
			return
		}
		timer.Stop()
		if e.now() >= until {
			for _, m := range held {
				m.grant.fill = false
			}
			b.deliver(held)
			return
		}
		ask = nil
		held = slices.DeleteFunc(held, func(m *member) bool {
			changed := e.rung(&m.watch) || all
			if changed {
				ask = append(ask, m)
			}
			return changed
		})
	}
}

// round is what asking for leases has come to so far.
type round struct {
	ready    []*member // to be loaded
	held     []*member // by another node
	again    []*member // to be asked for once more, at once
	doubtful []*member // granted, but a push came that may have been about it
	silent   bool      // Redis did not answer, and is not asked any more
}

// ask asks for the leases of members. Those that it gives neither as ready nor
// as held have landed.
func (b *batch) ask(ms []*member) (ready, held []*member) {
	var r round
	for len(ms) > 0 {
		r.again, r.doubtful = nil, nil
		for some := range slices.Chunk(ms, batchMost) {
			if r.silent {
				r.away(some)
			} else {
				b.askSome(some, &r)
			}
		}
		for some := range slices.Chunk(r.doubtful, batchMost) {
			b.confirm(some, &r)
		}
		ms = r.again
	}
	return r.ready, r.held
}

func (r *round) away(ms []*member) {
	for _, m := range ms {
		m.grant.away = true
	}
	r.ready = append(r.ready, ms...)
}

func (b *batch) askSome(ms []*member, r *round) {
	l, e, remote := b.layer, b.layer.engine, b.layer.engine.remote
	for _, m := range ms {
		e.renew(&m.watch, true)
	}
	soft := remote.soft.context()
	gens, err := e.gens.resolve(soft, b.groups)
	if err != nil {
		r.silent = true
		r.away(ms)
		return
	}
	asks := make([]scriptCall, len(ms))
	for i, m := range ms {
		e.bind(&m.watch, gens)
		asks[i] = remote.scriptCall(m.inRedis(), remote.leaseArgs(b.leases.nonce, m.grant.seen, m.grant.force)...)
	}
	asked := e.now()
	for i, reply := range remote.runMany(soft, leaseBatch, asks) {
		m := ms[i]
		kind, value, err := reply.lease()
		switch {
		case err != nil:
			if !r.silent && err != errAway {
				l.stats.redisErrors.Add(1)
			}
			r.silent = r.silent || unanswered(err)
			r.away(ms[i : i+1])
		case kind == leaseGranted:
			m.grant.gens = gens
			if e.voided(&m.watch) {
				r.doubtful = append(r.doubtful, m)
			} else {
				b.hold(m, r)
			}
		case kind == leaseValue:
			it := l.take(&m.watch, value, gens, &m.call)
			if it == nil || m.background && e.now() >= it.fresh {
				m.grant.see(value)
				r.again = append(r.again, m)
				continue
			}
			if m.waited {
				b.land(m, it, FromShared, nil)
			} else {
				if !m.call.uncounted {
					l.stats.hitTimes.record(time.Duration(e.now() - asked))
				}
				b.land(m, it, FromRedis, nil)
			}
		case m.background: // someone else is at it
			it, source := l.meanwhile(&m.watch)
			b.land(m, it, source, nil)
		default:
			m.waited = true
			e.renew(&m.watch, false)
			r.held = append(r.held, m)
		}
	}
}

// hold notes that a member has its lease.
func (b *batch) hold(m *member, r *round) {
	m.grant.nonce = b.leases.nonce
	b.leases.add(m)
	r.ready = append(r.ready, m)
}

// confirm is layer.confirm for a batch.
func (b *batch) confirm(ms []*member, r *round) {
	e, remote := b.layer.engine, b.layer.engine.remote
	var asked []*member
	for _, m := range ms {
		e.renew(&m.watch, true)
		e.bind(&m.watch, m.grant.gens)
		if e.voided(&m.watch) {
			m.grant.gens = nil
			r.again = append(r.again, m)
		} else {
			asked = append(asked, m)
		}
	}
	for i, reply := range remote.renewMany(remote.soft.context(), asked, b.leases.nonce) {
		if n, err := reply.count(); err == nil && leaseState(n) == leaseStands {
			b.hold(asked[i], r)
		} else {
			asked[i].grant.gens = nil
			r.again = append(r.again, asked[i])
		}
	}
}

// holding is how far a member is with its lease.
type holding uint8

const (
	noLease     holding = iota
	leaseOfLoad         // given back when nobody waits for the load any more
	leaseOfFill         // needed, because what was loaded is to be filled
	leaseInUse          // by a fill under way
)

// leases keeps what keeper keeps for one: the leases of a batch, which have one
// nonce and are renewed together.
type leases struct {
	layer *layer
	nonce token

	mu      sync.Mutex
	members []*member // that have had a lease
	held    int       // of them, those that have it still
	timer   *time.Timer
}

func (s *leases) add(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.lease = leaseOfLoad
	s.members = append(s.members, m)
	if s.held++; s.timer == nil {
		s.timer = time.AfterFunc(s.pause(), s.renew)
	}
}

func (s *leases) pause() time.Duration { return s.layer.engine.o.LeaseTTL / 3 }

// renew runs on the timer's goroutine.
func (s *leases) renew() {
	e := s.layer.engine
	began := time.Now()
	s.mu.Lock()
	s.members = slices.DeleteFunc(s.members, func(m *member) bool { return m.lease == noLease || m.lease == leaseInUse })
	members := slices.Clone(s.members)
	if s.held == 0 || !e.begin() {
		s.timer = nil
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	defer e.work.Done()
	for some := range slices.Chunk(members, batchMost) {
		if !s.renewSome(some) {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Reset(max(s.pause()-time.Since(began), 0))
	}
}

// renewSome holds the lock throughout, so that a fill or a release comes after
// it. It is false when Redis did not answer.
func (s *leases) renewSome(ms []*member) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms = slices.DeleteFunc(ms, func(m *member) bool { return m.lease == noLease || m.lease == leaseInUse })
	e := s.layer.engine
	for i, reply := range e.remote.renewMany(e.remote.soft.context(), ms, s.nonce) {
		n, err := reply.count()
		if unanswered(err) {
			return false
		}
		if err == nil && leaseState(n) != leaseStands {
			e.void(&ms[i].watch)
			s.drop(ms[i])
		}
	}
	return true
}

// drop forgets a lease; the caller holds the lock.
func (s *leases) drop(m *member) bool {
	if m.lease == noLease {
		return false
	}
	m.lease = noLease
	if s.held--; s.held == 0 && s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	return true
}

// advance says that leases are for the fill, or in use. Those in use are no
// longer renewed: one that the fill has just ended would look like one that was
// lost.
func (s *leases) advance(ms []*member, to holding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range ms {
		if m.lease != noLease {
			m.lease = to
		}
	}
}

// spent says that a lease was used by a fill, and needs no release.
func (s *leases) spent(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(m)
}

// release gives back the leases of members that are no further than upTo.
func (s *leases) release(ms []*member, upTo holding) {
	s.mu.Lock()
	var back []*member
	for _, m := range ms {
		if m.lease <= upTo && s.drop(m) {
			back = append(back, m)
		}
	}
	s.mu.Unlock()
	e := s.layer.engine
	if len(back) == 0 {
		return
	}
	for some := range slices.Chunk(back, batchMost) {
		if !e.remote.releaseMany(e.remote.soft.context(), some, s.nonce) {
			break // they run out
		}
	}
	for _, m := range back {
		e.stir(m.key) // Redis doesn't push to a node what it wrote itself
	}
}
