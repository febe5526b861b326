package cache_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

// joined waits until a node is in the fleet. When it joins, it forgets what it
// has, leases included.
func joined(t *testing.T, e *cache.Engine) {
	t.Helper()
	eventually(t, "the node is in the fleet", func() bool {
		nodes, err := e.Nodes(t.Context())
		return err == nil && len(nodes) > 0 && nodes[0].Live
	})
}

// member is a node that has joined.
func member(t *testing.T, url string, o ...func(*cache.Options, *cache.LayerOptions[string])) (*cache.Engine, *cache.Layer[string]) {
	t.Helper()
	e, l := node(t, url, o...)
	joined(t, e)
	return e, l
}

// A lease is good for one end. What comes after it must not bring back what was
// invalidated meanwhile.
func TestALeaseEndsOnce(t *testing.T) {
	t.Parallel()
	for name, remote := range map[string]bool{"memory": false, "redis": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o cache.Options
			if remote {
				o.Redis = &cache.RedisOptions{URL: redistest.Start(t).URL()}
				soft(&o, nil)
			}
			e := open(t, o)
			joined(t, e)
			l := layer(t, e, cache.LayerOptions[string]{})
			for id, end := range map[string]func(*cache.Lease[string]){
				"released":  func(s *cache.Lease[string]) { s.Release(t.Context()) },
				"abandoned": func(s *cache.Lease[string]) { s.Abandon(t.Context()) },
				"filled":    func(s *cache.Lease[string]) { _, _ = s.Fill(t.Context(), "one", cache.Fill{}) },
				"not kept":  func(s *cache.Lease[string]) { _, _ = s.Fill(t.Context(), "one", cache.Fill{NoStore: true}) },
			} {
				_, _, lease := l.Claim(t.Context(), id)
				if !lease.Held() || !lease.Current() {
					t.Fatalf("%s: held %t, current %t", id, lease.Held(), lease.Current())
				}
				end(lease)
				if _, err := l.Invalidate(t.Context(), id, 0); err != nil {
					t.Fatal(err)
				}
				if lease.Held() || lease.Current() {
					t.Errorf("%s: held %t, current %t after its end", id, lease.Held(), lease.Current())
				}
				if ok, err := lease.Fill(t.Context(), "again", cache.Fill{}); ok || err != nil {
					t.Errorf("%s: filled again: %t, %v", id, ok, err)
				}
				if followed, err := lease.Publish(t.Context(), []byte("p")); followed || err != nil {
					t.Errorf("%s: published: %t, %v", id, followed, err)
				}
				if !lease.Abandon(t.Context()) {
					t.Errorf("%s: not abandoned", id)
				}
				lease.Release(t.Context())
				if en, ok := l.Peek(t.Context(), id); ok {
					t.Errorf("%s: %q is there", id, en.Value)
				}
			}
		})
	}
}

// Of several who fill or release at once, one ends the lease.
func TestALeaseEndsOnceForMany(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	for i := range 200 {
		id := fmt.Sprint(i)
		_, _, lease := l.Claim(t.Context(), id)
		var filled atomic.Int64
		var all sync.WaitGroup
		for n := range 4 {
			all.Go(func() {
				if n == 3 {
					lease.Release(t.Context())
				} else if ok, _ := lease.Fill(t.Context(), "v", cache.Fill{}); ok {
					filled.Add(1)
				}
				lease.Held()
			})
		}
		all.Wait()
		if filled.Load() > 1 {
			t.Fatalf("filled %d times", filled.Load())
		}
	}
}

// What can't be claimed at all is told from what somebody else has.
func TestWhyALeaseIsNotHeld(t *testing.T) {
	t.Parallel()
	for name, remote := range map[string]bool{"memory": false, "redis": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o cache.Options
			if remote {
				o.Redis = &cache.RedisOptions{URL: redistest.Start(t).URL()}
				soft(&o, nil)
			}
			e := open(t, o)
			joined(t, e)
			l := layer(t, e, cache.LayerOptions[string]{})
			_, _, first := l.Claim(t.Context(), "x")
			defer first.Release(t.Context())
			_, _, second := l.Claim(t.Context(), "x")
			if first.Err() != nil || second.Held() || second.Err() != nil {
				t.Errorf("claimed twice: %v; held %t, %v", first.Err(), second.Held(), second.Err())
			}
			_, _, lease := l.Claim(t.Context(), "a{b")
			if lease.Held() || !errors.Is(lease.Err(), cache.ErrKey) {
				t.Errorf("a bad id: held %t, %v", lease.Held(), lease.Err())
			}
			if _, err := lease.Fill(t.Context(), "v", cache.Fill{}); !errors.Is(err, cache.ErrKey) {
				t.Errorf("filled: %v", err)
			}
			for _, err := range l.Follow(t.Context(), "a{b") {
				if !errors.Is(err, cache.ErrKey) {
					t.Errorf("followed a bad id: %v", err)
				}
			}
			if _, _, lease = l.Claim(t.Context(), "y", cache.InGroup("@all")); !errors.Is(lease.Err(), cache.ErrKey) {
				t.Errorf("a bad group: %v", lease.Err())
			}
			first.Release(t.Context())
			_ = e.Close()
			if _, _, lease = l.Claim(t.Context(), "z"); !errors.Is(lease.Err(), cache.ErrClosed) {
				t.Errorf("closed: %v", lease.Err())
			}
		})
	}
}
