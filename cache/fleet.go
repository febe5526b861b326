package cache

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"
)

// The fleet is all engines on one Redis with one prefix. Its nodes hold
// leases, and its log holds the invalidations that somebody waits for. A
// node may renew its lease only when it has carried out all of the log; so
// one that invalidates knows that a node whose cursor has passed an entry, or
// whose lease has run out, doesn't serve what the entry took away. A node
// whose lease ran out forgets all it has in memory before it gets another.
//
// Whether a lease has run out is decided by Redis' clock alone; the node
// counts its lease from before it asked, on its own monotonic clock, and less
// a tenth for the difference of the clocks' speeds.
type fleet struct {
	remote *remote
	id     string       // of this node in the registry, see memberID
	until  atomic.Int64 // this node may serve from memory until then
	size   atomic.Int64 // live nodes, as of the last renewal
	cursor atomic.Int64 // what of the log was carried out; -1: unknown
	kick   chan struct{}
	tried  chan struct{} // closed when the node has tried for the first time to join
	met    met
}

const (
	memoryLease   = 2 * time.Second
	memoryRenewal = memoryLease / 4
	logLength     = 1024 // entries; who is further behind forgets everything
)

// leased says whether this node may serve from memory under the Acknowledged
// promise. It is asked before memory is: an entry found afterwards has
// survived all that was acknowledged.
func (f *fleet) leased() bool { return !guardLease || f.remote.engine.now() < f.until.Load() }

func (f *fleet) wake() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// lost says that this node may have missed pushes.
func (f *fleet) lost() {
	f.until.Store(0)
	f.cursor.Store(-1)
	f.wake()
}

// run renews the lease, and sooner when something was announced.
func (f *fleet) run(ctx context.Context) {
	tick := time.NewTicker(memoryRenewal)
	defer tick.Stop()
	for round := 0; ; round++ {
		if f.remote.engine.connected() {
			f.renew(ctx)
			select {
			case <-f.tried:
			default:
				close(f.tried)
			}
			if round%4 == 3 { // normally a change of master cuts connections; make sure
				err := f.remote.within(ctx, f.remote.sameLineage)
				switch {
				case err == nil || ctx.Err() != nil:
				case errors.Is(err, context.DeadlineExceeded):
					f.remote.breaker.late(err) // of the masters it says nothing
				default:
					f.remote.trip(err)
				}
			}
		}
		select {
		case <-ctx.Done():
			_ = f.remote.within(context.WithoutCancel(ctx), f.remote.leaveFleet)
			return
		case <-tick.C:
		case <-f.kick:
		}
	}
}

// renew carries out what was announced, and then renews the lease.
func (f *fleet) renew(ctx context.Context) {
	e := f.remote.engine
	for range 100 { // others may announce faster than this node hears
		asked := e.now()
		var reply fleetReply
		err := f.remote.within(ctx, func(ctx context.Context) (err error) {
			reply, err = f.remote.renewFleet(ctx, f.cursor.Load())
			return err
		})
		if err != nil {
			return
		}
		if reply.lost || reply.lapsed {
			e.forget()
			if f.until.Load() != 0 {
				e.emit(Event{Kind: EventEpoch, Message: "this node forgot everything in its memory: its lease ran out, or it was too far behind the fleet's log"})
			}
		}
		if reply.renewed {
			f.meet(ctx, reply.live != f.size.Swap(reply.live))
			f.until.Store(asked + int64(memoryLease)*9/10)
			return
		}
		for _, entry := range reply.entries {
			e.carryOut(entry)
		}
		f.cursor.Store(reply.seq)
	}
}

// carryOut does what an entry of the log says.
func (e *Engine) carryOut(entry string) {
	if group, ok := strings.CutPrefix(entry, logGroup); ok {
		e.gens.kill(group)
		return
	}
	if key, ok := strings.CutPrefix(entry, logKey); ok {
		if k, ok := e.memKey(key); ok {
			e.drop(k)
		}
	}
}

const (
	logKey   = "k:"
	logGroup = "g:"
)

// await waits until all nodes have carried out what was announced. It
// gives the live nodes and how many of them, this one included, have carried
// it out or have no lease any more. An error is that of ctx, or that the engine
// was closed; that Redis went away meanwhile is none.
//
// While the registry is younger than a lease there may be nodes that it knows
// nothing of: one more is waited for, who can but lose his lease. Nothing short
// of that wait can tell that nobody is there. A node that is cut off from Redis
// and holds a lease of a registry that was lost can't be heard, and a registry
// that was lost looks like the first one ever.
func (f *fleet) await(ctx context.Context, entries []string, a announced) (nodes, acknowledged int, err error) {
	r := f.remote
	others, pause := 0, 200*time.Microsecond
	for until := r.engine.now() + int64(2*memoryLease); ; {
		var s standing
		err = r.within(ctx, func(ctx context.Context) (err error) {
			if s, err = r.standing(ctx, a); err == nil && s.gone {
				a, err = r.announce(ctx, entries)
			}
			return err
		})
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			} else {
				err = nil
			}
			return max(others+1, int(f.size.Load()), 2), 1, err
		}
		others = max(others, s.live)
		all, pending := others, s.pending
		if s.young {
			all, pending = max(all, 1), max(pending, 1)
		}
		if pending == 0 || r.engine.now() > until {
			return all + 1, all + 1 - pending, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			pause = min(2*pause, 20*time.Millisecond)
			continue
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-r.engine.closing.Done():
			err = ErrClosed
		}
		timer.Stop()
		return all + 1, all + 1 - pending, err
	}
}

// listen wakes the node when something is announced.
func (f *fleet) listen(ctx context.Context) {
	for ctx.Err() == nil {
		_ = f.remote.subscribe(ctx, f.wake)
		timer := time.NewTimer(memoryRenewal)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}
