package cache

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// batch is what one GetMany leads: flights whose commands go to Redis
// together, and whose loads are one. It runs on a goroutine of its own, so that
// it outlives a caller who leaves while others have joined.
type batch struct {
	layer   *layer
	ctx     context.Context // of the loads; ends when all members have landed, or nobody waits for them
	cancel  context.CancelFunc
	load    manyLoader
	groups  []string
	members []*member
	flying  atomic.Int64 // members that have not landed and that somebody waits for
	wasRead chan struct{}
	tasks   sync.WaitGroup
	leases  *leases
}

// member is a flight in a batch. One goroutine at a time has it.
type member struct {
	*flight
	batch  *batch
	grant  grant
	waited bool // another node had the lease
	landed bool
	hit    bool // landed before wasRead was closed
	off    atomic.Bool
	lease  holding // guarded by the leases' lock

	// Of the load:
	loaded  Fill
	value   any
	found   bool
	made    *item
	failure error // ErrNotFound, if it wasn't found
	ttl     time.Duration
}

// leadMany runs flights that the caller started, as lead does one. The caller
// holds a share of e.work.
func (l *layer) leadMany(ctx context.Context, flights []*flight, load manyLoader) *batch {
	b := &batch{
		layer:   l,
		load:    load,
		groups:  flights[0].call.groups,
		members: make([]*member, len(flights)),
		wasRead: make(chan struct{}),
	}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	b.flying.Store(int64(len(flights)))
	members := make([]member, len(flights))
	for i, f := range flights {
		m := &members[i]
		m.flight, m.batch = f, b
		m.grant = grant{fill: true, away: l.engine.remote == nil || f.call.away, force: f.call.refresh}
		if f.stale != nil {
			m.grant.seen = f.stale.mark
		}
		b.members[i] = m
	}
	l.engine.work.Add(1)
	go b.run()
	return b
}

// awaitRead waits until Redis was read. It is false when ctx ended before.
func (b *batch) awaitRead(ctx context.Context) bool {
	select {
	case <-b.wasRead:
		return true
	case <-ctx.Done():
		return false
	}
}

func (b *batch) run() {
	e := b.layer.engine
	defer e.work.Done()
	reading := true
	read := func() {
		if reading {
			reading = false
			for _, m := range b.members {
				m.hit = m.landed
			}
			close(b.wasRead)
		}
	}
	defer func() {
		b.tasks.Wait()
		b.landRest(b.members, errExited)
		read()
		b.cancel()
	}()
	rest := b.putOff(b.read())
	for _, m := range rest {
		e.loading(m.flight, m.leave)
	}
	if len(rest) > 0 && (rest[0].background || b.layer.loadSoftTimeout > 0) {
		loading := slices.Clone(rest)
		stop := context.AfterFunc(e.closing, func() {
			for _, m := range loading {
				e.dismiss(m.flight)
			}
		})
		defer stop()
	}
	read()
	if rest = b.awaitClaims(rest); len(rest) > 0 {
		b.acquire(rest)
	}
}

// putOff lands members that were not loaded a moment ago, if something can
// stand in for them, and gives the others.
func (b *batch) putOff(ms []*member) []*member {
	l := b.layer
	return slices.DeleteFunc(ms, func(m *member) bool {
		if !l.isPutOff(m.key.id) {
			return false
		}
		it, source := l.engine.standIn(&m.watch)
		if it != nil {
			b.land(m, it, source, nil)
		}
		return it != nil
	})
}

// land ends a member's flight.
func (b *batch) land(m *member, it *item, source Source, err error) {
	m.landed = true
	b.layer.engine.land(m.flight, it, source, err)
	m.leave()
}

// landRest ends the flights that have not landed.
func (b *batch) landRest(ms []*member, err error) {
	for _, m := range ms {
		if !m.landed {
			b.land(m, nil, FromLoad, err)
		}
	}
}

// leave notes that nobody waits for the member any more. The last one ends
// the load.
func (m *member) leave() {
	if !m.off.Swap(true) && m.batch.flying.Add(-1) == 0 {
		m.batch.cancel()
	}
}

// wanted gives the members for which somebody waits, and lands the others.
func (b *batch) wanted(ms []*member) []*member {
	wanted := make([]*member, 0, len(ms))
	for _, m := range ms {
		if m.off.Load() {
			b.land(m, nil, FromLoad, context.Canceled)
		} else {
			wanted = append(wanted, m)
		}
	}
	return wanted
}

const (
	// batchMost is how many ids go to Redis in one batch. Replies of that size
	// don't hold up those of other callers, and more in one would not be faster.
	batchMost = 256
	// batchBytes is what the values of a batch should come to at most, as far
	// as that is known.
	batchBytes = 1 << 20
)

