package cache_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// pair gives a node, and another that is reached over a link of its own. The
// latter waits a second for Redis, so that its link can be stalled.
func pair(t *testing.T, o ...func(*cache.Options, *cache.LayerOptions[string])) (a, b *cache.Layer[string], link *redistest.Proxy) {
	t.Helper()
	srv := redistest.Start(t)
	_, a = node(t, srv.URL(), append([]func(*cache.Options, *cache.LayerOptions[string]){soft}, o...)...)
	link = redistest.NewProxy(t, srv.Addr())
	_, b = node(t, "redis://"+link.Addr(), o...)
	return a, b, link
}

// bothKnown waits until both nodes know of each other.
func bothKnown(t *testing.T, a, b *cache.Layer[string]) {
	t.Helper()
	eventually(t, "both nodes are there", func() bool {
		for _, l := range []*cache.Layer[string]{a, b} {
			r, err := l.Invalidate(t.Context(), "settled", 0, cache.WithPromise(cache.Acknowledged))
			if err != nil || !r.Remote || r.Nodes != 2 || r.Acknowledged != 2 {
				return false
			}
		}
		return true
	})
}

// inMemory waits until a node serves a value from its memory.
func inMemory(t *testing.T, l *cache.Layer[string], s *source, value string) {
	t.Helper()
	eventually(t, "memory serves "+value, func() bool {
		en, err := l.Lookup(t.Context(), "x", s.load("x"), cache.WithPromise(cache.Acknowledged))
		return err == nil && en.Source == cache.FromMemory && en.Value == value
	})
}

// When Replace has returned, a node that hears nothing serves the old value no
// more, as after Invalidate.
func TestReplaceIsAcknowledged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		layer cache.Promise
		call  []cache.Option
	}{
		"by the layer": {layer: cache.Acknowledged},
		"by the call":  {layer: cache.Bounded, call: []cache.Option{cache.WithPromise(cache.Acknowledged)}},
	} {
		for _, cached := range []int64{1, 5} { // what is to be replaced, and something else
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				a, b, link := pair(t, promising(c.layer))
				var s source
				s.set("x", "old", cached)
				bothKnown(t, a, b)
				inMemory(t, b, &s, "old")
				link.Stall()
				defer link.Heal()
				s.set("x", "new", 6)
				stored, r, err := a.Replace(t.Context(), "x", 1, 6, "new", c.call...)
				if err != nil || stored != (cached == 1) || !r.Remote || r.Queued || r.Version != 6 || r.Nodes != 2 || r.Acknowledged != 2 || r.Elapsed <= 0 {
					t.Fatalf("%v, %+v, %v", stored, r, err)
				}
				v, err := b.Get(t.Context(), "x", s.load("x"), cache.WithPromise(cache.Acknowledged))
				want(t, v, err, "new")
			})
		}
	}
}

// Who doesn't wait for the other nodes to the end learns how far it has come,
// and operators hear of it.
func TestWhoLeavesAnInvalidationGetsAReceipt(t *testing.T) {
	t.Parallel()
	var h heard
	a, b, link := pair(t, promising(cache.Acknowledged), func(o *cache.Options, _ *cache.LayerOptions[string]) {
		o.OnEvent = h.hear
	})
	for name, leave := range map[string]func(context.Context) (cache.Receipt, error){
		"invalidate": func(ctx context.Context) (cache.Receipt, error) { return a.Invalidate(ctx, "x", 0) },
		"group":      func(ctx context.Context) (cache.Receipt, error) { return a.Engine().InvalidateGroup(ctx, "g") },
		"clear":      func(ctx context.Context) (cache.Receipt, error) { return a.Engine().Clear(ctx) },
		"replace": func(ctx context.Context) (cache.Receipt, error) {
			_, r, err := a.Replace(ctx, "x", 1, 2, "new")
			return r, err
		},
	} {
		eventually(t, name+" is left before the other node's lease ends", func() bool { // on a busy machine it may have
			bothKnown(t, a, b)
			before := len(h.of(cache.EventInvalidation, "")) // the other node invalidates nothing from here on
			link.Stall()
			defer link.Heal()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			r, err := leave(ctx)
			if err == nil || !r.Remote {
				return false
			}
			if !errors.Is(err, context.DeadlineExceeded) || r.Queued || r.Nodes != 2 || r.Acknowledged != 1 || r.Elapsed <= 0 {
				t.Fatalf("%s: %+v, %v", name, r, err)
			}
			if after := h.of(cache.EventInvalidation, ""); len(after) != before+1 || after[before].Receipt != r {
				t.Fatalf("%s: heard %+v", name, after[before:])
			}
			return true
		})
	}
}

