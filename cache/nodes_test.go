package cache_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// node opens an engine on the server at addr, with one layer of strings.
func node(t *testing.T, url string, o ...func(*cache.Options, *cache.LayerOptions[string])) (*cache.Engine, *cache.Layer[string]) {
	t.Helper()
	eo := cache.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Redis: &cache.RedisOptions{URL: url}, HardTimeout: 5 * time.Second, SoftTimeout: time.Second}
	lo := cache.LayerOptions[string]{}
	for _, f := range o {
		f(&eo, &lo)
	}
	e := open(t, eo)
	if h := e.Health(t.Context()); !h.Connected {
		t.Fatalf("not connected: %+v", h)
	}
	return e, layer(t, e, lo)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(30 * time.Second)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-late:
			t.Fatalf("never: %s", what)
		case <-again.C:
		}
	}
}

func TestNodesShareEntries(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, b := node(t, srv.URL())
	var s source
	s.set("x", "one", 1)
	en, err := a.Lookup(t.Context(), "x", s.load("x"), cache.InGroup("g"))
	want(t, en.Source, err, cache.FromLoad)
	en, err = b.Lookup(t.Context(), "x", s.load("x"), cache.InGroup("g"))
	want(t, en.Source, err, cache.FromRedis)
	if en.Value != "one" || en.Version != 1 || en.Cost != 3 {
		t.Fatalf("%+v", en)
	}
	en, err = b.Lookup(t.Context(), "x", s.load("x"), cache.InGroup("g"))
	want(t, en.Source, err, cache.FromMemory)
	wantLoads(t, &s, 1)

	// What operators see: the value's key, no lease left, everything expiring.
	m, err := srv.Do("GET", "thing:x")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := m.ToString(); !strings.HasSuffix(got, `"one"`) {
		t.Fatalf("stored %q", got)
	}
	m, err = srv.Do("KEYS", "*")
	keys, err2 := m.AsStrSlice()
	if err != nil || err2 != nil || len(keys) < 3 { // the entry and two generations at least
		t.Fatal(keys, err, err2)
	}
	for _, k := range keys {
		if strings.HasSuffix(k, ":lease") {
			t.Fatalf("left behind: %s", k)
		}
		m, err := srv.Do("PTTL", k)
		if n, _ := m.AsInt64(); err != nil || n <= 0 {
			t.Fatalf("%s has TTL %d, %v", k, n, err)
		}
	}
}

func TestInvalidationReachesOtherNodes(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	ea, a := node(t, srv.URL())
	_, b := node(t, srv.URL())
	var s source
	for i := range 50 {
		id := fmt.Sprint("x", i)
		s.set(id, "old", 1)
		for _, l := range []*cache.Layer[string]{a, b, a, b} {
			v, err := l.Get(t.Context(), id, s.load(id), cache.InGroup("g"))
			want(t, v, err, "old")
		}
		s.set(id, "new", 2)
		invalidate := func() (cache.Receipt, error) { return a.Invalidate(t.Context(), id, 2) }
		switch i % 3 {
		case 1:
			invalidate = func() (cache.Receipt, error) { return ea.InvalidateGroup(t.Context(), "g") }
		case 2:
			invalidate = func() (cache.Receipt, error) { return ea.Clear(t.Context()) }
		}
		if r, err := invalidate(); err != nil || !r.Remote {
			t.Fatal(r, err)
		}
		v, err := a.Get(t.Context(), id, s.load(id), cache.InGroup("g"))
		want(t, v, err, "new")
		eventually(t, "the other node has the new value", func() bool {
			v, err := b.Get(t.Context(), id, s.load(id), cache.InGroup("g"))
			return err == nil && v == "new"
		})
	}
}

