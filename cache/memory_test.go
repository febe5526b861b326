package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja/cache"
)

func open(t *testing.T, o cache.Options) *cache.Engine {
	t.Helper()
	e, err := cache.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func layer[V any](t *testing.T, e *cache.Engine, o cache.LayerOptions[V]) *cache.Layer[V] {
	t.Helper()
	if o.Name == "" {
		o.Name = "thing"
	}
	if o.TTL == 0 {
		o.TTL = time.Hour
	}
	l, err := cache.NewLayer(e, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// source is where values come from; it counts how often it is asked.
type source struct {
	loads atomic.Int64
	mu    sync.Mutex
	rows  map[string]row
}

type row struct {
	Value   string
	Version int64
}

func (s *source) set(id, value string, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = make(map[string]row)
	}
	s.rows[id] = row{value, version}
}

func (s *source) read(id string) (row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.rows[id]
	if !ok {
		return row{}, fmt.Errorf("no row %s: %w", id, cache.ErrNotFound)
	}
	return r, nil
}

func (s *source) load(id string) cache.Loader[string] {
	return func(_ context.Context, f *cache.Fill) (string, error) {
		s.loads.Add(1)
		r, err := s.read(id)
		f.Version, f.Cost = r.Version, 3
		return r.Value, err
	}
}

func want[V comparable](t *testing.T, got V, err error, want V) {
	t.Helper()
	if err != nil || got != want {
		t.Fatalf("got %v, %v; want %v", got, err, want)
	}
}

func wantLoads(t *testing.T, s *source, n int64) {
	t.Helper()
	if got := s.loads.Load(); got != n {
		t.Fatalf("%d loads, want %d", got, n)
	}
}

func TestMemoryServesWhatWasLoadedOnce(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	var s source
	s.set("a", "one", 7)
	for i := range 3 {
		en, err := l.Lookup(t.Context(), "a", s.load("a"))
		want(t, en.Value, err, "one")
		wantSource := cache.FromMemory
		if i == 0 {
			wantSource = cache.FromLoad
		}
		if en.Source != wantSource || en.Version != 7 || en.Cost != 3 || en.Key != "thing:a" || en.Stale {
			t.Fatalf("entry %d: %+v", i, en)
		}
	}
	wantLoads(t, &s, 1)
	st := e.Stats().Layers[0]
	if st.MemoryHits != 2 || st.Misses != 1 || st.CostAvoided != 6 || st.CostPaid != 3 || st.Fills != 1 || st.MemoryItems != 1 {
		t.Fatalf("stats: %+v", st)
	}
}

func TestAbsenceIsRememberedBriefly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{NegativeTTL: 10 * time.Second})
		var s source
		for range 3 {
			if _, err := l.Get(t.Context(), "a", s.load("a")); !errors.Is(err, cache.ErrNotFound) {
				t.Fatalf("err %v", err)
			}
		}
		wantLoads(t, &s, 1)
		if _, ok := l.Peek(t.Context(), "a"); ok {
			t.Fatal("Peek shows an absence")
		}
		s.set("a", "one", 1)
		time.Sleep(11 * time.Second)
		v, err := l.Get(t.Context(), "a", s.load("a"))
		want(t, v, err, "one")
		_ = e.Close()
	})
}

func TestFloorRefusesOlderVersions(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	var lagging source
	lagging.set("a", "old", 4)
	if r, err := l.Invalidate(t.Context(), "a", 5); err != nil || r.Version != 5 {
		t.Fatal(r, err)
	}
	for range 2 {
		v, err := l.Get(t.Context(), "a", lagging.load("a"))
		want(t, v, err, "old")
	}
	wantLoads(t, &lagging, 2)
	lagging.set("a", "new", 5)
	for range 2 {
		v, err := l.Get(t.Context(), "a", lagging.load("a"))
		want(t, v, err, "new")
	}
	wantLoads(t, &lagging, 3)
	if r, err := l.Invalidate(t.Context(), "a", 3); err != nil || r.Version != 5 {
		t.Fatal("a floor fell:", r, err)
	}
}

func TestGroupsAndClear(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	var s source
	for _, id := range []string{"a", "b", "c"} {
		s.set(id, id, 1)
	}
	groups := map[string][]cache.Option{"a": {cache.InGroup("g")}, "b": {cache.InGroup("h")}, "c": {cache.InGroup("g", "h")}}
	read := func(ids ...string) int64 {
		before := s.loads.Load()
		for _, id := range ids {
			v, err := l.Get(t.Context(), id, s.load(id), groups[id]...)
			want(t, v, err, id)
		}
		return s.loads.Load() - before
	}
	read("a", "b", "c")
	if n := read("a", "b", "c"); n != 0 {
		t.Fatalf("%d loads of what is cached", n)
	}
	if _, err := e.InvalidateGroup(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	if n := read("b"); n != 0 {
		t.Fatal("a group took another's entry")
	}
	if n := read("a", "c"); n != 2 {
		t.Fatalf("%d loads, want 2", n)
	}
	if _, err := e.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := read("a", "b", "c"); n != 3 {
		t.Fatalf("%d loads, want 3", n)
	}
	// Other groups than the entry's: a miss.
	if _, ok := l.Peek(t.Context(), "a"); ok {
		t.Fatal("an entry was found without its group")
	}
}

func TestOptionsOfOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var s source
		s.set("a", "one", 1)
		get := func(opts ...cache.Option) string {
			v, err := l.Get(t.Context(), "a", s.load("a"), opts...)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		get()
		s.set("a", "two", 2)
		if v := get(cache.MinVersion(1)); v != "one" {
			t.Fatalf("MinVersion(1): %q", v)
		}
		if v := get(cache.MinVersion(2)); v != "two" {
			t.Fatalf("MinVersion(2): %q", v)
		}
		s.set("a", "three", 3)
		if v := get(cache.Refresh()); v != "three" {
			t.Fatalf("Refresh: %q", v)
		}
		if v := get(); v != "three" {
			t.Fatalf("after Refresh: %q", v)
		}
		s.set("a", "four", 4)
		time.Sleep(time.Minute)
		if v := get(cache.MaxAge(2 * time.Minute)); v != "three" {
			t.Fatalf("MaxAge(2m): %q", v)
		}
		if v := get(cache.MaxAge(time.Second)); v != "four" {
			t.Fatalf("MaxAge(1s): %q", v)
		}
		_ = e.Close()
	})
}

func TestClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		_, ok, lease := l.Claim(t.Context(), "a")
		if ok || !lease.Held() {
			t.Fatal("no claim on a cold key")
		}
		_, ok, other := l.Claim(t.Context(), "a")
		if ok || other.Held() {
			t.Fatal("two claims on one key")
		}
		if filled, err := other.Fill(t.Context(), "x", cache.Fill{}); filled || err != nil {
			t.Fatal("filled without a claim")
		}
		got := make(chan string)
		go func() { // a reader waits for the claim
			v, _ := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) { return "loaded", nil })
			got <- v
		}()
		synctest.Wait()
		if filled, err := lease.Fill(t.Context(), "streamed", cache.Fill{Version: 1}); !filled || err != nil {
			t.Fatal(filled, err)
		}
		if v := <-got; v != "streamed" {
			t.Fatalf("the waiting reader got %q", v)
		}
		lease.Release(t.Context())
		en, ok, lease := l.Claim(t.Context(), "a")
		if !ok || lease != nil || en.Value != "streamed" {
			t.Fatalf("claim of a cached key: %+v %v", en, ok)
		}

		_, _, lease = l.Claim(t.Context(), "b")
		if _, err := l.Invalidate(t.Context(), "b", 0); err != nil {
			t.Fatal(err)
		}
		if lease.Held() {
			t.Fatal("held after an invalidation")
		}
		if filled, _ := lease.Fill(t.Context(), "old", cache.Fill{}); filled {
			t.Fatal("filled after an invalidation")
		}
		_, _, lease = l.Claim(t.Context(), "b")
		if !lease.Held() {
			t.Fatal("no claim after the void one ended")
		}
		lease.Release(t.Context())
		_ = e.Close()
	})
}

func TestReplace(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	var s source
	s.set("a", "1", 1)
	v, err := l.Get(t.Context(), "a", s.load("a"))
	want(t, v, err, "1")
	ok, _, err := l.Replace(t.Context(), "a", 1, 2, "2")
	want(t, ok, err, true)
	s.set("a", "2", 2)
	v, err = l.Get(t.Context(), "a", s.load("a"))
	want(t, v, err, "2")
	// Someone missed version 3: what is cached (2) is not what 4 builds on.
	ok, _, err = l.Replace(t.Context(), "a", 3, 4, "4")
	want(t, ok, err, false)
	if _, ok := l.Peek(t.Context(), "a"); ok {
		t.Fatal("an outdated entry was left")
	}
	// And a load of the older version is refused from now on.
	_, _ = l.Get(t.Context(), "a", s.load("a"))
	if _, ok := l.Peek(t.Context(), "a"); ok {
		t.Fatal("a version under the floor was cached")
	}
}

func TestUnusableKeysAndOptions(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	var s source
	for _, id := range []string{"", "a{b", "a}b", "a\nb", "a\x00", strings.Repeat("x", 513)} {
		if _, err := l.Get(t.Context(), id, s.load(id)); !errors.Is(err, cache.ErrKey) {
			t.Errorf("Get(%q): %v", id, err)
		}
		if _, err := l.Invalidate(t.Context(), id, 0); !errors.Is(err, cache.ErrKey) {
			t.Errorf("Invalidate(%q): %v", id, err)
		}
		if _, err := e.InvalidateGroup(t.Context(), id); !errors.Is(err, cache.ErrKey) {
			t.Errorf("InvalidateGroup(%q): %v", id, err)
		}
	}
	if _, err := e.InvalidateGroup(t.Context(), "@all"); !errors.Is(err, cache.ErrKey) {
		t.Errorf("a reserved group: %v", err)
	}
	wantLoads(t, &s, 0)
	for _, o := range []cache.LayerOptions[string]{
		{Name: "thing", TTL: time.Hour},
		{Name: "gen", TTL: time.Hour},
		{Name: "a:b", TTL: time.Hour},
		{Name: "x"},
		{Name: "x", TTL: -1},
		{Name: "x", TTL: time.Hour, Jitter: 1},
		{Name: "x", TTL: time.Hour, StaleFor: -1},
	} {
		if _, err := cache.NewLayer(e, o); !errors.Is(err, cache.ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := cache.Open(t.Context(), cache.Options{Prefix: "a{"}); !errors.Is(err, cache.ErrOptions) {
		t.Error(err)
	}
}
