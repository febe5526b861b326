package cachetest

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/internal/wallclock"
	"github.com/dejahq/deja/internal/redistest"
)

// TB is what Explore needs of a test. *testing.T has it; a program that is not
// a test can implement it.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	TempDir() string
}

// Explore starts servers and runs. It is deterministic in what it tries, not
// in how the tries interleave.
func Explore(ctx context.Context, tb TB, x Exploration) (Report, error) {
	asked := x.Faults
	x, err := x.resolve()
	if err != nil {
		return Report{}, err
	}
	redis, err := startRedis(tb, x.Topology)
	if err != nil {
		return Report{}, err
	}
	run := &run{x: x, asked: asked, redis: redis, newest: make([]atomic.Int64, x.Keys)}
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
	var faults map[string]int
	stoodStill := redistest.Standstill(func() { faults = run.explore(ctx) })
	for _, e := range run.engines {
		_ = e.Close()
	}
	return run.report(faults, stoodStill), nil
}

// run is an exploration under way.
type run struct {
	x        Exploration // with its defaults
	asked    []string    // Faults as they were asked for
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

func (r *run) addNode(ctx context.Context, tb TB) error {
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

// explore lets the clients work, spoils what they work with, and gives the
// faults that came.
func (r *run) explore(ctx context.Context) map[string]int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for n := range r.x.Nodes {
		for w := range r.x.Workers {
			wg.Go(func() { r.work(ctx, n, rand.New(rand.NewPCG(r.x.Seed, uint64(n*1000+w)))) })
		}
	}
	faults := r.spoil(ctx, rand.New(rand.NewPCG(r.x.Seed, 1<<32)))
	for late := time.Now().Add(time.Minute); r.acknowledged.Load() < int64(r.x.Enough) && ctx.Err() == nil && time.Now().Before(late); {
		pause(ctx, 20*time.Millisecond)
	}
	cancel()
	wg.Wait()
	return faults
}

// work is one client of one node.
func (r *run) work(ctx context.Context, node int, random *rand.Rand) {
	var ops []Op
	failed := 0
	for ctx.Err() == nil {
		seen := r.step(ctx, node, random.IntN(r.x.Keys), random)
		if len(seen) == 0 {
			failed++
		}
		ops = append(ops, seen...)
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
// alone. It gives nothing when the outcome doesn't count: a failed read, or a
// write that nobody acknowledged.
func (r *run) step(ctx context.Context, node, k int, random *rand.Rand) []Op {
	var op Op
	var ok bool
	switch n := random.IntN(40); {
	case n < 2 && !r.quiet.Load():
		op = Op{Node: node, Key: name(k), Write: true, Start: time.Since(r.began)}
		op.Version, ok = r.write(ctx, r.layers[node], op.Key, k, groupOf(k), random)
		op.End = time.Since(r.began)
		if ok {
			r.acknowledged.Add(1)
		}
	case n < 6:
		return r.readMany(ctx, node, k, random)
	default:
		op, ok = r.read(ctx, node, k, random)
	}
	if !ok {
		return nil
	}
	return []Op{op}
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
	case way == 5:
		receipt, err = l.InvalidateMany(ctx, []string{"another", id, "a third"}, promise)
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
