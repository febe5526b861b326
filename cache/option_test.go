package cache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// MaxAge goes by a clock that tells what was loaded just now from what comes
// next.
func TestMaxAge(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	for i := range 200 {
		id := fmt.Sprint(i)
		_, err := l.Get(t.Context(), id, loads("v", cache.Fill{}))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := l.Peek(t.Context(), id, cache.MaxAge(0)); ok {
			t.Fatal("looked at, with MaxAge(0)")
		}
		en, err := l.Lookup(t.Context(), id, loads("w", cache.Fill{}), cache.MaxAge(0))
		want(t, en.Value, err, "w")
		if en.Source != cache.FromLoad {
			t.Fatalf("from %s", en.Source)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		_, _ = l.Get(t.Context(), "a", loads("one", cache.Fill{}))
		time.Sleep(time.Minute - time.Nanosecond)
		v, err := l.Get(t.Context(), "a", loads("two", cache.Fill{}), cache.MaxAge(time.Minute))
		want(t, v, err, "one")
		time.Sleep(time.Nanosecond)
		v, err = l.Get(t.Context(), "a", loads("two", cache.Fill{}), cache.MaxAge(time.Minute))
		want(t, v, err, "two")
		_ = e.Close()
	})
}

// Groups are a set: it doesn't matter in which order a call names them, or
// twice.
func TestGroupsInAnyOrder(t *testing.T) {
	t.Parallel()
	for name, remote := range map[string]bool{"memory": false, "redis": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o cache.Options
			if remote {
				o.Redis = &cache.RedisOptions{URL: redistest.Start(t).URL()}
				soft(&o, nil)
			}
			e, other := open(t, o), open(t, o)
			joined(t, e)
			joined(t, other)
			l, far := layer(t, e, cache.LayerOptions[string]{}), layer(t, other, cache.LayerOptions[string]{})
			v, err := l.Get(t.Context(), "x", loads("v", cache.Fill{}), cache.InGroup("b", "c", "a"))
			want(t, v, err, "v")
			for name, opts := range map[string][]cache.Option{
				"in order":   {cache.InGroup("a", "b", "c")},
				"out of it":  {cache.InGroup("c", "b", "a")},
				"in options": {cache.InGroup("c"), cache.InGroup("a", "b")},
				"twice":      {cache.InGroup("c", "a", "b", "c")},
				"otherwise":  {cache.InGroup("c", "b", "a"), cache.MinVersion(0)},
			} {
				en, err := l.Lookup(t.Context(), "x", gone, opts...)
				want(t, en.Source, err, cache.FromMemory)
				v, err := l.Get(t.Context(), "x", gone, opts...)
				want(t, v, err, "v")
				if _, ok := l.Peek(t.Context(), "x", opts...); !ok {
					t.Errorf("%s: nothing to look at", name)
				}
				if remote {
					v, err := far.Get(t.Context(), "x", gone, opts...)
					want(t, v, err, "v")
				}
			}
			for _, groups := range [][]string{nil, {"a"}, {"a", "b"}, {"a", "b", "d"}, {"a", "a", "b"}, {"a", "b", "c", "d"}} {
				if en, ok := l.Peek(t.Context(), "x", cache.InGroup(groups...)); ok {
					t.Errorf("%q in %q", en.Value, groups)
				}
			}
			reversed := []string{"c", "b", "a"}
			v, err = l.Get(t.Context(), "x", gone, cache.InGroup(reversed...))
			want(t, v, err, "v")
			for _, group := range []string{"a", "b", "c"} {
				if _, err := l.Get(t.Context(), "x", loads("v", cache.Fill{}), cache.InGroup("c", "b", "a")); err != nil {
					t.Fatal(err)
				}
				if _, err := e.InvalidateGroup(t.Context(), group); err != nil {
					t.Fatal(err)
				}
				if v, err := l.Get(t.Context(), "x", gone, cache.InGroup("c", "a", "b")); !errors.Is(err, cache.ErrNotFound) {
					t.Errorf("%q, %v after group %s", v, err, group)
				}
			}
			if fmt.Sprint(reversed) != "[c b a]" {
				t.Error("the caller's groups were put in order:", reversed)
			}
		})
	}
}

func TestGroupsInAnyOrderCostNothing(t *testing.T) {
	l := layer(t, open(t, cache.Options{}), cache.LayerOptions[string]{})
	_, _ = l.Get(t.Context(), "x", loads("v", cache.Fill{}), cache.InGroup("a", "b"))
	groups, ctx := []string{"b", "a"}, t.Context()
	if n := testing.AllocsPerRun(100, func() { _, _ = l.Get(ctx, "x", nil, cache.InGroup(groups...)) }); n > 0 && !raceEnabled {
		t.Errorf("%v allocations for a hit", n)
	}
}

// Uncounted holds for every way to look something up, and wherever it is found.
func TestUncounted(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, writer := member(t, srv.URL(), soft)
	e, l := member(t, srv.URL(), soft)
	memory := open(t, cache.Options{})
	alone := layer(t, memory, cache.LayerOptions[string]{NegativeTTL: time.Hour})
	load := loads("v", cache.Fill{Cost: 5})
	for _, id := range []string{"a", "b", "c", "d", "f"} {
		if _, err := writer.Get(t.Context(), id, load); err != nil {
			t.Fatal(err)
		}
	}
	u := cache.Uncounted()
	for _, l := range []*cache.Layer[string]{l, alone} {
		for range 3 { // from Redis or the source, then from memory
			if v, err := l.Get(t.Context(), "a", load, u); v != "v" || err != nil {
				t.Fatal(v, err)
			}
			if en, err := l.Lookup(t.Context(), "b", load, u); en.Value != "v" || err != nil {
				t.Fatal(en, err)
			}
			values, err := l.GetMany(t.Context(), []string{"a", "d", "e"}, func(_ context.Context, ids []string, _ map[string]*cache.Fill) (map[string]string, error) {
				return map[string]string{ids[0]: "v"}, nil
			}, u)
			if values["a"] != "v" || err != nil {
				t.Fatal(values, err)
			}
			l.Peek(t.Context(), "c", u)
			l.Peek(t.Context(), "none", u)
			_, _ = l.Get(t.Context(), "gone", gone, u)
			_, _ = l.Get(t.Context(), "fails", func(ctx context.Context, f *cache.Fill) (string, error) { return "", errors.New("no") }, u)
			_, _, lease := l.Claim(t.Context(), "claimed", u)
			lease.Release(t.Context())
		}
		if _, err := l.Get(t.Context(), "a", load, cache.WithPromise(cache.Strict), u); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []*cache.Engine{e, memory} {
		s := e.Stats().Layers[0]
		if s.MemoryHits+s.RedisHits+s.Shared+s.Misses+s.NegativeHits+s.StaleHits+s.CostAvoided != 0 || s.HitTimes.Count() != 0 {
			t.Errorf("counted: %+v", s)
		}
		if s.Loads == 0 {
			t.Error("loads are counted all the same")
		}
	}
	// And the same calls without it are counted.
	_, _ = l.Get(t.Context(), "a", load)
	_, _ = l.Lookup(t.Context(), "f", load)
	if s := e.Stats().Layers[0]; s.MemoryHits != 1 || s.RedisHits != 1 || s.CostAvoided != 10 {
		t.Errorf("%d and %d hits, %d avoided", s.MemoryHits, s.RedisHits, s.CostAvoided)
	}
}
