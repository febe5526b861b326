package cache_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// numbered gives n ids.
func numbered(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = prefix + strconv.Itoa(i)
	}
	return ids
}

// tally is a batch source that only counts.
type tally struct {
	calls, ids atomic.Int64
}

func (s *tally) load(_ context.Context, ids []string, _ map[string]*cache.Fill) (map[string]string, error) {
	s.calls.Add(1)
	s.ids.Add(int64(len(ids)))
	found := make(map[string]string, len(ids))
	for _, id := range ids {
		found[id] = "value of " + id
	}
	return found, nil
}

func (s *tally) want(t *testing.T, calls, ids int64) {
	t.Helper()
	if c, n := s.calls.Load(), s.ids.Load(); c != calls || n != ids {
		t.Fatalf("%d loads of %d ids together, want %d of %d", c, n, calls, ids)
	}
}

// all expects the values of all ids.
func all(t *testing.T, ids []string, got map[string]string, err error) {
	t.Helper()
	if err != nil || len(got) != len(ids) {
		t.Fatalf("%d of %d values, %v", len(got), len(ids), err)
	}
	for _, id := range ids {
		if got[id] != "value of "+id {
			t.Fatalf("%s: %q", id, got[id])
		}
	}
}

// turns counts how often what goes over a connection changes from answers to
// questions: round trips, and the pings and renewals of the background.
type turns struct {
	net.Conn
	n     *atomic.Int64
	heard atomic.Bool
}

func (c *turns) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.heard.Store(true)
	}
	return n, err
}

func (c *turns) Write(b []byte) (int, error) {
	if c.heard.Swap(false) {
		c.n.Add(1)
	}
	return c.Conn.Write(b)
}

func turning(n *atomic.Int64) func(*cache.Options, *cache.LayerOptions[string]) {
	return func(o *cache.Options, _ *cache.LayerOptions[string]) {
		r := *o.Redis
		r.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			return &turns{Conn: conn, n: n}, err
		}
		o.Redis = &r
	}
}

// commandCalls gives how often a server was asked a command.
func commandCalls(t *testing.T, srv *redistest.Server, command string) int {
	t.Helper()
	line, err := srv.Info("commandstats", "cmdstat_"+command)
	if err != nil {
		return 0 // never
	}
	calls, _, _ := strings.Cut(strings.TrimPrefix(line, "calls="), ",")
	n, err := strconv.Atoi(calls)
	if err != nil {
		t.Fatal(line, err)
	}
	return n
}

// Many ids cost few commands and fewer round trips, and one load, however many
// they are.
func TestGetManyRoundTrips(t *testing.T) {
	t.Parallel()
	const most = 256 // ids in a batch
	srv := redistest.Start(t)
	var trips atomic.Int64
	// On a busy machine, ids may be held up for longer than leases last.
	lasting := func(o *cache.Options, _ *cache.LayerOptions[string]) { o.LeaseTTL = time.Minute }
	_, a := node(t, srv.URL(), soft, lasting, turning(&trips))
	_, b := node(t, srv.URL(), soft, lasting, turning(&trips))
	for _, n := range []int{10, 10_000} {
		ids := numbered(fmt.Sprint(n, "-"), n)
		batches := (n + most - 1) / most
		var s tally
		for i, l := range []*cache.Layer[string]{a, b} {
			reads, before := commandCalls(t, srv, "mget"), trips.Load()
			got, err := l.GetMany(t.Context(), ids, s.load)
			all(t, ids, got, err)
			took := int(trips.Load() - before)
			reads = commandCalls(t, srv, "mget") - reads
			t.Logf("node %d, %d ids: %d reads, %d round trips", i, n, reads, took)
			if reads != batches {
				t.Errorf("%d reads of %d ids, want %d", reads, n, batches)
			}
			// Reads, leases and fills; and what goes on in the background.
			if most := 3*batches + n/20 + 50; took > most {
				t.Errorf("%d round trips for %d ids, want no more than %d", took, n, most)
			}
		}
		s.want(t, 1, int64(n))
		if fills := a.Engine().Stats().Layers[0].Fills; fills < uint64(n) {
			t.Errorf("%d fills of %d", fills, n)
		}
		reads := commandCalls(t, srv, "mget")
		got, err := b.GetMany(t.Context(), ids[:10], s.load)
		all(t, ids[:10], got, err)
		if reads != commandCalls(t, srv, "mget") {
			t.Error("Redis was asked for what is in memory")
		}
	}
	if n := commandCalls(t, srv, "eval"); n > 20 {
		t.Errorf("the text of a script was sent %d times", n)
	}
	if _, err := srv.Do("SCRIPT", "FLUSH"); err != nil {
		t.Fatal(err)
	}
	ids := numbered("flushed", 300)
	var s tally
	for _, l := range []*cache.Layer[string]{a, b} {
		got, err := l.GetMany(t.Context(), ids, s.load)
		all(t, ids, got, err)
	}
	s.want(t, 1, 300)
}

