package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

func TestCloseDoesNotWaitForLeases(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	e, l := node(t, srv.URL())
	_, _, lease := l.Claim(t.Context(), "x")
	if !lease.Held() {
		t.Fatal("no claim")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if stored, err := lease.Fill(t.Context(), "late", cache.Fill{}); err != nil {
		t.Fatal(stored, err)
	}
	if _, err := srv.Do("GET", "thing:x"); err == nil {
		t.Fatal("filled after Close")
	}
	lease.Release(t.Context())
}

// TestClaimOfWhatIsStale: an entry past its lifetime gives no hit but the right
// to make a new one, and can still be looked at; not so once it is invalidated.
func TestClaimOfWhatIsStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleFor: time.Hour, Jitter: -1})
		_, _, lease := l.Claim(t.Context(), "x", cache.InGroup("g"))
		if ok, err := lease.Fill(t.Context(), "old", cache.Fill{}); !ok || err != nil {
			t.Fatal(ok, err)
		}
		time.Sleep(2 * time.Minute)
		hits := e.Stats().Layers[0].MemoryHits
		_, ok, lease := l.Claim(t.Context(), "x", cache.InGroup("g"))
		if ok || !lease.Held() {
			t.Fatalf("claimed: a hit %t, held %t", ok, lease.Held())
		}
		lease.Release(t.Context())
		if n := e.Stats().Layers[0].MemoryHits; n != hits {
			t.Errorf("%d hits were counted", n-hits)
		}
		if en, ok := l.Peek(t.Context(), "x", cache.InGroup("g")); !ok || !en.Stale || en.Value != "old" {
			t.Errorf("looked at: %+v, %t", en, ok)
		}
		if _, err := e.InvalidateGroup(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		if en, ok := l.Peek(t.Context(), "x", cache.InGroup("g")); ok {
			t.Errorf("after an invalidation: %+v", en)
		}
	})
}
