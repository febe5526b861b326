package cachetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/internal/wallclock"
	"github.com/dejahq/deja/internal/redistest"
)

// Exploration says how to look for stale reads: engines on one Redis, random
// operations on a few keys, and faults in between.
type Exploration struct {
	Nodes    int           // default 3
	Workers  int           // per node; default 3
	Keys     int           // default 6
	Duration time.Duration // default 5 s
	Enough   int           // a run without faults follows, of a minute at most, until so many writes were acknowledged
	Seed     uint64
	Promise  cache.Promise // default Bounded
	Topology string        // of Topologies; default Standalone
	Faults   []string      // of FaultNames; default all that the topology can have; "none" for none
	// Lag makes loads of odd keys bring an older version at times, as a
	// replica of the source would. Floors keep such out of the cache, as long
	// as Redis doesn't lose them: it needs Faults that don't.
	Lag bool
}

// Report is what an exploration saw.
type Report struct {
	Reads, Writes, Failed int
	Sources               map[string]int // of the reads
	Faults                map[string]int
	Acknowledged          int // writes
	Stale                 []Stale
	Worst                 time.Duration // age of the oldest stale read
}

// Explore starts servers and runs. It is deterministic in what it tries, not
// in how the tries interleave.
func Explore(ctx context.Context, tb redistest.TB, x Exploration) (Report, error) {
	x = x.withDefaults()
	redis, err := startRedis(tb, x.Topology)
	if err != nil {
		return Report{}, err
	}
	run := &run{x: x, redis: redis, newest: make([]atomic.Int64, x.Keys)}
	for i := range run.newest {
		run.newest[i].Store(1)
	}
	for range x.Nodes {
		if err := run.addNode(ctx, tb); err != nil {
			return Report{}, err
		}
	}
	run.settle(ctx)
	run.began = time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for n := range x.Nodes {
		for w := range x.Workers {
			wg.Go(func() { run.work(ctx, n, rand.New(rand.NewPCG(x.Seed, uint64(n*1000+w)))) })
		}
	}
	spoilt, stop := context.WithTimeout(ctx, x.Duration)
	defer stop()
	faults := run.spoil(spoilt, rand.New(rand.NewPCG(x.Seed, 1<<32)))
	for late := time.Now().Add(time.Minute); run.acknowledged.Load() < int64(x.Enough) && ctx.Err() == nil && time.Now().Before(late); {
		pause(ctx, 20*time.Millisecond)
	}
	cancel()
	wg.Wait()
	for _, e := range run.engines {
		_ = e.Close()
	}
	return run.report(faults), nil
}

func (x Exploration) withDefaults() Exploration {
	if x.Nodes == 0 {
		x.Nodes = 3
	}
	if x.Workers == 0 {
		x.Workers = 3
	}
	if x.Keys == 0 {
		x.Keys = 6
	}
	if x.Duration == 0 {
		x.Duration = 5 * time.Second
	}
	if x.Promise == 0 {
		x.Promise = cache.Bounded
	}
	if x.Topology == "" {
		x.Topology = Standalone
	}
	if x.Faults == nil {
		x.Faults = FaultNames()
	}
	return x
}

// run is an exploration under way.
type run struct {
	x        Exploration
	redis    redis
	networks []*network         // of the nodes
	clocks   []*wallclock.Clock // of the nodes
	engines  []*cache.Engine
	layers   []*cache.Layer[int64]
	began    time.Time
	newest   []atomic.Int64 // the source: the version of each key

	acknowledged atomic.Int64 // writes
	quiet        atomic.Bool  // nobody writes

	mu      sync.Mutex
	history []Op
	failed  int
}

func (r *run) addNode(ctx context.Context, tb redistest.TB) error {
	way, clock := newNetwork(tb), &wallclock.Clock{}
	options := r.redis.options
	options.Dial = way.dial
	e, err := cache.Open(wallclock.With(ctx, clock), cache.Options{
		Redis:       &options,
		Node:        "node" + strconv.Itoa(len(r.engines)),
		SoftTimeout: 200 * time.Millisecond,
		HardTimeout: time.Second,
	})
	if err != nil {
		return err
	}
	l, err := cache.NewLayer(e, cache.LayerOptions[int64]{
		Name: "explored", TTL: time.Minute, Promise: r.x.Promise, LoadWait: 200 * time.Millisecond,
		Codec: slowCodec{},
	})
	if err != nil {
		return err
	}
	r.networks, r.clocks = append(r.networks, way), append(r.clocks, clock)
	r.engines, r.layers = append(r.engines, e), append(r.layers, l)
	return nil
}

// settle waits until the nodes know of each other. It goes on without, when
// they don't in time.
func (r *run) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, l := range r.layers {
		for ctx.Err() == nil {
			got, err := l.Invalidate(ctx, "settled", 0)
			if err == nil && got.Remote && got.Nodes == r.x.Nodes && (r.x.Promise != cache.Acknowledged || got.Acknowledged == got.Nodes) {
				break
			}
			pause(ctx, 10*time.Millisecond)
		}
	}
}

