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

func TestManyCallersShareOneLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var loads atomic.Int64
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				v, err := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) {
					time.Sleep(time.Second)
					return fmt.Sprint("v", loads.Add(1)), nil
				})
				if v != "v1" || err != nil {
					t.Errorf("got %q, %v", v, err)
				}
			})
		}
		wg.Wait()
		if n := loads.Load(); n != 1 {
			t.Fatalf("%d loads", n)
		}
		if st := e.Stats().Layers[0]; st.Shared != 999 || st.Misses != 1 {
			t.Fatalf("stats: %+v", st)
		}
		_ = e.Close()
	})
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

func TestInvalidateDuringLoadVoidsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var s source
		s.set("a", "old", 1)
		release := make(chan struct{})
		first := make(chan string)
		go func() {
			v, _ := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) {
				r, _ := s.read("a")
				<-release
				return r.Value, nil
			})
			first <- v
		}()
		synctest.Wait()
		s.set("a", "new", 2)
		if _, err := l.Invalidate(t.Context(), "a", 0); err != nil {
			t.Fatal(err)
		}
		// A caller that comes after the invalidation must not join the old load.
		v, err := l.Get(t.Context(), "a", s.load("a"))
		want(t, v, err, "new")
		close(release)
		if v := <-first; v != "old" {
			t.Fatalf("the first caller got %q", v)
		}
		v, err = l.Get(t.Context(), "a", s.load("a"))
		want(t, v, err, "new")
		wantLoads(t, &s, 1)
		if st := e.Stats().Layers[0]; st.FillsRefused != 1 {
			t.Fatalf("stats: %+v", st)
		}
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

func TestGroupInvalidatedDuringLoad(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	_, _ = l.Get(t.Context(), "a", func(ctx context.Context, _ *cache.Fill) (string, error) {
		_, err := e.InvalidateGroup(ctx, "g")
		return "old", err
	}, cache.InGroup("g"))
	if en, ok := l.Peek(t.Context(), "a", cache.InGroup("g")); ok {
		t.Fatalf("cached %q across an invalidation of its group", en.Value)
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

func TestRefreshDoesNotJoinAnOlderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var loads atomic.Int64
		load := func(context.Context, *cache.Fill) (string, error) {
			n := loads.Add(1)
			time.Sleep(time.Second)
			return fmt.Sprint("v", n), nil
		}
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = l.Get(t.Context(), "a", load) })
		synctest.Wait()
		for range 10 {
			wg.Go(func() {
				if v, err := l.Get(t.Context(), "a", load, cache.Refresh()); v != "v2" || err != nil {
					t.Errorf("got %q, %v", v, err)
				}
			})
		}
		wg.Wait()
		if n := loads.Load(); n != 2 {
			t.Fatalf("%d loads", n)
		}
		_ = e.Close()
	})
}

func TestLeavingCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var cancelled atomic.Bool
		slow := func(ctx context.Context, _ *cache.Fill) (string, error) {
			select {
			case <-time.After(time.Minute):
				return "done", nil
			case <-ctx.Done():
				cancelled.Store(true)
				return "", ctx.Err()
			}
		}
		// One leaves, the other gets the value.
		leaving, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := l.Get(leaving, "a", slow); !errors.Is(err, context.Canceled) {
				t.Errorf("the one who left: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if v, err := l.Get(t.Context(), "a", slow); v != "done" || err != nil {
				t.Errorf("the one who stayed: %q, %v", v, err)
			}
		})
		synctest.Wait()
		leave()
		wg.Wait()
		if cancelled.Load() {
			t.Fatal("a load that someone waited for was cancelled")
		}
		// All leave: the load ends, and the next caller isn't hurt by it.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Get(ctx, "b", slow); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		v, err := l.Get(t.Context(), "b", func(context.Context, *cache.Fill) (string, error) { return "fresh", nil })
		want(t, v, err, "fresh")
		synctest.Wait()
		if !cancelled.Load() {
			t.Fatal("a load that nobody waits for goes on")
		}
		_ = e.Close()
	})
}

func TestPanickingLoaders(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	_, err := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) { panic("boom") })
	if p, ok := errors.AsType[*cache.PanicError](err); !ok || p.Value != "boom" || !strings.Contains(string(p.Stack), "TestPanickingLoaders") {
		t.Fatalf("err %v", err)
	}
	_, err = l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) { panic(cache.ErrClosed) })
	if !errors.Is(err, cache.ErrClosed) {
		t.Fatalf("err %v", err)
	}
	v, err := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) { return "well", nil })
	want(t, v, err, "well")
}

func TestStaleWhileRevalidateAndIfError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleFor: time.Hour, Jitter: -1})
		var s source
		s.set("a", "one", 1)
		v, err := l.Get(t.Context(), "a", s.load("a"))
		want(t, v, err, "one")
		time.Sleep(2 * time.Minute)
		s.set("a", "two", 2)
		en, err := l.Lookup(t.Context(), "a", s.load("a"))
		want(t, en.Value, err, "one")
		if !en.Stale {
			t.Fatal("not marked stale")
		}
		synctest.Wait()
		v, err = l.Get(t.Context(), "a", s.load("a"))
		want(t, v, err, "two")
		wantLoads(t, &s, 2)

		time.Sleep(2 * time.Minute)
		broken := func(context.Context, *cache.Fill) (string, error) { return "", errors.New("away") }
		for range 3 {
			en, err = l.Lookup(t.Context(), "a", broken)
			want(t, en.Value, err, "two")
			synctest.Wait()
		}
		// A caller that insists on a fresh one gets the error.
		if _, err = l.Get(t.Context(), "a", broken, cache.Refresh()); err == nil {
			t.Fatal("Refresh hid an error")
		}
		time.Sleep(2 * time.Hour)
		if _, err = l.Get(t.Context(), "a", broken); err == nil {
			t.Fatal("served beyond StaleFor")
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
	ok, err := l.Replace(t.Context(), "a", 1, 2, "2")
	want(t, ok, err, true)
	s.set("a", "2", 2)
	v, err = l.Get(t.Context(), "a", s.load("a"))
	want(t, v, err, "2")
	// Someone missed version 3: what is cached (2) is not what 4 builds on.
	ok, err = l.Replace(t.Context(), "a", 3, 4, "4")
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

func TestCloseWaitsForLoads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var ended atomic.Bool
		go func() {
			_, _ = l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) {
				time.Sleep(time.Second)
				ended.Store(true)
				return "", nil
			})
		}()
		synctest.Wait()
		if err := e.Close(); err != nil || !ended.Load() {
			t.Fatal("Close did not wait:", err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Get(t.Context(), "b", nil); !errors.Is(err, cache.ErrClosed) {
			t.Fatal(err)
		}
	})
}
