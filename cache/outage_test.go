package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

func quick(o *cache.Options, _ *cache.LayerOptions[string]) {
	o.SoftTimeout, o.HardTimeout = 100*time.Millisecond, 500*time.Millisecond
}

func TestOpenWithoutRedis(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	srv.Kill()
	e := open(t, cache.Options{Redis: &cache.RedisOptions{URL: srv.URL()}, HardTimeout: 200 * time.Millisecond})
	l := layer(t, e, cache.LayerOptions[string]{AwayTTL: time.Hour})
	var s source
	s.set("x", "one", 1)
	for range 3 {
		v, err := l.Get(t.Context(), "x", s.load("x"))
		want(t, v, err, "one")
	}
	wantLoads(t, &s, 1)
	if h := e.Health(t.Context()); !h.Configured || h.Connected || h.Breaker == "closed" || h.LastError == "" {
		t.Fatalf("%+v", h)
	}
	srv.Restart()
	eventually(t, "redis is used", func() bool { return e.Health(t.Context()).Breaker == "closed" })
	en, err := l.Lookup(t.Context(), "x", s.load("x"))
	want(t, en.Source, err, cache.FromLoad) // what was loaded without Redis isn't trusted
	h := e.Health(t.Context())
	if !h.Connected || h.Version == "" || h.Role != "master" || h.Keys == 0 || h.UsedMemory == 0 || h.Epoch == "" || h.EvictionPolicy == "" {
		t.Fatalf("%+v", h)
	}
}

// While Redis hangs no Get waits longer than the soft timeout, and then for its
// own load. Soon none waits for Redis at all. Everything else that could end a
// wait is far above both.
func TestHungRedisCostsTheSoftTimeoutOnly(t *testing.T) {
	t.Parallel()
	const soft, loads = 2 * time.Second, 300 * time.Millisecond
	srv := redistest.Start(t)
	e, l := node(t, srv.URL(), patient(soft, cache.Bounded))
	var s source
	s.set("warm", "w", 1)
	_, _ = l.Get(t.Context(), "warm", s.load("warm"))
	srv.Pause()
	defer srv.Resume()
	var worst, sum time.Duration
	var wg sync.WaitGroup
	var mu sync.Mutex
	get := func(id string) {
		began := time.Now()
		v, err := l.Get(t.Context(), id, func(context.Context, *cache.Fill) (string, error) {
			<-time.After(loads)
			return id, nil
		})
		took := time.Since(began)
		if v != id || err != nil {
			t.Errorf("%q, %v", v, err)
		}
		mu.Lock()
		defer mu.Unlock()
		worst, sum = max(worst, took), sum+took
	}
	late := beyond(soft+loads, func() {
		for i := range 50 { // the breaker is closed yet, so all of them ask Redis
			wg.Go(func() { get(fmt.Sprint("first", i)) })
		}
		wg.Wait()
	})
	if worst < soft { // else nothing was hung
		t.Fatalf("nobody waited for Redis: %v", worst)
	}
	if late > soft {
		t.Fatalf("waited %v, with a soft timeout of %v and a load of %v", worst, soft, loads)
	}
	eventually(t, "the breaker opens", func() bool { return e.Breaker() != "closed" })
	worst, sum = 0, 0
	const rest = 10
	for i := range rest {
		get(fmt.Sprint("then", i))
	}
	if mean := sum / rest; mean > loads+soft*9/10 {
		t.Fatalf("still waiting for Redis: %v on average", mean)
	}
	if b := e.Breaker(); b == "closed" {
		t.Fatalf("the breaker is %s", b)
	}
	srv.Resume()
	eventually(t, "redis is used again", func() bool { return e.Health(t.Context()).Breaker == "closed" })
	en, err := l.Lookup(t.Context(), "warm", s.load("warm"))
	want(t, en.Source, err, cache.FromRedis)
}