// The fault of placeholders that are the same for every load of a process:
// two loads overlap, a delete comes between them, and the older one wins.
func TestOverlappingLoadsAcrossAnInvalidation(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL(), func(o *cache.Options, _ *cache.LayerOptions[string]) { o.LeaseTTL = time.Minute })
	_, b := node(t, srv.URL())
	var s source
	s.set("x", "old", 1)
	read, release := make(chan struct{}), make(chan struct{})
	first := make(chan string)
	go func() {
		v, _ := a.Get(t.Context(), "x", func(_ context.Context, f *cache.Fill) (string, error) {
			r, err := s.read("x")
			close(read)
			<-release
			return r.Value, err
		})
		first <- v
	}()
	<-read
	s.set("x", "new", 2)
	if r, err := b.Invalidate(t.Context(), "x", 0); err != nil || !r.Remote {
		t.Fatal(r, err)
	}
	// A second load of the same process as the first, while that still runs.
	invalidated := time.Now()
	eventually(t, "a late caller gets the new value", func() bool {
		// Whoever comes before the push joins the first load, and leaves it.
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		v, err := a.Get(ctx, "x", s.load("x"))
		return err == nil && v == "new"
	})
	// The loss of the lease is pushed. (Its renewal, after a third of a minute,
	// would notice too.)
	if took := time.Since(invalidated); took > 19*time.Second {
		t.Fatalf("late callers shared the old load for %v", took)
	}
	close(release)
	if v := <-first; v != "old" {
		t.Fatalf("the first got %q", v)
	}
	for _, l := range []*cache.Layer[string]{a, b} {
		v, err := l.Get(t.Context(), "x", s.load("x"))
		want(t, v, err, "new")
	}
}

// Same, the other way round: the older load ends while the newer one runs.
func TestOlderLoadEndsFirst(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, b := node(t, srv.URL())
	block := func(v string) (cache.Loader[string], chan struct{}, chan struct{}) {
		began, release := make(chan struct{}), make(chan struct{})
		return func(context.Context, *cache.Fill) (string, error) {
			close(began)
			<-release
			return v, nil
		}, began, release
	}
	old, oldBegan, oldRelease := block("old")
	fresh, freshBegan, freshRelease := block("new")
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = a.Get(t.Context(), "x", old) })
	<-oldBegan
	if _, err := b.Invalidate(t.Context(), "x", 0); err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		if v, err := b.Get(t.Context(), "x", fresh); v != "new" || err != nil {
			t.Errorf("%q, %v", v, err)
		}
	})
	<-freshBegan
	close(oldRelease)
	eventually(t, "the old fill is refused", func() bool {
		e := a.Engine().Stats().Layers[0]
		return e.FillsRefused == 1
	})
	if en, ok := b.Peek(t.Context(), "x"); ok {
		t.Fatalf("the old load was cached: %q", en.Value)
	}
	close(freshRelease)
	wg.Wait()
	v, err := a.Get(t.Context(), "x", nil)
	want(t, v, err, "new")
}

func TestOneLoadPerFleet(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	const nodes, callers = 4, 250
	var loads atomic.Int64
	release := make(chan struct{})
	var wg sync.WaitGroup
	for range nodes {
		_, l := node(t, srv.URL())
		for range callers {
			wg.Go(func() {
				v, err := l.Get(t.Context(), "cold", func(context.Context, *cache.Fill) (string, error) {
					loads.Add(1)
					<-release
					return "v", nil
				})
				if v != "v" || err != nil {
					t.Errorf("%q, %v", v, err)
				}
			})
		}
	}
	eventually(t, "a load", func() bool { return loads.Load() == 1 })
	time.AfterFunc(100*time.Millisecond, func() { close(release) })
	wg.Wait()
	if n := loads.Load(); n != 1 {
		t.Fatalf("%d loads", n)
	}
}

func TestReplaceAcrossNodes(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, b := node(t, srv.URL())
	var s source
	s.set("x", "1", 1)
	g := cache.InGroup("g")
	for _, l := range []*cache.Layer[string]{a, b} {
		v, err := l.Get(t.Context(), "x", s.load("x"), g)
		want(t, v, err, "1")
	}
	for v := int64(2); v < 30; v++ {
		from, other := a, b
		if v%2 == 0 {
			from, other = b, a
		}
		ok, _, err := from.Replace(t.Context(), "x", v-1, v, fmt.Sprint(v), g)
		want(t, ok, err, true)
		got, err := from.Get(t.Context(), "x", s.load("x"), g)
		want(t, got, err, fmt.Sprint(v))
		eventually(t, "the other node sees it", func() bool {
			got, err := other.Get(t.Context(), "x", s.load("x"), g)
			return err == nil && got == fmt.Sprint(v)
		})
	}
	wantLoads(t, &s, 1)
	// Another layer version, other groups, an older version: all invalidate.
	ok, _, err := a.Replace(t.Context(), "x", 27, 30, "30", g)
	want(t, ok, err, false)
	eventually(t, "the other node has it no more", func() bool {
		_, ok := b.Peek(t.Context(), "x", g)
		return !ok
	})
	s.set("x", "29", 29)
	_, _ = a.Get(t.Context(), "x", s.load("x"), g)
	if en, ok := b.Peek(t.Context(), "x", g); ok {
		t.Fatalf("filled under the floor: %+v", en)
	}
	s.set("x", "30", 30)
	v, err := a.Get(t.Context(), "x", s.load("x"), g)
	want(t, v, err, "30")
	ok, _, err = a.Replace(t.Context(), "x", 30, 31, "31", cache.InGroup("h"))
	want(t, ok, err, false)
}

