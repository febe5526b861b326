package cache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

func promising(p cache.Promise) func(*cache.Options, *cache.LayerOptions[string]) {
	return func(_ *cache.Options, o *cache.LayerOptions[string]) { o.Promise = p }
}

// Under both promises the very next read of another node, after Invalidate
// has returned, must not be old. (RESP3 pushes alone don't give that.)
func TestPromisesHoldOnTheNextRead(t *testing.T) {
	t.Parallel()
	for _, p := range []cache.Promise{cache.Acknowledged, cache.Strict} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			ea, a := node(t, srv.URL(), promising(p))
			_, b := node(t, srv.URL(), promising(p))
			_, c := node(t, srv.URL(), promising(p))
			nodes := []*cache.Layer[string]{a, b, c}
			var s source
			g := cache.InGroup("g")
			ready := func(r cache.Receipt) bool { return r.Nodes == 3 && r.Acknowledged == 3 }
			eventually(t, "all nodes are known", func() bool {
				r, err := a.Invalidate(t.Context(), "x", 0)
				return err == nil && ready(r)
			})
			memory := 0
			for i := range int64(300) {
				value := fmt.Sprint("v", i)
				s.set("x", value, i+1)
				eventually(t, "all nodes acknowledge it", func() bool { // at once, unless the machine stands still
					var r cache.Receipt
					var err error
					switch i % 3 {
					case 0:
						r, err = a.Invalidate(t.Context(), "x", i+1)
					case 1:
						r, err = ea.InvalidateGroup(t.Context(), "g", cache.WithPromise(p))
					case 2:
						r, err = ea.Clear(t.Context(), cache.WithPromise(p))
					}
					return err == nil && ready(r) && r.Remote
				})
				for j := range 6 {
					en, err := nodes[(j+1)%3].Lookup(t.Context(), "x", s.load("x"), g)
					if err != nil || en.Value != value {
						t.Fatalf("round %d: node %d has %q, %v", i, (j+1)%3, en.Value, err)
					}
					if en.Source == cache.FromMemory {
						memory++
					}
				}
			}
			if memory < 600 {
				t.Fatalf("memory served %d of 1800 reads only", memory)
			}
		})
	}
}

func TestANodeThatDoesNotAnswerLosesItsLease(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	link := redistest.NewProxy(t, srv.Addr())
	_, a := node(t, srv.URL(), promising(cache.Acknowledged))
	_, b := node(t, "redis://"+link.Addr(), promising(cache.Acknowledged), quick)
	var s source
	eventually(t, "both nodes are known", func() bool {
		r, err := a.Invalidate(t.Context(), "x", 0)
		return err == nil && r.Nodes == 2 && r.Acknowledged == 2
	})
	s.set("x", "old", 1)
	eventually(t, "the node serves from memory", func() bool {
		en, err := b.Lookup(t.Context(), "x", s.load("x"))
		return err == nil && en.Source == cache.FromMemory
	})
	link.Stall() // nothing is lost, but nothing arrives
	s.set("x", "new", 2)
	r, err := a.Invalidate(t.Context(), "x", 2)
	if err != nil || r.Nodes != 2 || r.Acknowledged != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r.Elapsed > 20*time.Second {
		t.Fatalf("waited %v", r.Elapsed)
	}
	v, err := b.Get(t.Context(), "x", s.load("x"))
	want(t, v, err, "new")
	link.Heal()
	for range 100 {
		v, err := b.Get(t.Context(), "x", s.load("x"))
		want(t, v, err, "new")
	}
	eventually(t, "memory serves again", func() bool {
		en, err := b.Lookup(t.Context(), "x", s.load("x"))
		return err == nil && en.Source == cache.FromMemory && en.Value == "new"
	})
}

func TestPromiseOfOneCall(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, b := node(t, srv.URL())
	var s source
	for i := range int64(100) {
		s.set("x", fmt.Sprint(i), i+1)
		if _, err := a.Invalidate(t.Context(), "x", i+1); err != nil {
			t.Fatal(err)
		}
		v, err := b.Get(t.Context(), "x", s.load("x"), cache.WithPromise(cache.Strict))
		want(t, v, err, fmt.Sprint(i))
		_, _ = b.Get(t.Context(), "x", s.load("x"))
	}
}