func TestInvalidationsMissedByRedisAreReplayed(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	link := redistest.NewProxy(t, srv.Addr())
	ea, a := node(t, "redis://"+link.Addr(), quick) // this node will be cut off
	_, b := node(t, srv.URL(), quick)
	var s source
	read := func(l *cache.Layer[string], id string) string {
		v, err := l.Get(t.Context(), id, s.load(id), cache.InGroup("g-"+id))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, id := range []string{"key", "group"} {
		s.set(id, "old", 1)
		read(a, id)
		read(b, id)
	}
	link.Refuse()
	eventually(t, "the cut is noticed", func() bool { return ea.Health(t.Context()).Breaker != "closed" })
	s.set("key", "new", 2)
	s.set("group", "new", 2)
	if r, err := a.Invalidate(t.Context(), "key", 2); err != nil || r.Remote {
		t.Fatal(r, err)
	}
	if r, err := ea.InvalidateGroup(t.Context(), "g-group"); err != nil || r.Remote {
		t.Fatal(r, err)
	}
	for _, id := range []string{"key", "group"} {
		if v := read(a, id); v != "new" { // locally at once
			t.Fatalf("%s: %q on the node that invalidated", id, v)
		}
	}
	link.Heal()
	for _, id := range []string{"key", "group"} {
		eventually(t, "the other node hears of it", func() bool { return read(b, id) == "new" })
		if v := read(a, id); v != "new" {
			t.Fatalf("%s: %q after the return", id, v)
		}
	}
}

// Only a machine that is shown to have stood still meanwhile is an excuse.
func TestANodeThatIsCutOffForgetsWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*redistest.Proxy){
		"reset":     (*redistest.Proxy).Refuse,
		"half-open": (*redistest.Proxy).Blackhole,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			const bound, still = 2 * time.Second, 50 * time.Millisecond
			for try := range 6 {
				var stale time.Duration
				stood := redistest.Standstill(func() { stale = staleWhenCutOff(t, srv, fmt.Sprint("x", try), spoil) })
				t.Logf("stale for %v, stood still for %v", stale, stood)
				if stale <= bound {
					return
				}
				if stood < still {
					t.Fatal("stale for too long, and the machine did not stand still")
				}
			}
			t.Fatal("stale for too long, each time")
		})
	}
}

// staleWhenCutOff gives how long a node that is cut off serves what another
// one has invalidated.
func staleWhenCutOff(t *testing.T, srv *redistest.Server, id string, spoil func(*redistest.Proxy)) time.Duration {
	t.Helper()
	link := redistest.NewProxy(t, srv.Addr())
	ea, a := node(t, "redis://"+link.Addr(), quick, func(_ *cache.Options, o *cache.LayerOptions[string]) { o.AwayTTL = time.Millisecond })
	eb, b := node(t, srv.URL(), quick)
	defer func() { _, _ = ea.Close(), eb.Close() }()
	var s source
	s.set(id, "old", 1)
	for _, l := range []*cache.Layer[string]{a, b} {
		v, err := l.Get(t.Context(), id, s.load(id))
		want(t, v, err, "old")
	}
	spoil(link)
	s.set(id, "new", 2)
	if _, err := b.Invalidate(t.Context(), id, 2); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, "the node that was cut off has the new value", func() bool {
		v, err := a.Get(t.Context(), id, s.load(id))
		return err == nil && v == "new"
	})
	return time.Since(began)
}

func TestScriptsAreLoadedAgain(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, b := node(t, srv.URL())
	var s source
	for i := range 5 {
		if _, err := srv.Do("SCRIPT", "FLUSH"); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint("x", i)
		s.set(id, id, 1)
		v, err := a.Get(t.Context(), id, s.load(id))
		want(t, v, err, id)
		en, err := b.Lookup(t.Context(), id, s.load(id))
		want(t, en.Source, err, cache.FromRedis)
	}
}

func TestFlushAndEvictionReachMemory(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	var s source
	s.set("x", "one", 1)
	for _, command := range [][]string{{"FLUSHALL"}, {"DEL", "thing:x"}, {"DEL", "gen:@all"}} {
		v, err := a.Get(t.Context(), "x", s.load("x"))
		want(t, v, err, "one")
		before := s.loads.Load()
		if _, err := srv.Do(command...); err != nil {
			t.Fatal(err)
		}
		eventually(t, "memory hears of "+command[0], func() bool {
			v, err := a.Get(t.Context(), "x", s.load("x"))
			return err == nil && v == "one" && s.loads.Load() > before
		})
	}
}

func TestFullRedisCostsTimeOnly(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithMaxMemory("1mb", "noeviction"))
	e := open(t, cache.Options{Redis: &cache.RedisOptions{URL: srv.URL()}})
	l := layer(t, e, cache.LayerOptions[string]{})
	for i := range 20 {
		v, err := l.Get(t.Context(), fmt.Sprint(i), func(context.Context, *cache.Fill) (string, error) { return "v", nil })
		want(t, v, err, "v")
	}
}

func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	o := cache.Options{Redis: &cache.RedisOptions{URL: "redis://u:hunter2@127.0.0.1:1/0", Password: "hunter3"}}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("opening", "redis", *o.Redis, "options", o)
	inJSON, err := json.Marshal(map[string]any{"redis": o.Redis, "value": *o.Redis})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		fmt.Sprint(o.Redis), fmt.Sprint(o), fmt.Sprintf("%+v", *o.Redis), fmt.Sprintf("%#v", *o.Redis), log.String(), string(inJSON),
	} {
		if strings.Contains(s, "hunter") {
			t.Fatalf("%s", s)
		}
	}
	if s := o.Redis.String(); s != "redis://u:***@127.0.0.1:1/0" {
		t.Errorf("%s", s)
	}
	_, err = cache.Open(t.Context(), cache.Options{Redis: &cache.RedisOptions{URL: "redis://u:hunter2@host:port"}})
	if !errors.Is(err, cache.ErrOptions) || strings.Contains(err.Error(), "hunter") {
		t.Errorf("%v", err)
	}
}
