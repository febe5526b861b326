package cache_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// The node that filled an entry itself has not read it: it must hear of
// another node's invalidation all the same.
func TestTheFillerHearsOfInvalidations(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	eb, b := node(t, srv.URL())
	var s source
	for i := range int64(20) {
		id := fmt.Sprint("x", i)
		s.set(id, "old", 1)
		if i%2 == 0 {
			v, err := a.Get(t.Context(), id, s.load(id), cache.InGroup("g"))
			want(t, v, err, "old")
		} else {
			_, _, lease := a.Claim(t.Context(), id, cache.InGroup("g"))
			ok, err := lease.Fill(t.Context(), "old", cache.Fill{})
			want(t, ok, err, true)
		}
		s.set(id, "new", 2)
		var err error
		if i%4 < 2 {
			_, err = b.Invalidate(t.Context(), id, 2)
		} else {
			_, err = eb.InvalidateGroup(t.Context(), "g")
		}
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the filler hears", func() bool {
			v, err := a.Get(t.Context(), id, s.load(id), cache.InGroup("g"))
			return err == nil && v == "new"
		})
	}
}

// A late caller must not share a load that began before its group was
// invalidated.
func TestLateCallersAfterAGroupsInvalidation(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	for name, o := range map[string]func(*cache.Options, *cache.LayerOptions[string]){
		"redis": func(*cache.Options, *cache.LayerOptions[string]) {},
		"memory": func(o *cache.Options, _ *cache.LayerOptions[string]) {
			o.Redis = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			eo := cache.Options{Redis: &cache.RedisOptions{URL: srv.URL()}, Prefix: name + "-"}
			o(&eo, nil)
			e := open(t, eo)
			l := layer(t, e, cache.LayerOptions[string]{LoadWait: 50 * time.Millisecond})
			g := cache.InGroup("g")
			began, release := make(chan struct{}), make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				_, _ = l.Get(t.Context(), "x", func(context.Context, *cache.Fill) (string, error) {
					close(began)
					<-release
					return "old", nil
				}, g)
			})
			<-began
			if _, err := e.InvalidateGroup(t.Context(), "g"); err != nil {
				t.Fatal(err)
			}
			v, err := l.Get(t.Context(), "x", func(context.Context, *cache.Fill) (string, error) { return "new", nil }, g)
			want(t, v, err, "new")
			close(release)
			wg.Wait()
			v, err = l.Get(t.Context(), "x", func(context.Context, *cache.Fill) (string, error) { return "new", nil }, g)
			want(t, v, err, "new")
		})
	}
}

func TestTenThousandCallersOneLoad(t *testing.T) {
	srv := redistest.Start(t)
	const nodes, callers = 4, 2500
	var loads atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range nodes {
		e := open(t, cache.Options{Redis: &cache.RedisOptions{URL: srv.URL()}, SoftTimeout: 5 * time.Second, HardTimeout: 5 * time.Second})
		l := layer(t, e, cache.LayerOptions[string]{LoadWait: time.Minute})
		for range callers {
			wg.Go(func() {
				<-start
				v, err := l.Get(context.Background(), "cold", func(context.Context, *cache.Fill) (string, error) {
					loads.Add(1)
					return "v", nil
				})
				if v != "v" || err != nil {
					t.Errorf("%q, %v", v, err)
				}
			})
		}
	}
	close(start)
	wg.Wait()
	if n := loads.Load(); n != 1 {
		t.Fatalf("%d loads", n)
	}
}

// The weight that entries are given is what they take: the heap stays within
// the budget and a tenth, whatever is put in.
func TestMemoryBudget(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory would be measured")
	}
	const budget = 64 << 20
	e := open(t, cache.Options{MemoryBytes: budget})
	l := layer(t, e, cache.LayerOptions[string]{Codec: cache.Text{}})
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const keys = 300_000
	for i := range keys {
		_, err := l.Get(t.Context(), fmt.Sprint("key-", i), func(context.Context, *cache.Fill) (string, error) {
			return fmt.Sprintf("value %d of some length, as short values have", i), nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "evictions are done", func() bool { return e.Stats().MemoryBytes <= budget*11/10 })
	used := heap() - before
	st := e.Stats()
	t.Logf("%d entries, weight %d, heap %d: %d per entry", st.MemoryItems, st.MemoryBytes, used, used/uint64(max(st.MemoryItems, 1)))
	if used > budget*11/10 {
		t.Fatalf("%d bytes used of a budget of %d", used, budget)
	}
}

// Invalidating a group doesn't depend on how many entries it has.
func TestLargeGroupsAreInvalidatedAtOnce(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	e, l := node(t, srv.URL(), func(o *cache.Options, _ *cache.LayerOptions[string]) { o.MemoryBytes = 256 << 20 })
	const entries = 20_000
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < entries; i += 64 {
				_, _ = l.Get(t.Context(), fmt.Sprint(i), func(context.Context, *cache.Fill) (string, error) { return "v", nil }, cache.InGroup("big"))
			}
		})
	}
	wg.Wait()
	if n := e.Stats().MemoryItems; n < entries {
		t.Fatalf("%d entries", n)
	}
	before, err := srv.Info("commandstats", "cmdstat_set")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.InvalidateGroup(t.Context(), "big"); err != nil {
		t.Fatal(err)
	}
	after, _ := srv.Info("commandstats", "cmdstat_set")
	if n := calls(after) - calls(before); n < 1 || n > 5 { // the node's own heartbeat may add some
		t.Fatalf("%d writes (%s, %s)", n, before, after)
	}
	if _, ok := l.Peek(t.Context(), "77", cache.InGroup("big")); ok {
		t.Fatal("still there")
	}
}

func calls(stat string) (n int) {
	_, _ = fmt.Sscanf(stat, "calls=%d", &n)
	return n
}
