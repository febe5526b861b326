package cache_test

import (
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// A node has joined the fleet when Open returns, so that what is under way from
// then on is not void because it joins.
func TestOpenJoinsTheFleet(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	for range 20 {
		e := open(t, cache.Options{Redis: &cache.RedisOptions{URL: srv.URL()}, SoftTimeout: 10 * time.Second, HardTimeout: 20 * time.Second})
		nodes, err := e.Nodes(t.Context())
		if err != nil || len(nodes) != 1 || !nodes[0].Self || !nodes[0].Live {
			t.Fatalf("%+v, %v", nodes, err)
		}
		_, _, lease := layer(t, e, cache.LayerOptions[string]{}).Claim(t.Context(), "x")
		if !lease.Held() {
			t.Fatal("the claim is void")
		}
		lease.Release(t.Context())
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
