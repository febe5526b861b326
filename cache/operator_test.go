package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

func TestHitsAndLoadsAreTimed(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	eb, b := node(t, srv.URL())
	slow := func(context.Context, *cache.Fill) (string, error) {
		time.Sleep(3 * time.Millisecond) // the load's own time, which is measured
		return "v", nil
	}
	for i := range 10 {
		_, err := a.Get(t.Context(), fmt.Sprint(i), slow)
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2000 {
		for i := range 10 {
			v, err := b.Get(t.Context(), fmt.Sprint(i), slow)
			want(t, v, err, "v")
		}
	}
	st := eb.Stats().Layers[0]
	if n := st.HitTimes.Count(); n < 10+8*256 || n > 10+20_000+8*256 {
		t.Errorf("%d hits timed", n)
	}
	if st.HitTimes.Quantile(1) < 20*time.Microsecond || st.HitTimes.Quantile(0.5) <= 0 || st.LoadTimes.Count() != 0 {
		t.Errorf("hits: %v to %v, loads: %+v", st.HitTimes.Quantile(0.5), st.HitTimes.Quantile(1), st.LoadTimes)
	}
	st = a.Engine().Stats().Layers[0]
	if st.LoadTimes.Count() != 10 || st.LoadTimes.Quantile(0.5) < 2*time.Millisecond || st.LoadTimes.Sum != st.LoadTime {
		t.Errorf("loads: %+v", st.LoadTimes)
	}
	eb.ResetStats()
	if n := eb.Stats().Layers[0].HitTimes.Count(); n != 0 {
		t.Errorf("%d after the reset", n)
	}
}

// heard collects events.
type heard struct {
	mu     sync.Mutex
	events []cache.Event
}

func (h *heard) hear(ev cache.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, ev)
}

// of gives the events of a kind and state.
func (h *heard) of(kind cache.EventKind, state string) (found []cache.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ev := range h.events {
		if ev.Kind == kind && ev.State == state {
			found = append(found, ev)
		}
	}
	return found
}

