package fleet_test

import (
	"context"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/fleet"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/redisconn"
	"github.com/dejahq/deja/internal/sqlite"
)

// node is a node as far as its counters go.
type node struct {
	*fleet.Fleet
	counts *monitor.Monitor
}

func store(t testing.TB) deja.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

type option func(*fleet.Options)

// start starts a node; url is of Redis, "" for none. It waits for Redis.
func start(t testing.TB, s deja.Store, url, name string, options ...option) *node {
	t.Helper()
	counts := monitor.New(monitor.Options{})
	o := fleet.Options{Node: name, Version: "v1", Monitor: counts, Store: s, Gauges: func() fleet.Gauges {
		return fleet.Gauges{Breaker: "closed", LocalBytes: 100, LocalLimit: 1000}
	}}
	if url != "" {
		o.Redis = &redisconn.Options{URL: url}
	}
	for _, set := range options {
		set(&o)
	}
	f, err := fleet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Fleet: f, counts: counts}
	if url != "" {
		t.Cleanup(n.Kill)
		eventually(t, "the node reaches Redis", func() bool { return n.Publish(context.Background()) == nil })
	}
	return n
}

// hit records n hits of a route.
func (n *node) hit(count int) {
	for range count {
		n.counts.RecordHit("GET /x", time.Millisecond)
	}
}

func (n *node) publish(t testing.TB) {
	t.Helper()
	if err := n.Publish(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// wantHits checks what the node says of the fleet.
func (n *node) wantHits(t testing.TB, want uint64) {
	t.Helper()
	v := n.View(context.Background())
	if got := v.Snapshot.Total.Hits.Count; got != want || v.Note != "" {
		t.Fatalf("the fleet has %d hits, want %d; note %q", got, want, v.Note)
	}
}

func eventually(t testing.TB, what string, check func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