// An invalidation doesn't hold up a caller whose time is over, however long
// Redis takes, and happens all the same.
func TestWhoLeavesAnInvalidationDoesNotEndIt(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	e, l := node(t, srv.URL(), soft)
	g := cache.InGroup("g")
	var s source
	s.set("x", "old", 1)
	for name, leave := range map[string]func(context.Context) (cache.Receipt, error){
		"invalidate": func(ctx context.Context) (cache.Receipt, error) { return l.Invalidate(ctx, "x", 0) },
		"group":      func(ctx context.Context) (cache.Receipt, error) { return e.InvalidateGroup(ctx, "g") },
		"clear":      func(ctx context.Context) (cache.Receipt, error) { return e.Clear(ctx) },
		"replace": func(ctx context.Context) (cache.Receipt, error) {
			_, r, err := l.Replace(ctx, "x", 1, 2, "new", g)
			return r, err
		},
	} {
		_, err := l.Get(t.Context(), "x", s.load("x"), g)
		if err != nil {
			t.Fatal(err)
		}
		srv.Pause()
		for _, wait := range []time.Duration{0, 20 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			began := time.Now()
			r, err := leave(ctx)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || r.Remote || !r.Queued || r.Elapsed <= 0 {
				t.Fatalf("%s: %+v, %v", name, r, err)
			}
			if took := time.Since(began); took > 8*time.Second { // half the hard timeout
				t.Fatalf("%s: held up for %v", name, took)
			}
		}
		srv.Resume()
		eventually(t, name+" happens", func() bool {
			en, ok := l.Peek(t.Context(), "x", g)
			return !ok || en.Version == 2
		})
		if _, err := l.Invalidate(t.Context(), "x", 0); err != nil {
			t.Fatal(err)
		}
	}
}

// A caller whose own time is over says nothing about Redis.
func TestCallersWithoutTimeAreNoOutage(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	var h heard
	e, _ := node(t, srv.URL(), soft, func(o *cache.Options, _ *cache.LayerOptions[string]) { o.OnEvent = h.hear })
	for late := time.Now().Add(300 * time.Millisecond); time.Now().Before(late); {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		if _, err := e.Nodes(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
		ctx, cancel = context.WithTimeout(t.Context(), time.Microsecond*50)
		_, _ = e.Nodes(ctx)
		cancel()
	}
	if opened := h.of(cache.EventBreaker, "open"); len(opened) > 0 {
		t.Fatalf("%+v", opened)
	}
}

// A node that is alone says so, though until the fleet's registry is as old as
// a lease it has to wait for whom it can't know.
func TestANodeAloneIsOne(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, l := node(t, srv.URL(), soft, promising(cache.Acknowledged))
	for range 3 {
		if r, err := l.Invalidate(t.Context(), "x", 0); err != nil || !r.Remote || r.Nodes != 1 || r.Acknowledged != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
}

// Nodes that were given one name are two all the same.
func TestNodesOfOneNameAreToldApart(t *testing.T) {
	t.Parallel()
	a, b, link := pair(t, promising(cache.Acknowledged), func(o *cache.Options, _ *cache.LayerOptions[string]) { o.Node = "web" })
	var s source
	s.set("x", "old", 1)
	bothKnown(t, a, b)
	inMemory(t, b, &s, "old")
	for _, l := range []*cache.Layer[string]{a, b} {
		nodes, err := l.Engine().Nodes(t.Context())
		if err != nil || len(nodes) != 2 || nodes[0].Name != "web" || nodes[1].Name != "web" || nodes[0].Self == nodes[1].Self {
			t.Fatalf("%+v, %v", nodes, err)
		}
	}
	link.Stall()
	defer link.Heal()
	s.set("x", "new", 2)
	if r, err := a.Invalidate(t.Context(), "x", 2); err != nil || r.Nodes != 2 || r.Acknowledged != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	v, err := b.Get(t.Context(), "x", s.load("x"))
	want(t, v, err, "new")
}