// With the default options, 10,000 ids that a healthy Redis has don't look like
// a Redis that is slow. On a busy machine it may be: so not each time.
func TestGetManyKeepsTheBreakerShut(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, filler := node(t, srv.URL(), soft)
	ids := numbered("", 10_000)
	var s tally
	got, err := filler.GetMany(t.Context(), ids, s.load)
	all(t, ids, got, err)
	for range 10 {
		var opened atomic.Int64
		e := open(t, cache.Options{Redis: &cache.RedisOptions{URL: srv.URL()}, OnEvent: func(ev cache.Event) {
			if ev.Kind == cache.EventBreaker && ev.State == "open" {
				opened.Add(1)
			}
		}})
		l := layer(t, e, cache.LayerOptions[string]{})
		loads := s.calls.Load()
		got, err := l.GetMany(t.Context(), ids, s.load)
		all(t, ids, got, err)
		failed := e.Stats().Layers[0].RedisErrors
		if opened.Load() == 0 { // one late answer sends the rest to the source, and is no reason to open
			return
		}
		t.Logf("opened %d times, %d errors, %d loads", opened.Load(), failed, s.calls.Load()-loads)
	}
	t.Fatal("each time")
}

func TestGetManyOnACluster(t *testing.T) {
	t.Parallel()
	cl := redistest.StartCluster(t)
	r := cache.RedisOptions{Addrs: cl.Addrs()}
	var trips atomic.Int64
	_, a := node(t, "", on(r), soft, turning(&trips))
	_, b := node(t, "", on(r), soft, turning(&trips))
	ids := numbered("", 3000)
	var s tally
	for _, l := range []*cache.Layer[string]{a, b} {
		before := trips.Load()
		got, err := l.GetMany(t.Context(), ids, s.load, cache.InGroup("g"))
		all(t, ids, got, err)
		if took := trips.Load() - before; took > 600 { // 3,000 at least, were each asked for by itself
			t.Errorf("%d round trips", took)
		}
	}
	s.want(t, 1, 3000)
	if rec, err := a.Invalidate(t.Context(), "7", 0); err != nil || !rec.Remote {
		t.Fatal(rec, err)
	}
	got, err := a.GetMany(t.Context(), ids, s.load, cache.InGroup("g"))
	all(t, ids, got, err)
	s.want(t, 2, 3001)
	got, err = b.GetMany(t.Context(), ids, s.load, cache.InGroup("g"), cache.WithPromise(cache.Strict))
	all(t, ids, got, err)
	s.want(t, 2, 3001)
	if st := b.Engine().Stats().Layers[0]; st.MemoryHits < 2999 || st.RedisErrors > 0 {
		t.Errorf("%+v", st)
	}
}

// A Redis that hangs is asked for the first ids only, and costs one soft
// timeout, under each promise.
func TestGetManyOfAHungRedis(t *testing.T) {
	t.Parallel()
	for _, promise := range []cache.Promise{cache.Bounded, cache.Strict} {
		t.Run(promise.String(), func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			_, l := node(t, srv.URL(), patient(soonest, promise))
			var s tally
			ids := numbered("", 5000)
			got, err := l.GetMany(t.Context(), ids[:3], s.load)
			all(t, ids[:3], got, err)
			srv.Pause()
			resume := sync.OnceFunc(srv.Resume)
			defer resume()
			got, err = l.GetMany(t.Context(), ids, s.load)
			all(t, ids, got, err)
			if n := l.Engine().Stats().Layers[0].RedisErrors; n != 1 {
				t.Errorf("asked %d times", n)
			}
			// The same where the leases are what comes first.
			got, err = l.GetMany(t.Context(), ids, s.load, cache.Refresh())
			all(t, ids, got, err)
			if n := l.Engine().Stats().Layers[0].RedisErrors; n > 3 || promise == cache.Bounded && n != 2 {
				t.Errorf("asked %d times in all", n)
			}
			if s.calls.Load() != 3 {
				t.Errorf("%d loads", s.calls.Load())
			}
		})
	}
}

func TestGetManyWithoutALoader(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	ids := numbered("", 100)
	var s tally
	_, many := node(t, srv.URL(), soft, func(_ *cache.Options, o *cache.LayerOptions[string]) { o.LoadMany = s.load })
	got, err := many.GetMany(t.Context(), ids, nil)
	all(t, ids, got, err)
	s.want(t, 1, 100)
	v, err := many.Get(t.Context(), "alone", nil)
	want(t, v, err, "value of alone")
	s.want(t, 2, 101)

	var calls, atOnce, most atomic.Int64
	failure := errors.New("broken")
	each := layer(t, many.Engine(), cache.LayerOptions[string]{Name: "each", Load: func(_ context.Context, id string, _ *cache.Fill) (string, error) {
		calls.Add(1)
		now := atOnce.Add(1)
		defer atOnce.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		switch id {
		case "none":
			return "", cache.ErrNotFound
		case "broken":
			return "", failure
		}
		return "value of " + id, nil
	}})
	got, err = each.GetMany(t.Context(), append([]string{"none", "broken"}, ids...), nil)
	if !errors.Is(err, failure) {
		t.Fatal(err)
	}
	all(t, ids, got, nil)
	got, err = each.GetMany(t.Context(), ids, nil)
	all(t, ids, got, err)
	if calls.Load() != 102 || most.Load() > 32 {
		t.Errorf("%d loads, %d at once", calls.Load(), most.Load())
	}

	bare := layer(t, many.Engine(), cache.LayerOptions[string]{Name: "bare"})
	if _, err = bare.GetMany(t.Context(), ids, nil); !errors.Is(err, cache.ErrOptions) {
		t.Fatal(err)
	}
}
