package cache_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// More ids than go to Redis at once, and more than the fleet's log keeps.
func TestInvalidateManyReachesEveryNode(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL(), soft, promising(cache.Acknowledged))
	_, b := node(t, srv.URL(), soft, promising(cache.Acknowledged))
	nodes := []*cache.Layer[string]{a, b}
	settled(t, nodes)
	var s source
	for _, n := range []int{1, 300, 1500} {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = fmt.Sprint("x", i)
		}
		for round := range int64(2) {
			value := fmt.Sprint(n, " ", round)
			for _, id := range ids {
				s.set(id, value, 0)
			}
			r, err := a.InvalidateMany(t.Context(), ids)
			if err != nil || !r.Remote || r.Queued || r.Nodes != 2 || r.Acknowledged != 2 || r.Elapsed <= 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			for _, l := range nodes {
				for _, id := range ids {
					v, err := l.Get(t.Context(), id, s.load(id))
					want(t, v, err, value)
				}
			}
		}
	}
}

func TestInvalidateManyIsInvalidate(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	var h heard
	e, l := node(t, srv.URL(), soft, func(o *cache.Options, _ *cache.LayerOptions[string]) { o.OnEvent = h.hear })
	alone := layer(t, open(t, cache.Options{}), cache.LayerOptions[string]{})
	ids := []string{"x", "y", "x"}
	var s source
	for _, l := range []*cache.Layer[string]{l, alone} {
		s.set("x", "old", 3)
		s.set("y", "old", 3)
		for _, id := range ids {
			v, err := l.Get(t.Context(), id, s.load(id))
			want(t, v, err, "old")
		}
		if _, err := l.InvalidateMany(t.Context(), []string{"x", "{"}); !errors.Is(err, cache.ErrKey) {
			t.Fatal(err)
		}
		if _, ok := l.Peek(t.Context(), "x"); !ok {
			t.Fatal("a refused call did something")
		}
		if r, err := l.InvalidateMany(t.Context(), ids); err != nil || r.Queued {
			t.Fatalf("%+v, %v", r, err)
		}
		s.set("x", "new", 2) // whatever the version
		s.set("y", "new", 2)
		for _, id := range ids {
			v, err := l.Get(t.Context(), id, s.load(id))
			want(t, v, err, "new")
		}
		if _, err := l.InvalidateMany(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if n := l.Engine().Stats().Layers[0].Invalidations; n != 3 {
			t.Fatalf("%d invalidations", n)
		}
	}
	if told := h.of(cache.EventInvalidation, ""); len(told) != 3 || told[1].Key != l.Key("y") {
		t.Fatalf("%+v", told)
	}
	srv.Kill()
	eventually(t, "the loss is noticed", func() bool { return e.Breaker() != "closed" })
	s.set("x", "newer", 3)
	if r, err := l.InvalidateMany(t.Context(), ids); err != nil || r.Remote || !r.Queued {
		t.Fatalf("%+v, %v", r, err)
	}
	v, err := l.Get(t.Context(), "x", s.load("x"))
	want(t, v, err, "newer")
}