func TestEvents(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithPassword("hunter2"))
	var h heard
	e, l := node(t, srv.URL(), func(o *cache.Options, _ *cache.LayerOptions[string]) { o.OnEvent, o.Node = h.hear, "first" })
	var s source
	s.set("x", "v", 1)
	v, err := l.Get(t.Context(), "x", s.load("x"))
	want(t, v, err, "v")
	if len(h.of(cache.EventFailover, "")) != 1 || len(h.of(cache.EventBreaker, "closed")) != 1 {
		t.Fatalf("at the start: %+v", h.events)
	}
	rec, err := l.Invalidate(t.Context(), "x", 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.InvalidateGroup(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := h.of(cache.EventInvalidation, "")
	if len(told) != 3 {
		t.Fatalf("invalidations: %+v", told)
	}
	if ev := told[0]; ev.Layer != "thing" || ev.Key != l.Key("x") || ev.Group != "" || ev.Receipt != rec || ev.Node != "first" || ev.Time.IsZero() {
		t.Errorf("of a key: %+v", ev)
	}
	if ev := told[1]; ev.Group != "g" || ev.Key != "" || !ev.Receipt.Remote {
		t.Errorf("of a group: %+v", ev)
	}
	if ev := told[2]; ev.Group != "" || ev.Key != "" || ev.Message != "invalidated everything" {
		t.Errorf("of everything: %+v", ev)
	}

	other, _ := node(t, srv.URL(), func(o *cache.Options, _ *cache.LayerOptions[string]) { o.Node = "second" })
	eventually(t, "the other node is seen", func() bool {
		joined := h.of(cache.EventNode, "joined")
		return len(joined) == 1 && joined[0].Node == "second"
	})
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other node is missed", func() bool {
		left := h.of(cache.EventNode, "left")
		return len(left) == 1 && left[0].Node == "second"
	})

	srv.Kill()
	eventually(t, "the loss is told", func() bool {
		return len(h.of(cache.EventPush, "lost")) == 1 && len(h.of(cache.EventBreaker, "open")) == 1
	})
	if _, err := l.Invalidate(t.Context(), "x", 3); err != nil {
		t.Fatal(err)
	}
	if told := h.of(cache.EventInvalidation, ""); len(told) != 4 || told[3].Receipt.Remote {
		t.Errorf("while Redis is away: %+v", told)
	}
	srv.Restart()
	eventually(t, "the return is told", func() bool {
		return len(h.of(cache.EventPush, "back")) == 1 && len(h.of(cache.EventBreaker, "closed")) >= 2 &&
			len(h.of(cache.EventFailover, "")) == 2 && len(h.of(cache.EventEpoch, "")) >= 1
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if text := fmt.Sprintf("%+v", h.events); strings.Contains(text, "hunter2") {
		t.Errorf("a secret: %s", text)
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	ea, a := node(t, srv.URL())
	eb, _ := node(t, srv.URL())
	long := strings.Repeat("what was said ", 1000)
	began := time.Now().Add(-time.Second)
	v, err := a.Get(t.Context(), "x", func(_ context.Context, f *cache.Fill) (string, error) {
		f.Version, f.Cost = 7, 3
		return long, nil
	}, cache.InGroup("g"))
	want(t, v, err, long)
	before := ea.Stats().Layers[0]
	in, err := ea.Inspect(t.Context(), a.Key("x"))
	if err != nil {
		t.Fatal(err)
	}
	if in.Layer != "thing" || in.ID != "x" || in.Key != a.Key("x") || !in.InMemory || !in.InRedis || !in.Current || in.Away || in.Lease {
		in.Value = nil
		t.Errorf("%+v", in)
	}
	if in.RedisBytes < 60 || in.RedisBytes > 4000 || in.MemoryBytes < int64(len(long)) || in.RedisTTL <= 0 || !in.MemoryExpires.After(time.Now()) {
		t.Errorf("sizes and times: %d in redis for %v, %d in memory until %v", in.RedisBytes, in.RedisTTL, in.MemoryBytes, in.MemoryExpires)
	}
	h := in.Header
	if h == nil || h.Format != 1 || h.SourceVersion != 7 || h.Cost != 3 || h.Codec != "json" || !h.Compressed || h.Negative || h.Created.Before(began) || !h.Expires.After(time.Now()) {
		t.Errorf("header: %+v", h)
	}
	var value string
	if err := json.Unmarshal(in.Value, &value); err != nil || value != long {
		t.Errorf("value: %.50q, %v", in.Value, err)
	}
	if !slices.Equal(in.Groups, []string{"g"}) {
		t.Errorf("groups: %q", in.Groups)
	}
	if diff := cmp.Diff(before, ea.Stats().Layers[0]); diff != "" {
		t.Errorf("looking changed the counts: %s", diff)
	}

	// A node that never read it, and doesn't know the group.
	in, err = eb.Inspect(t.Context(), a.Key("x"))
	if err != nil || in.InMemory || !in.InRedis || !slices.Equal(in.Groups, []string{""}) || in.Header.SourceVersion != 7 {
		t.Errorf("elsewhere: %+v, %v", in, err)
	}

	// While it is being loaded, and below a floor.
	if _, err := a.Invalidate(t.Context(), "y", 9); err != nil {
		t.Fatal(err)
	}
	_, _, lease := a.Claim(t.Context(), "y")
	in, err = eb.Inspect(t.Context(), a.Key("y"))
	if !errors.Is(err, cache.ErrNotFound) || !in.Lease || in.Floor != 9 || in.Header != nil {
		t.Errorf("claimed: %+v, %v", in, err)
	}
	lease.Release(t.Context())

	// What somebody else wrote there is no entry, and no error.
	if _, err := srv.Do("SET", a.Key("z"), "hello", "PX", "60000"); err != nil {
		t.Fatal(err)
	}
	in, err = eb.Inspect(t.Context(), a.Key("z"))
	if err != nil || !in.InRedis || in.RedisBytes != 5 || in.Header != nil || in.Value != nil {
		t.Errorf("foreign: %+v, %v", in, err)
	}

	for _, key := range []string{"", "x", "nolayer:x", "thing:", "thing:{x}", "{thing:x}:lease"} {
		if _, err := ea.Inspect(t.Context(), key); !errors.Is(err, cache.ErrKey) {
			t.Errorf("%q: %v", key, err)
		}
	}

	srv.Kill()
	eventually(t, "redis is missed", func() bool { return ea.Health(t.Context()).Breaker != "closed" })
	if _, err := ea.Inspect(t.Context(), a.Key("nothing")); err == nil || errors.Is(err, cache.ErrNotFound) {
		t.Errorf("who knows: %v", err)
	}
}

func TestInspectMemoryOnly(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{NegativeTTL: time.Minute, Codec: cache.Text{}})
	var s source
	s.set("x", "v", 7)
	_, _ = l.Get(t.Context(), "x", s.load("x"), cache.InGroup("g"))
	_, _ = l.Get(t.Context(), "none", s.load("none"))
	in, err := e.Inspect(t.Context(), l.Key("x"))
	if err != nil || !in.InMemory || in.InRedis || in.Away || string(in.Value) != "v" || in.Header.SourceVersion != 7 || in.Header.Codec != "text" || !slices.Equal(in.Groups, []string{"g"}) {
		t.Errorf("%+v, %v", in, err)
	}
	in, err = e.Inspect(t.Context(), l.Key("none"))
	if err != nil || !in.Header.Negative || in.Value != nil {
		t.Errorf("an absence: %+v, %v", in, err)
	}
	if _, err := e.InvalidateGroup(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	if in, err := e.Inspect(t.Context(), l.Key("x")); err == nil && in.Current {
		t.Errorf("invalidated: %+v, %v", in, err)
	}
	if _, err := e.Inspect(t.Context(), l.Key("other")); !errors.Is(err, cache.ErrNotFound) {
		t.Error(err)
	}
}

func TestNodesAreKnown(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	named := func(name string) func(*cache.Options, *cache.LayerOptions[string]) {
		return func(o *cache.Options, _ *cache.LayerOptions[string]) { o.Node = name }
	}
	a, _ := node(t, srv.URL(), named("a"))
	node(t, srv.URL(), named("b:with:colons"))
	var names []string
	eventually(t, "both are live", func() bool {
		nodes, err := a.Nodes(t.Context())
		names = nil
		for _, n := range nodes {
			if err == nil && n.Live && n.Lease > 0 && n.Seen < 2*time.Second && n.Behind == 0 && n.Self == (n.Name == "a") {
				names = append(names, n.Name)
			}
		}
		return slices.Equal(names, []string{"a", "b:with:colons"})
	})
	srv.Kill()
	nodes, err := a.Nodes(t.Context())
	if err == nil || len(nodes) != 1 || nodes[0].Name != "a" || !nodes[0].Self {
		t.Errorf("while Redis is away: %+v, %v", nodes, err)
	}
	alone := open(t, cache.Options{Node: "c"})
	nodes, err = alone.Nodes(t.Context())
	if err != nil || len(nodes) != 1 || !nodes[0].Self || !nodes[0].Live {
		t.Errorf("without Redis: %+v, %v", nodes, err)
	}
}

func TestHealthTellsOfRedis(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithPassword("hunter2"), redistest.WithConfig("appendonly", "yes"))
	e, l := node(t, srv.URL())
	_, _ = l.Get(t.Context(), "x", func(context.Context, *cache.Fill) (string, error) { return "v", nil })
	if _, err := srv.Do("SET", "somebody's", "for ever"); err != nil {
		t.Fatal(err)
	}
	h := e.Health(t.Context())
	if !h.Connected || !h.Auth || h.TLS || !h.Loopback || h.Fragmentation <= 0 || h.Masters != 1 || !strings.HasSuffix(h.Persistence, "aof") {
		t.Errorf("%+v", h)
	}
	if h.Keys < 2 || h.Expiring != h.Keys-1 {
		t.Errorf("%d keys, %d of them expire", h.Keys, h.Expiring)
	}
}

func TestKeysAreCounted(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	prefixed := func(o *cache.Options, _ *cache.LayerOptions[string]) { o.Prefix = "p-" }
	a, la := node(t, srv.URL(), prefixed)
	_, lb := node(t, srv.URL(), prefixed)
	const keys = 3000
	var wg sync.WaitGroup
	for w := range 32 {
		wg.Go(func() {
			for i := w; i < keys; i += 32 {
				l := la
				if i%2 == 0 {
					l = lb
				}
				load := func(context.Context, *cache.Fill) (string, error) { return "v", nil }
				_, _ = l.Get(t.Context(), fmt.Sprint(i), load)
				if i%3 == 0 { // the same key again counts once
					_, _ = l.Get(t.Context(), fmt.Sprint(i), load, cache.Refresh())
				}
			}
		})
	}
	wg.Wait()
	var n int64
	eventually(t, "all are counted, within 5 %", func() bool {
		counts, err := a.CountKeys(t.Context())
		n = counts["thing"]
		return err == nil && n > keys*95/100 && n < keys*105/100
	})
	t.Logf("%d keys, counted %d", keys, n)
	names, err := srv.Do("KEYS", "p-{thing}:filled:*")
	if err != nil {
		t.Fatal(err)
	}
	list, _ := names.AsStrSlice()
	if len(list) == 0 || len(list) > 33 {
		t.Errorf("%d keys to count by", len(list))
	}
	for _, key := range list {
		ttl, err := srv.Do("PTTL", key)
		if ms, _ := ttl.AsInt64(); err != nil || ms <= 0 {
			t.Errorf("%s lives for %d ms, %v", key, ms, err)
		}
	}
	alone := open(t, cache.Options{})
	l := layer(t, alone, cache.LayerOptions[string]{})
	_, _ = l.Get(t.Context(), "x", func(context.Context, *cache.Fill) (string, error) { return "v", nil })
	if counts, err := alone.CountKeys(t.Context()); err != nil || counts["thing"] != 1 {
		t.Errorf("memory: %v, %v", counts, err)
	}
}
