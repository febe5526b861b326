package cache_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// on gives a node another Redis than the one at the URL. A busy machine must not
// make it take that for hung; a killed one is noticed at once all the same.
func on(r cache.RedisOptions) func(*cache.Options, *cache.LayerOptions[string]) {
	r.AnswerWithin = 20 * time.Second
	return func(o *cache.Options, _ *cache.LayerOptions[string]) { o.Redis = &r }
}

// churn reads and invalidates on several nodes, with the two promises that
// allow no stale read.
func churn(t *testing.T, nodes []*cache.Layer[string], from, rounds int) {
	t.Helper()
	var s source
	for i := from; i < from+rounds; i++ {
		id := fmt.Sprint("x", i%7)
		value := fmt.Sprint("v", i)
		s.set(id, value, int64(i+1))
		eventually(t, "all nodes acknowledge it", func() bool {
			r, err := nodes[i%len(nodes)].Invalidate(t.Context(), id, int64(i+1))
			return err == nil && r.Remote && r.Acknowledged == r.Nodes
		})
		for j, l := range nodes {
			v, err := l.Get(t.Context(), id, s.load(id), cache.InGroup("g1", "g2"))
			if err != nil || v != value {
				t.Fatalf("round %d, node %d: %q, %v", i, j, v, err)
			}
		}
	}
	if s.loads.Load() > int64(rounds)*2 {
		t.Fatalf("%d loads in %d rounds", s.loads.Load(), rounds)
	}
}

func TestClusterAndFailover(t *testing.T) {
	t.Parallel()
	cl := redistest.StartCluster(t)
	r := cache.RedisOptions{Addrs: cl.Addrs()}
	var nodes []*cache.Layer[string]
	var engines []*cache.Engine
	for range 3 {
		// The prefix holds the side keys in their key's slot, too.
		e, l := node(t, "", on(r), promising(cache.Acknowledged), func(o *cache.Options, _ *cache.LayerOptions[string]) { o.Prefix = "pre:" })
		nodes, engines = append(nodes, l), append(engines, e)
	}
	settled(t, nodes)
	churn(t, nodes, 0, 60)
	failover(t, nodes, engines, func() { cl.KillMaster("pre:thing:x0") })
	settled(t, nodes)
	churn(t, nodes, 60, 60)
}

func TestSentinelAndFailover(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t)
	r := cache.RedisOptions{Addrs: s.Addrs(), Master: s.MasterName()}
	var nodes []*cache.Layer[string]
	var engines []*cache.Engine
	for range 2 {
		e, l := node(t, "", on(r), promising(cache.Acknowledged))
		nodes, engines = append(nodes, l), append(engines, e)
	}
	settled(t, nodes)
	churn(t, nodes, 0, 60)
	failover(t, nodes, engines, func() { s.KillMaster() })
	settled(t, nodes)
	churn(t, nodes, 60, 60)
}

// settled waits until all nodes know of each other and trust Redis.
func settled(t *testing.T, nodes []*cache.Layer[string]) {
	t.Helper()
	eventually(t, "all nodes are there", func() bool {
		for _, l := range nodes {
			r, err := l.Invalidate(t.Context(), "settled", 0)
			if err != nil || !r.Remote || r.Nodes != len(nodes) || r.Acknowledged != len(nodes) {
				return false
			}
		}
		return true
	})
}

// failover loads an entry, lets the master that has it be replaced by one
// that never heard of its invalidation, and expects that nobody gets it.
func failover(t *testing.T, nodes []*cache.Layer[string], engines []*cache.Engine, kill func()) {
	t.Helper()
	const id = "x0"
	v, err := nodes[0].Get(t.Context(), id, func(context.Context, *cache.Fill) (string, error) { return "before", nil })
	want(t, v, err, "before")
	kill()
	for i, e := range engines {
		eventually(t, "redis is trusted again", func() bool { return e.Health(t.Context()).Breaker == "closed" })
		en, err := nodes[i].Lookup(t.Context(), id, func(context.Context, *cache.Fill) (string, error) { return "after", nil })
		if err != nil || en.Value != "after" {
			t.Fatalf("node %d serves what the lost master had: %+v, %v", i, en, err)
		}
	}
}

func TestARestartedServerIsANewEpoch(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithConfig("save", "3600", "1"), redistest.WithConfig("appendonly", "no"))
	e, l := node(t, srv.URL(), quick)
	v, err := l.Get(t.Context(), "x", func(context.Context, *cache.Fill) (string, error) { return "old", nil })
	want(t, v, err, "old")
	if _, err := srv.Do("SAVE"); err != nil {
		t.Fatal(err)
	}
	if r, err := l.Invalidate(t.Context(), "x", 0); err != nil || !r.Remote {
		t.Fatal(r, err)
	}
	srv.Kill() // and lose the invalidation
	eventually(t, "the loss is noticed", func() bool { return e.Health(t.Context()).Breaker != "closed" })
	srv.Restart()
	if _, err := srv.Do("GET", "thing:x"); err != nil {
		t.Fatal("the old entry is not there any more, so this test proves nothing:", err)
	}
	eventually(t, "redis is trusted again", func() bool { return e.Health(t.Context()).Breaker == "closed" })
	v, err = l.Get(t.Context(), "x", func(context.Context, *cache.Fill) (string, error) { return "new", nil })
	want(t, v, err, "new")
}

func TestAuthAndTLS(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithUser("deja", "s3cret"), redistest.WithTLS())
	r := cache.RedisOptions{Addrs: []string{srv.Addr()}, Username: srv.Username(), Password: srv.Password(), TLS: srv.TLS()}
	_, a := node(t, "", on(r), promising(cache.Acknowledged))
	_, b := node(t, "", on(r), promising(cache.Acknowledged))
	nodes := []*cache.Layer[string]{a, b}
	settled(t, nodes)
	churn(t, nodes, 0, 20)
}