// work is one client of one node.
func (r *run) work(ctx context.Context, node int, random *rand.Rand) {
	var ops []Op
	failed := 0
	for ctx.Err() == nil {
		op, ok := r.step(ctx, node, random.IntN(r.x.Keys), random)
		if ok {
			if op.Write {
				r.acknowledged.Add(1)
			}
			ops = append(ops, op)
		} else {
			failed++
		}
		if random.IntN(4) == 0 {
			pause(ctx, time.Duration(random.IntN(500))*time.Microsecond)
		}
	}
	r.mu.Lock()
	r.history = append(r.history, ops...)
	r.failed += failed
	r.mu.Unlock()
}

// step reads or writes. Odd keys have versions; even ones rely on leases
// alone. ok is false when the outcome doesn't count: a failed read, or a
// write that nobody acknowledged.
func (r *run) step(ctx context.Context, node, k int, random *rand.Rand) (op Op, ok bool) {
	l, id := r.layers[node], "key"+strconv.Itoa(k)
	groups := cache.InGroup("group" + strconv.Itoa(k%2))
	op = Op{Node: node, Key: id, Start: time.Since(r.began)}
	if random.IntN(20) == 0 && !r.quiet.Load() {
		op.Write = true
		op.Version, ok = r.write(ctx, l, id, k, groups, random)
		op.End = time.Since(r.began)
		return op, ok
	}
	before, after := time.Duration(random.IntN(3))*time.Millisecond, time.Duration(random.IntN(10))*time.Millisecond+time.Duration(random.IntN(2))
	en, err := l.Lookup(ctx, id, func(ctx context.Context, f *cache.Fill) (int64, error) {
		pause(ctx, before)
		v := r.newest[k].Load()
		pause(ctx, after) // the older what is brought, the better
		if k%2 == 0 {
			return v, ctx.Err()
		}
		f.Version = v
		if r.x.Lag && v > 1 && after%2 == 0 {
			f.Version = v - 1
			return -f.Version, ctx.Err()
		}
		return v, ctx.Err()
	}, groups)
	op.End = time.Since(r.began)
	op.Version, op.Source = en.Value, string(en.Source)
	if op.Version < 0 { // the source itself lagged: only caching it is wrong
		op.Version = -op.Version
		if en.Source == cache.FromLoad || en.Source == cache.FromShared {
			return op, false
		}
	}
	return op, err == nil
}

// write changes the source and then invalidates in one of the ways there are.
func (r *run) write(ctx context.Context, l *cache.Layer[int64], id string, k int, groups cache.Option, random *rand.Rand) (int64, bool) {
	ctx = context.WithoutCancel(ctx)
	promise := cache.WithPromise(r.x.Promise)
	way := random.IntN(10)
	if r.x.Lag && k%2 == 1 {
		way = 0 // the others raise no floor
	}
	if way == 9 && k%2 == 1 {
		old := r.newest[k].Load()
		if !r.newest[k].CompareAndSwap(old, old+1) {
			return 0, false
		}
		_, receipt, err := l.Replace(ctx, id, old, old+1, old+1, groups, promise)
		return old + 1, r.holds(receipt, err)
	}
	v := r.newest[k].Add(1)
	var receipt cache.Receipt
	var err error
	switch {
	case way == 8:
		receipt, err = l.Engine().Clear(ctx, promise)
	case way >= 6:
		receipt, err = l.Engine().InvalidateGroup(ctx, "group"+strconv.Itoa(k%2), promise)
	case k%2 == 1:
		receipt, err = l.Invalidate(ctx, id, v, promise)
	default:
		receipt, err = l.Invalidate(ctx, id, 0, promise)
	}
	return v, r.holds(receipt, err)
}

// holds says whether a write is one that nobody may read behind.
func (r *run) holds(receipt cache.Receipt, err error) bool {
	if r.x.Promise == cache.Acknowledged && receipt.Acknowledged < receipt.Nodes {
		return false
	}
	return err == nil && receipt.Remote
}

// slowCodec takes its time at random, between a reply of Redis and what is
// made of it: that is where invalidations get lost if they can.
type slowCodec struct{ cache.JSON[int64] }

// Decode reads JSON, slowly at times.
func (c slowCodec) Decode(b []byte) (int64, error) {
	if rand.IntN(4) == 0 {
		pause(context.Background(), time.Duration(rand.IntN(3000))*time.Microsecond)
	}
	return c.JSON.Decode(b)
}

func (r *run) report(faults map[string]int) Report {
	rep := Report{Failed: r.failed, Faults: faults, Sources: make(map[string]int)}
	for _, op := range r.history {
		if op.Write {
			rep.Acknowledged++
		} else {
			rep.Reads++
			rep.Sources[op.Source]++
		}
	}
	for i := range r.newest {
		rep.Writes += int(r.newest[i].Load()) - 1
	}
	rep.Stale = Check(r.history)
	for _, s := range rep.Stale {
		rep.Worst = max(rep.Worst, s.Age)
	}
	return rep
}

// String gives the report in a few lines.
func (r Report) String() string {
	s := fmt.Sprintf("reads %d %v, writes %d (%d acknowledged), failed %d\nfaults %v\nstale reads %d, oldest by %v",
		r.Reads, r.Sources, r.Writes, r.Acknowledged, r.Failed, r.Faults, len(r.Stale), r.Worst)
	for i, v := range r.Stale {
		if i == 5 {
			s += fmt.Sprintf("\n  and %d more", len(r.Stale)-i)
			break
		}
		s += fmt.Sprintf("\n  %v after %+v, read %+v", v.Age, v.Write, v.Read)
	}
	return s
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
