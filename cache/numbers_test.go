package cache_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// Redis is given all the time that it, or this process, may need: whoever takes
// it for lost loads by itself, and that is not what is tested here.
func TestTenThousandCallersOneLoad(t *testing.T) {
	srv := redistest.Start(t)
	const nodes, callers = 4, 2500
	var loads atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range nodes {
		e, l := node(t, srv.URL(), patient(time.Minute, cache.Bounded), func(o *cache.Options, _ *cache.LayerOptions[string]) { o.LeaseTTL = time.Minute })
		eventually(t, "Redis is asked", func() bool { return e.Breaker() == "closed" })
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

// Invalidating a group costs one command, whether it has ten entries or a
// hundred thousand.
func TestLargeGroupsAreInvalidatedAtOnce(t *testing.T) {
	srv := redistest.Start(t)
	var upsets atomic.Int64
	e, l := node(t, srv.URL(), soft, func(o *cache.Options, _ *cache.LayerOptions[string]) {
		o.MemoryBytes = 256 << 20
		o.OnEvent = func(ev cache.Event) {
			if ev.Kind != cache.EventInvalidation {
				upsets.Add(1)
			}
		}
	})
	large := 100_000
	if raceEnabled {
		large = 2_000 // the rest of them takes too long to put in
	}
	for _, entries := range []int{10, large} { // the first runs load the scripts
		g := fmt.Sprint("group-of-", entries)
		// On a busy machine the node may take its Redis for lost, and begin
		// anew, of which it tells: then so does this, and only then.
		diff := "never tried"
		for try, upset := 0, true; try < 5 && upset && diff != ""; try++ {
			told := upsets.Load()
			fillGroup(t, l, g, entries)
			if n := e.Stats().MemoryItems; n < int64(entries) {
				diff, upset = fmt.Sprintf("%d entries", n), upsets.Load() > told
				continue
			}
			before := commandsOf(t, srv)
			r, err := e.InvalidateGroup(t.Context(), g)
			if err != nil {
				t.Fatal(r, err)
			}
			done := make(map[string]int)
			for name, n := range commandsOf(t, srv) {
				if n > before[name] && !heartbeat[name] {
					done[name] = n - before[name]
				}
			}
			diff, upset = cmp.Diff(map[string]int{"unlink": 1, "set": 1}, done), upsets.Load() > told
		}
		if diff != "" {
			t.Fatalf("commands to invalidate %d entries (-want +got):\n%s", entries, diff)
		}
		for _, id := range []int{0, entries / 2, entries - 1} {
			if _, ok := l.Peek(t.Context(), fmt.Sprint(g, id), cache.InGroup(g)); ok {
				t.Fatalf("entry %d is still there", id)
			}
		}
	}
}

// heartbeat is what a node that does nothing asks Redis, and what it says when
// it has just connected.
var heartbeat = map[string]bool{
	"eval": true, "subscribe": true, "client|tracking": true, "client|setinfo": true, "client|setname": true,
	"ping": true, "info": true, "evalsha": true, "time": true, "hsetnx": true, "hget": true, "hset": true, "hgetall": true,
	"hdel": true, "llen": true, "lrange": true, "pexpire": true, "client|list": true, "dbsize": true, "hello": true,
	"pfadd": true, "pfcount": true, "type": true,
}

func fillGroup(tb testing.TB, l *cache.Layer[string], group string, entries int) {
	tb.Helper()
	var wg sync.WaitGroup
	for w := range 256 {
		wg.Go(func() {
			for i := w; i < entries; i += 256 {
				_, err := l.Get(tb.Context(), fmt.Sprint(group, i), func(context.Context, *cache.Fill) (string, error) { return "v", nil }, cache.InGroup(group))
				if err != nil {
					tb.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// commandsOf counts what a server has been asked, by command.
func commandsOf(t *testing.T, srv *redistest.Server) map[string]int {
	t.Helper()
	m, err := srv.Do("INFO", "commandstats")
	if err != nil {
		t.Fatal(err)
	}
	info, err := m.ToString()
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for line := range strings.Lines(info) {
		if name, stat, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":"); ok {
			count[name] = calls(stat)
		}
	}
	return count
}

func calls(stat string) (n int) {
	_, _ = fmt.Sscanf(stat, "calls=%d", &n)
	return n
}