func TestClaimsAcrossNodes(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, b := node(t, srv.URL())
	_, ok, lease := a.Claim(t.Context(), "x")
	if ok || !lease.Held() {
		t.Fatal("no claim")
	}
	if _, ok, other := b.Claim(t.Context(), "x"); ok || other.Held() {
		t.Fatal("two claims")
	}
	got := make(chan cache.Entry[string])
	go func() {
		en, _ := b.Lookup(t.Context(), "x", func(context.Context, *cache.Fill) (string, error) { return "loaded", nil })
		got <- en
	}()
	filled, err := lease.Fill(t.Context(), "streamed", cache.Fill{Cost: 9})
	want(t, filled, err, true)
	if en := <-got; en.Value != "streamed" || en.Cost != 9 {
		t.Fatalf("%+v", en)
	}
	// Invalidated on the other node while it is held.
	_, _, lease = a.Claim(t.Context(), "y")
	if _, err := b.Invalidate(t.Context(), "y", 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the claim is void", func() bool { return !lease.Held() })
	filled, err = lease.Fill(t.Context(), "old", cache.Fill{})
	want(t, filled, err, false)
	if _, ok := b.Peek(t.Context(), "y"); ok {
		t.Fatal("filled by a void claim")
	}
	// Released: the next one gets it.
	_, _, lease = a.Claim(t.Context(), "z")
	lease.Release(t.Context())
	_, _, lease = b.Claim(t.Context(), "z")
	if !lease.Held() {
		t.Fatal("not released")
	}
	lease.Release(t.Context())
}

func TestLeaseIsKeptAliveAndExpires(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, _, lease := a.Claim(t.Context(), "x")
	deadline := time.Now().Add(3500 * time.Millisecond) // past the lease's TTL
	eventually(t, "time passes", func() bool { return time.Now().After(deadline) })
	if !lease.Held() {
		t.Fatal("lost a lease that was kept alive")
	}
	if _, err := srv.Do("DEL", "{thing:x}:lease"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the holder hears of the loss", func() bool { return !lease.Held() })
	lease.Release(t.Context())
}

func TestForeignValuesAreMisses(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, old := node(t, srv.URL(), func(_ *cache.Options, o *cache.LayerOptions[string]) { o.Version = 9 })
	var s source
	for i, junk := range []string{"", "x", "DJ", strings.Repeat("DJ\x01", 30), "\x00\xff", `{"json":1}`} {
		id := fmt.Sprint("x", i)
		s.set(id, "good", 1)
		if _, err := srv.Do("SET", "thing:"+id, junk, "EX", "100"); err != nil {
			t.Fatal(err)
		}
		v, err := a.Get(t.Context(), id, s.load(id))
		want(t, v, err, "good")
		en, err := old.Lookup(t.Context(), id, s.load(id)) // written by another version of the layer
		want(t, en.Source, err, cache.FromLoad)
	}
	s.set("list", "good", 1)
	if _, err := srv.Do("RPUSH", "thing:list", "x"); err != nil {
		t.Fatal(err)
	}
	v, err := a.Get(t.Context(), "list", s.load("list"))
	want(t, v, err, "good")
}

func TestLostGenerationsNeverReviveEntries(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	eb, b := node(t, srv.URL())
	var s source
	s.set("x", "old", 1)
	g := cache.InGroup("g")
	v, err := a.Get(t.Context(), "x", s.load("x"), g)
	want(t, v, err, "old")
	if _, err := eb.InvalidateGroup(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	if _, err := srv.Do("DEL", "gen:g"); err != nil { // evicted, say
		t.Fatal(err)
	}
	s.set("x", "new", 2)
	v, err = b.Get(t.Context(), "x", s.load("x"), g)
	want(t, v, err, "new")
	eventually(t, "the first node too", func() bool {
		v, err := a.Get(t.Context(), "x", s.load("x"), g)
		return err == nil && v == "new"
	})
}
