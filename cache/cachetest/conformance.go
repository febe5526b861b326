package cachetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
)

// Backend is what Conformance tests an engine on.
type Backend struct {
	// Open gives a new engine, a node of the same fleet each time. It closes
	// it when the test ends.
	Open func(t *testing.T) *cache.Engine
	// Shared says that engines see each other's entries.
	Shared bool
}

// Conformance checks that engines on a backend keep what package cache
// promises of single calls. Each part uses keys of its own.
func Conformance(t *testing.T, b Backend) {
	nodes := []*cache.Layer[string]{newLayer(t, b.Open(t))}
	if b.Shared {
		nodes = append(nodes, newLayer(t, b.Open(t)))
	}
	first, last := nodes[0], nodes[len(nodes)-1]
	parts := map[string]func(t *testing.T, id string){
		"one load for all": func(t *testing.T, id string) {
			var loads atomic.Int64
			var wg sync.WaitGroup
			for i := range 64 {
				wg.Go(func() {
					v, err := nodes[i%len(nodes)].Get(t.Context(), id, func(context.Context, *cache.Fill) (string, error) {
						loads.Add(1)
						return "v", nil
					})
					if v != "v" || err != nil {
						t.Errorf("%q, %v", v, err)
					}
				})
			}
			wg.Wait()
			if loads.Load() != 1 {
				t.Errorf("%d loads", loads.Load())
			}
		},
		"provenance": func(t *testing.T, id string) {
			_ = get(t, first, id, "v", 3)
			en, err := last.Lookup(t.Context(), id, never(t))
			if err != nil || en.Value != "v" || en.Version != 3 || en.Cost != 7 || en.Key != last.Key(id) || en.Stale || !en.Expires.After(en.Created) {
				t.Errorf("%+v, %v", en, err)
			}
		},
		"absence": func(t *testing.T, id string) {
			loads := 0
			for _, l := range nodes {
				_, err := l.Get(t.Context(), id, func(context.Context, *cache.Fill) (string, error) {
					loads++
					return "", fmt.Errorf("none: %w", cache.ErrNotFound)
				})
				if !errors.Is(err, cache.ErrNotFound) {
					t.Error(err)
				}
			}
			if loads != 1 {
				t.Errorf("%d loads", loads)
			}
		},
		"errors are not kept": func(t *testing.T, id string) {
			broken := errors.New("broken")
			_, err := first.Get(t.Context(), id, func(context.Context, *cache.Fill) (string, error) { return "", broken })
			if !errors.Is(err, broken) {
				t.Error(err)
			}
			get(t, last, id, "v", 1)
		},
		"NoStore": func(t *testing.T, id string) {
			_, _ = first.Get(t.Context(), id, func(_ context.Context, f *cache.Fill) (string, error) {
				f.NoStore = true
				return "once", nil
			})
			get(t, last, id, "v", 1)
		},
		"invalidate": func(t *testing.T, id string) {
			get(t, last, id, "old", 1)
			invalidate(t, first, id, 2)
			await(t, func() bool { return peek(last, id) == "" })
			get(t, last, id, "new", 2)
			get(t, first, id, "new", 2)
		},
		"invalidate during a load": func(t *testing.T, id string) {
			_, _ = first.Get(t.Context(), id, func(context.Context, *cache.Fill) (string, error) {
				invalidate(t, last, id, 0)
				return "old", nil
			})
			for _, l := range nodes {
				if v := peek(l, id); v != "" {
					t.Errorf("kept %q", v)
				}
			}
		},
		"floor": func(t *testing.T, id string) {
			invalidate(t, first, id, 5)
			_, _ = last.Get(t.Context(), id, value("old", 4))
			if v := peek(last, id); v != "" {
				t.Errorf("kept %q", v)
			}
			get(t, last, id, "new", 5)
		},
		"group": func(t *testing.T, id string) {
			g := cache.InGroup("group of " + id)
			get(t, last, id, "old", 1, g)
			if _, err := first.Engine().InvalidateGroup(t.Context(), "group of "+id); err != nil {
				t.Error(err)
			}
			await(t, func() bool { return peek(last, id, g) == "" })
			get(t, last, id, "new", 2, g)
		},
		"claim": func(t *testing.T, id string) {
			_, ok, lease := first.Claim(t.Context(), id)
			_, ok2, other := last.Claim(t.Context(), id)
			if ok || ok2 || !lease.Held() || other.Held() {
				t.Error("not one claim")
			}
			if stored, err := lease.Fill(t.Context(), "v", cache.Fill{}); !stored || err != nil {
				t.Error(stored, err)
			}
			if en, ok, _ := last.Claim(t.Context(), id); !ok || en.Value != "v" {
				t.Errorf("%+v", en)
			}
		},
		"replace": func(t *testing.T, id string) {
			get(t, first, id, "1", 1)
			get(t, last, id, "1", 1)
			if ok, _, err := last.Replace(t.Context(), id, 1, 2, "2"); !ok || err != nil {
				t.Error(ok, err)
			}
			await(t, func() bool { return peek(first, id) == "2" })
			if ok, _, err := first.Replace(t.Context(), id, 1, 2, "two"); ok || err != nil {
				t.Error(ok, err)
			}
		},
		"batch": func(t *testing.T, id string) {
			for _, l := range nodes {
				got, err := l.GetMany(t.Context(), []string{id + "a", id + "b"}, func(_ context.Context, ids []string, _ map[string]*cache.Fill) (map[string]string, error) {
					if l != first {
						t.Errorf("loads %q again", ids)
					}
					return map[string]string{id + "a": "A"}, nil
				})
				if err != nil || len(got) != 1 || got[id+"a"] != "A" {
					t.Error(got, err)
				}
			}
		},
	}
	for name, part := range parts {
		t.Run(name, func(t *testing.T) { part(t, "conformance "+name) })
	}
}

func newLayer(t *testing.T, e *cache.Engine) *cache.Layer[string] {
	t.Helper()
	l, err := cache.NewLayer(e, cache.LayerOptions[string]{Name: "conformance", TTL: time.Minute, NegativeTTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func value(v string, version int64) cache.Loader[string] {
	return func(_ context.Context, f *cache.Fill) (string, error) {
		f.Version, f.Cost = version, 7
		return v, nil
	}
}

func never(t *testing.T) cache.Loader[string] {
	return func(context.Context, *cache.Fill) (string, error) {
		t.Error("loads what is cached")
		return "", nil
	}
}

func get(t *testing.T, l *cache.Layer[string], id, want string, version int64, opts ...cache.Option) string {
	t.Helper()
	v, err := l.Get(t.Context(), id, value(want, version), opts...)
	if err != nil || v != want {
		t.Errorf("got %q, %v; want %q", v, err, want)
	}
	return v
}

func peek(l *cache.Layer[string], id string, opts ...cache.Option) string {
	en, _ := l.Peek(context.Background(), id, opts...)
	return en.Value
}

func invalidate(t *testing.T, l *cache.Layer[string], id string, version int64) {
	t.Helper()
	if _, err := l.Invalidate(context.Background(), id, version); err != nil {
		t.Error(err)
	}
}

// await waits for what a push brings about.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	late := time.After(10 * time.Second)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-late:
			t.Fatal("never")
		case <-again.C:
		}
	}
}
