package fleet_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/fleet"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/redisconn"
	"github.com/dejahq/deja/internal/redistest"
)

// Three nodes under load; one is killed, starts again under its name, and
// another ends in order. Whatever they count, every node tells the same sum.
func TestTotalsSurviveTheirNodes(t *testing.T) {
	t.Parallel()
	redis, s := redistest.Start(t), store(t)
	a, b, c := start(t, s, redis.URL(), "a"), start(t, s, redis.URL(), "b"), start(t, s, redis.URL(), "c")
	load := func(nodes ...*node) {
		var all sync.WaitGroup
		for _, n := range nodes {
			for range 4 {
				all.Go(func() {
					for range 50 {
						n.hit(5)
						_ = n.Publish(t.Context()) // while others count
					}
				})
			}
		}
		all.Wait()
		for _, n := range nodes {
			n.publish(t)
		}
	}
	load(a, b, c)
	a.wantHits(t, 3000)
	c.Kill()
	load(a, b)
	a.wantHits(t, 5000)
	c = start(t, s, redis.URL(), "c")
	load(a, b, c)
	for _, n := range []*node{a, b, c} {
		n.wantHits(t, 8000)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.wantHits(t, 8000)
	if err := c.Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.wantHits(t, 8000)
	c.wantHits(t, 8000)
}

// Nodes end while others retire what they see: their counts are added once,
// and none is overwritten.
func TestRetiredOnce(t *testing.T) {
	t.Parallel()
	redis, s := redistest.Start(t), store(t)
	var nodes []*node
	for _, name := range []string{"a", "b", "c"} {
		nodes = append(nodes, start(t, s, redis.URL(), name))
	}
	const ending = 40
	var left, all sync.WaitGroup
	gone := make([]*node, ending)
	for i := range gone {
		gone[i] = start(t, s, redis.URL(), "gone")
		gone[i].hit(1)
	}
	ended := make(chan struct{})
	for _, n := range nodes {
		all.Go(func() {
			for {
				if err := n.Retire(t.Context()); err != nil {
					t.Error(err)
				}
				select {
				case <-ended:
					return
				default:
				}
			}
		})
	}
	for _, n := range gone {
		left.Go(func() {
			if err := n.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	left.Wait()
	close(ended)
	all.Wait()
	if err := nodes[0].Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	nodes[0].wantHits(t, ending)
	if n := keys(t, redis, "live:"); n != len(nodes) {
		t.Errorf("%d records are left, want those of %d nodes", n, len(nodes))
	}
}

// Whatever happens in whatever order, a node that is asked tells what it has
// counted itself, and what every other start has published, once.
func TestNothingIsCountedTwice(t *testing.T) {
	t.Parallel()
	redis, s := redistest.Start(t), store(t)
	rapid.Check(t, func(rt *rapid.T) {
		flush(t, redis)
		type life struct {
			*node
			counted, published uint64
		}
		asked := &life{node: start(t, s, redis.URL(), "asked")}
		defer asked.Kill()
		lives := []*life{asked}
		var ended uint64 // what those had published that are no more
		pick := func() int { return rapid.IntRange(0, len(lives)-1).Draw(rt, "node") }
		drop := func(i int) { lives = append(lives[:i:i], lives[i+1:]...) }
		rt.Repeat(map[string]func(*rapid.T){
			"start": func(rt *rapid.T) {
				if len(lives) < 4 {
					name := rapid.SampledFrom([]string{"b", "c"}).Draw(rt, "name")
					lives = append(lives, &life{node: start(t, s, redis.URL(), name)})
				}
			},
			"count": func(rt *rapid.T) {
				l, n := lives[pick()], rapid.IntRange(1, 9).Draw(rt, "hits")
				l.hit(n)
				l.counted += uint64(n)
			},
			"publish": func(*rapid.T) {
				l := lives[pick()]
				l.publish(t)
				l.published = l.counted
			},
			"kill": func(*rapid.T) {
				if i := pick(); i > 0 {
					lives[i].Kill()
					ended += lives[i].published
					drop(i)
				}
			},
			"end": func(*rapid.T) {
				if i := pick(); i > 0 {
					if err := lives[i].Close(context.Background()); err != nil {
						rt.Fatal(err)
					}
					ended += lives[i].counted
					drop(i)
				}
			},
			"retire": func(*rapid.T) {
				if err := lives[pick()].Retire(context.Background()); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(rt *rapid.T) {
				want := ended + asked.counted
				for _, l := range lives[1:] {
					want += l.published
				}
				if got := asked.View(context.Background()).Snapshot.Total.Hits.Count; got != want {
					rt.Fatalf("%d hits, want %d", got, want)
				}
			},
		})
		for _, l := range lives[1:] {
			l.Kill()
		}
	})
}

// A lost node's record is closed in the end; if it comes back all the same, it
// counts anew, and its old counts stay counted once.
func TestANodeThatWasGivenUpComesBack(t *testing.T) {
	t.Parallel()
	redis, s := redistest.Start(t), store(t)
	soon := func(o *fleet.Options) { o.RetireAfter = time.Millisecond }
	a, b := start(t, s, redis.URL(), "a", soon), start(t, s, redis.URL(), "b")
	b.hit(7)
	b.publish(t)
	eventually(t, "b is retired", func() bool {
		if err := a.Retire(t.Context()); err != nil {
			t.Fatal(err)
		}
		return keys(t, redis, "gone:b") == 1
	})
	a.wantHits(t, 7)
	b.hit(2) // these are lost: its account is closed
	b.publish(t)
	a.wantHits(t, 7)
	b.hit(3)
	b.publish(t)
	a.wantHits(t, 10)
	b.wantHits(t, 10)
	eventually(t, "the notes of those that are gone go too", func() bool {
		if err := a.Retire(t.Context()); err != nil {
			t.Fatal(err)
		}
		return keys(t, redis, "gone:") == 0
	})
	a.wantHits(t, 10)
}

func TestRedisAwayAndBack(t *testing.T) {
	t.Parallel()
	redis, s := redistest.Start(t), store(t)
	a, b := start(t, s, redis.URL(), "a"), start(t, s, redis.URL(), "b")
	a.hit(1)
	b.hit(10)
	b.publish(t)
	a.wantHits(t, 11)
	redis.Kill()
	eventually(t, "the answer is of this node alone, and says so", func() bool {
		v := a.View(t.Context())
		return v.Snapshot.Total.Hits.Count == 1 && len(v.Nodes) == 1 && strings.Contains(v.Note, "Redis does not answer")
	})
	b.hit(5)
	redis.Restart() // without its data
	eventually(t, "live nodes come back with all that they have counted", func() bool {
		return a.Publish(t.Context()) == nil && b.Publish(t.Context()) == nil
	})
	a.wantHits(t, 16)
}

func TestResetOfTheFleet(t *testing.T) {
	t.Parallel()
	redis, s := redistest.Start(t), store(t)
	a, b := start(t, s, redis.URL(), "a"), start(t, s, redis.URL(), "b")
	a.hit(1)
	b.hit(10)
	a.publish(t)
	b.publish(t)
	if err := a.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.wantHits(t, 0)
	b.publish(t) // learns of it
	b.hit(4)
	b.publish(t)
	a.wantHits(t, 4)
	b.wantHits(t, 4)
	// Redis loses its data, and with it the reset: that must not be another one.
	flush(t, redis)
	b.publish(t)
	a.publish(t)
	a.wantHits(t, 4)
}

func TestWithoutRedis(t *testing.T) {
	t.Parallel()
	n := start(t, store(t), "", "alone")
	n.hit(3)
	v := n.View(t.Context())
	if v.Snapshot.Total.Hits.Count != 3 || v.Note == "" || len(v.Nodes) != 1 || !v.Nodes[0].Self || v.Nodes[0].Requests != 3 || v.Nodes[0].HitRate != 100 {
		t.Errorf("%+v", v)
	}
	if err := n.Publish(t.Context()); err != nil {
		t.Error(err)
	}
	if err := n.Retire(t.Context()); err != nil {
		t.Error(err)
	}
	if err := n.Reset(t.Context()); err != nil || n.View(t.Context()).Snapshot.Total.Hits.Count != 0 {
		t.Error("not reset", err)
	}
	if err := n.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Run publishes by itself; nodes are listed with their states; every key has a
// TTL.
func TestRunAndNodes(t *testing.T) {
	t.Parallel()
	redis, s := redistest.Start(t), store(t)
	often := func(o *fleet.Options) { o.Every = 10 * time.Millisecond }
	a, b := start(t, s, redis.URL(), "a", often), start(t, s, redis.URL(), "b", often)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	b.hit(10)
	eventually(t, "b's counts are in a's view", func() bool { return a.View(t.Context()).Snapshot.Total.Hits.Count == 10 })
	v := a.View(t.Context())
	if len(v.Nodes) != 2 || !v.Nodes[0].Self || v.Nodes[1].Name != "b" || !v.Nodes[1].Alive || v.Nodes[1].Requests != 10 ||
		v.Nodes[1].LocalBytes != 100 || v.Nodes[1].Breaker != "closed" || v.Nodes[1].Version != "v1" || time.Since(v.Nodes[1].SeenAt).Abs() > time.Minute {
		t.Errorf("%+v", v.Nodes)
	}
	cancel()
	running.Wait()
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := a.View(t.Context()); len(v.Nodes) != 1 || v.Snapshot.Total.Hits.Count != 10 {
		t.Errorf("after b has ended: %+v", v.Nodes)
	}
	if err := a.Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	names := list(t, redis, "KEYS", "*")
	if len(names) == 0 {
		t.Fatal("there are no keys")
	}
	for _, k := range names {
		m, err := redis.Do("TTL", k)
		if err != nil {
			t.Fatal(err)
		}
		if ttl, err := m.AsInt64(); err != nil || ttl <= 0 {
			t.Errorf("%s has a TTL of %d, %v", k, ttl, err)
		}
	}
}

// On a cluster, under a prefix: all of it is in one slot.
func TestCluster(t *testing.T) {
	t.Parallel()
	cluster, s := redistest.StartCluster(t), store(t)
	on := func(o *fleet.Options) {
		o.Redis, o.Prefix = &redisconn.Options{Addrs: cluster.Addrs()}, "shop:"
	}
	a, b := start(t, s, cluster.Addrs()[0], "a", on), start(t, s, cluster.Addrs()[0], "b", on)
	a.hit(1)
	b.hit(10)
	b.publish(t)
	a.wantHits(t, 11)
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.wantHits(t, 11)
}

// What publishing costs a node with all the routes, assistants and hot keys
// that it keeps account of.
func BenchmarkPublish(b *testing.B) {
	redis, s := redistest.Start(b), store(b)
	n := start(b, s, redis.URL(), "a")
	for i := range 1000 {
		id := fmt.Sprintf("asst_%020d", i)
		n.counts.RecordMiss(fmt.Sprintf("GET /v1/route/%d", i%50), time.Duration(i)*time.Millisecond)
		n.counts.RecordKey("message", "message:"+id+":0123456789abcdef0123456789abcdef")
		n.counts.RecordAssistant(id)
		n.counts.ModelCall(monitor.Call{AssistantID: id, Usage: deja.Usage{PromptTokens: int64(i)}})
	}
	for b.Loop() {
		n.publish(b)
	}
	size := 0
	for _, v := range list(b, redis, "HVALS", "{fleet}:counts") {
		size = max(size, len(v))
	}
	b.ReportMetric(float64(size), "B/record")
}

func flush(t testing.TB, redis *redistest.Server) {
	t.Helper()
	if _, err := redis.Do("FLUSHALL"); err != nil {
		t.Fatal(err)
	}
}

func list(t testing.TB, redis *redistest.Server, command ...string) []string {
	t.Helper()
	m, err := redis.Do(command...)
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// keys counts the hash's fields that begin so.
func keys(t testing.TB, redis *redistest.Server, prefix string) int {
	t.Helper()
	n := 0
	for _, f := range list(t, redis, "HKEYS", "{fleet}:counts") {
		if strings.HasPrefix(f, prefix) {
			n++
		}
	}
	return n
}

func FuzzParse(f *testing.F) {
	f.Add("1700000000000", "live:a", "\x00", "at:a", "1 2 live")
	f.Add("1700000000000", "retired", "\x05\x10{}", "gone:a", "x")
	f.Add("x", "", "", "period", "1")
	f.Fuzz(func(_ *testing.T, now, k1, v1, k2, v2 string) {
		_ = fleet.Parse([]string{now, k1, v1, k2, v2}) // no panic
	})
}