// read brings what Redis has, and gives the members that it could not.
func (b *batch) read() (rest []*member) {
	e := b.layer.engine
	var ask, due []*member
	for _, m := range b.members {
		if e.remote == nil || m.background || m.grant.force {
			rest = append(rest, m)
		} else {
			ask = append(ask, m)
		}
	}
	atOnce := &b.layer.readAtOnce
	for next := b.beginRead(&ask, atOnce.most()); next != nil; {
		got := <-next
		next = nil
		if atOnce.learn(&got); got.answered { // what comes next is on its way while this is decoded
			next = b.beginRead(&ask, atOnce.most())
		} else {
			for _, m := range ask {
				m.grant.away = true
			}
			rest = append(rest, ask...)
		}
		due = append(due, b.endRead(got)...)
		for _, m := range got.members {
			if !m.landed {
				rest = append(rest, m)
			}
		}
	}
	keys := make([]memKey, len(due))
	for i, m := range due {
		keys[i] = m.key
	}
	if len(keys) > 0 {
		b.layer.refreshMany(b.ctx, keys, &due[0].call, b.load)
	}
	return rest
}

// atOnce is how many ids of a layer go to Redis in one read, as far as that is
// known from what was read before; 0: not known yet. Without it, values so large
// that as many as there may be don't come within the soft timeout would be
// loaded by each GetMany, for ever.
type atOnce struct{ n atomic.Int64 }

func (a *atOnce) most() int { return int(cmp.Or(a.n.Load(), batchMost)) }

func (a *atOnce) learn(got *manyRead) {
	switch {
	case got.away:
	case !got.answered:
		a.n.Store(int64(max(len(got.members)/2, 1)))
	case got.size > 0:
		a.n.Store(int64(min(max(batchBytes/(got.size/len(got.members)+1), 1), batchMost)))
	default: // nothing was there: so much costs nothing
		a.n.Store(int64(min(2*a.most(), batchMost)))
	}
}

// manyRead is what came of reading some members.
type manyRead struct {
	members  []*member
	gens     []*generation
	replies  []reply // nil: there is none
	asked    int64
	size     int // of the values together
	answered bool
	away     bool // Redis was not asked
}

// beginRead asks for some of the members, which it takes off; nil when there
// are none.
func (b *batch) beginRead(ask *[]*member, most int) <-chan manyRead {
	if len(*ask) == 0 {
		return nil
	}
	ms := (*ask)[:min(most, len(*ask))]
	*ask = (*ask)[len(ms):]
	done := make(chan manyRead, 1)
	if len(b.members) <= batchMost { // nothing else to do meanwhile
		done <- b.readSome(ms)
	} else {
		go func() { done <- b.readSome(ms) }()
	}
	return done
}

func (b *batch) readSome(ms []*member) manyRead {
	e := b.layer.engine
	got := manyRead{members: ms}
	soft := e.remote.soft.context()
	gens, err := e.gens.resolve(soft, b.groups)
	if err == nil {
		keys := make([]string, len(ms))
		for i, m := range ms {
			e.bind(&m.watch, gens)
			keys[i] = m.inRedis()
		}
		got.gens, got.asked = gens, e.now()
		got.replies, err = e.remote.getMany(soft, keys)
		if err != nil && err != errAway {
			b.layer.stats.redisErrors.Add(1)
		}
	}
	got.answered, got.away = err == nil, err == errAway
	for i := range got.replies {
		got.size += len(got.replies[i].value)
		got.answered = got.answered && !unanswered(got.replies[i].err)
	}
	return got
}

// endRead lands what was found, and gives those of it that are to be refreshed.
func (b *batch) endRead(got manyRead) (due []*member) {
	l, e := b.layer, b.layer.engine
	for i, m := range got.members {
		if got.replies == nil {
			m.grant.away = true
			continue
		}
		switch found := got.replies[i]; {
		case found.err != nil:
			l.stats.redisErrors.Add(1)
			m.grant.away = true
		case found.value != nil:
			it := l.take(&m.watch, found.value, got.gens, &m.call)
			if it == nil {
				m.grant.see(found.value)
				continue
			}
			now := e.now()
			if !m.call.uncounted {
				l.stats.hitTimes.record(time.Duration(now - got.asked))
			}
			b.land(m, it, FromRedis, nil)
			if now >= it.fresh || early(it, now) {
				due = append(due, m)
			}
		}
	}
	return due
}

// refreshMany starts background loads of keys, but for those that are under
// way. The caller holds a share of e.work.
func (l *layer) refreshMany(ctx context.Context, keys []memKey, c *call, load manyLoader) {
	e := l.engine
	var led []*flight
	for _, key := range keys {
		if l.isPutOff(key.id) {
			continue
		}
		if f, lead, _ := e.join(key, *c, e.seq.Add(1), true); lead {
			led = append(led, f)
		} else {
			e.leave(f)
		}
	}
	if len(led) > 0 {
		l.leadMany(ctx, led, load)
	}
}

// awaitClaims lets those whose key is claimed in this process fly alone, and
// gives the others.
func (b *batch) awaitClaims(ms []*member) []*member {
	e := b.layer.engine
	free := ms[:0]
	for _, m := range ms {
		if e.claimed(m.key) == nil {
			free = append(free, m)
			continue
		}
		m.landed = true // by what follows
		if e.remote != nil {
			m.grant.soft = e.remote.soft.context()
		}
		b.layer.fly(b.ctx, m.flight, m.grant, func(ctx context.Context, f *Fill) (any, error) {
			alone := &member{flight: m.flight}
			err := b.load.load(ctx, []*member{alone})
			*f = alone.loaded
			if !alone.found && err == nil {
				err = ErrNotFound
			}
			if alone.found {
				err = nil
			}
			return alone.value, err
		})
		m.leave()
	}
	return free
}
