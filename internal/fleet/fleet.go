// Package fleet lets any node answer for all of them. Each node publishes what
// it has counted to Redis, about once a second while something happens; whoever
// is asked adds the records up. It also keeps the totals of each day in the
// store.
//
// All of it is one hash in Redis, {<prefix>fleet}:counts, so that scripts can
// change it in one step in a cluster too:
//
//	live:<start>  what one start of a node has counted: replaced as a whole
//	at:<start>    sequence number, time and state of that record
//	retired       the sum of records whose nodes are gone for good
//	gone:<start>  that a start was added to retired, and when
//	version       of retired; period: rises with each reset of the fleet
//
// A start is a node's name with something that no other start of it has. So a
// node that restarts begins a record of its own beside the one that it left,
// and nothing is counted twice or lost. Records are absolute: publishing one
// again changes nothing, whatever became of the first attempt.
//
// The record of a node that ended in order is added to the retired sum soon,
// that of one that was lost after retireAfter: until then it may only have
// been cut off from Redis, and comes back with its counts. Both happen by a
// script that fails when anything that the sum was made from has changed, and
// that removes the record in the same step: exactly once. A node that comes
// back later than that finds its account closed, and counts anew.
//
// What can be lost: what a node killed hard had counted since it published
// last (a second, see Options.Every), and the retired sum when Redis loses its
// data; records of live nodes come back by themselves.
package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/redisconn"
)

// Options configure a Fleet. Node, Monitor and Store are needed.
type Options struct {
	Node    string // this node's name
	Version string // of deja

	Monitor *monitor.Monitor
	Store   deja.Store // keeps the totals of days

	// Redis is where the nodes meet; nil: this node is the fleet.
	Redis  *redisconn.Options
	Prefix string // stands before every key

	// Gauges tells what is in this node's memory, and its breaker's state.
	Gauges func() Gauges

	// Every is how often what has changed is published: the most that is lost
	// when a node is killed. Default 1 s.
	Every time.Duration

	// RetireAfter is how long a lost node's record stays its own. Default 24 h.
	RetireAfter time.Duration

	Logger *slog.Logger     // default discards
	Now    func() time.Time // default time.Now; for days and display only
}

// Gauges are a node's state besides its counters.
type Gauges struct {
	Breaker    string
	LocalBytes int64
	LocalLimit int64
}

// Fleet publishes this node's counters and adds up those of all. Safe for
// concurrent use.
type Fleet struct {
	o       Options
	start   atomic.Pointer[string] // name and nonce of this start; see begin
	started time.Time
	conn    *redisconn.Conn // nil without Redis
	days    *days

	mu        sync.Mutex // one publication at a time
	seq       int64
	period    int64 // -1: not known yet
	published monitor.Totals
	at        time.Time // of the last publication

	lostAfter time.Duration // how long a node has not been seen when others save its share of the day

	retiring sync.Mutex
	rescued  map[string]int64 // starts of lost nodes, and Seq of the share that was saved for them
}

// New makes a Fleet and begins to dial Redis; it does not wait.
func New(o Options) (*Fleet, error) {
	if o.Node == "" || o.Monitor == nil || o.Store == nil {
		return nil, errors.New("fleet: a node's name, a monitor and a store are needed")
	}
	if o.Gauges == nil {
		o.Gauges = func() Gauges { return Gauges{} }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Every = cmp.Or(max(o.Every, 0), time.Second)
	o.RetireAfter = cmp.Or(max(o.RetireAfter, 0), 24*time.Hour)
	f := &Fleet{o: o, started: o.Now(), period: -1, lostAfter: 30 * time.Second, rescued: make(map[string]int64)}
	f.start.Store(new(o.Node + "-" + rand.Text()[:12]))
	f.days = newDays(*f.start.Load(), o.Now(), o.Monitor.Totals())
	if o.Redis != nil {
		conn, err := redisconn.Open(*o.Redis)
		if err != nil {
			return nil, fmt.Errorf("fleet: %w", err)
		}
		f.conn = conn
	}
	return f, nil
}

// How often a node that has nothing new says that it is there, how often it
// looks for records to retire, and how often days are saved.
const (
	heartbeat   = 3 * time.Second
	retireEvery = 10 * time.Second
	saveEvery   = 15 * time.Second
)

// Run publishes, retires and saves until ctx ends.
func (f *Fleet) Run(ctx context.Context) {
	publish, retire, save := time.NewTicker(f.o.Every), time.NewTicker(retireEvery), time.NewTicker(saveEvery)
	defer publish.Stop()
	defer retire.Stop()
	defer save.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-publish.C:
			f.days.count(f.o.Now(), f.o.Monitor.Totals)
			if err := f.publishChanges(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, redisconn.ErrAway) {
				f.o.Logger.DebugContext(ctx, "counters were not published", "error", err)
			}
		case <-retire.C:
			if err := f.Retire(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, redisconn.ErrAway) {
				f.o.Logger.DebugContext(ctx, "records were not retired", "error", err)
			}
		case <-save.C:
			if err := f.SaveDays(ctx); err != nil && ctx.Err() == nil {
				f.o.Logger.WarnContext(ctx, "the day's totals were not saved", "error", err)
			}
		}
	}
}

// publishChanges publishes when there is something to tell.
func (f *Fleet) publishChanges(ctx context.Context) error {
	if f.conn == nil {
		return nil
	}
	f.mu.Lock()
	same := f.o.Monitor.Totals() == f.published && time.Since(f.at) < heartbeat
	f.mu.Unlock()
	if same {
		return nil
	}
	return f.Publish(ctx)
}

// Close publishes and saves what is left, says that this start has ended, and
// hangs up. Run must have ended. It is idempotent. A Redis that is away costs
// what was counted since it went, and is no error: it is not needed for an end.
func (f *Fleet) Close(ctx context.Context) error {
	errs := []error{f.SaveDays(ctx)}
	if f.conn != nil {
		if err := f.publish(ctx, stateEnded); err != nil && !errors.Is(err, redisconn.ErrAway) {
			f.o.Logger.WarnContext(ctx, "the last counters were not published", "error", err)
		}
		errs = append(errs, f.conn.Close())
	}
	return errors.Join(errs...)
}
