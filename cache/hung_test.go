package cache_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// lost is far above what these tests wait for: the connection to a Redis that
// hangs isn't given up within them, so nothing but the soft timeout ends a wait.
const lost = 2 * time.Minute

func patient(soft time.Duration, promise cache.Promise) func(*cache.Options, *cache.LayerOptions[string]) {
	return func(o *cache.Options, lo *cache.LayerOptions[string]) {
		redis := *o.Redis
		redis.AnswerWithin = lost
		o.Redis, o.SoftTimeout, o.HardTimeout = &redis, soft, lost
		lo.LoadWait, lo.AwayTTL, lo.Promise = lost, lost, promise
	}
}

// beyond gives how much longer f takes than a timer of d that is set beside
// it: a machine that stands still holds up both.
func beyond(d time.Duration, f func()) time.Duration {
	began := time.Now()
	var alone time.Duration
	var timer sync.WaitGroup
	timer.Go(func() {
		<-time.After(d)
		alone = time.Since(began)
	})
	f()
	took := time.Since(began)
	timer.Wait()
	return took - alone
}

// Whatever is asked of a Redis that hangs, and however: nothing waits longer
// for it than the soft timeout. Nothing else ends a wait here.
func TestNoReadOfAHungRedisWaitsBeyondTheSoftTimeout(t *testing.T) {
	t.Parallel()
	const soft = 3 * time.Second
	srv := redistest.Start(t)
	_, l := node(t, srv.URL(), patient(soft, cache.Bounded))
	var s source
	s.set("x", "v", 1)
	v, err := l.Get(t.Context(), "warm", s.load("x"))
	want(t, v, err, "v")
	srv.Pause()
	defer srv.Resume()
	get := func(id string, opts ...cache.Option) func() {
		return func() {
			if v, err := l.Get(t.Context(), id, s.load("x"), opts...); v != "v" || err != nil {
				t.Errorf("%s: %q, %v", id, v, err)
			}
		}
	}
	var all sync.WaitGroup
	for name, read := range map[string]func(){
		"miss":         get("miss"),
		"refresh":      get("warm", cache.Refresh()),
		"groups":       get("groups", cache.InGroup("a", "b", "c")),
		"strict":       get("strict", cache.WithPromise(cache.Strict)),
		"acknowledged": get("acknowledged", cache.WithPromise(cache.Acknowledged)),
		"batch": func() {
			got, err := l.GetMany(t.Context(), []string{"1", "2", "3"}, func(_ context.Context, ids []string, _ map[string]*cache.Fill) (map[string]string, error) {
				all := make(map[string]string)
				for _, id := range ids {
					all[id] = id
				}
				return all, nil
			})
			if len(got) != 3 || err != nil {
				t.Errorf("%v, %v", got, err)
			}
		},
	} {
		all.Go(func() {
			if late := beyond(soft, read); late > soft {
				t.Errorf("%s: waited %v longer than the soft timeout", name, late)
			}
		})
	}
	all.Wait()
}

// More callers than a connection takes commands: none waits for room longer
// than the soft timeout either.
func TestFiveThousandCallersOfAHungRedis(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	e, l := node(t, srv.URL(), patient(time.Second, cache.Bounded))
	var s source
	s.set("x", "v", 1)
	v, err := l.Get(t.Context(), "x", s.load("x"))
	want(t, v, err, "v")
	srv.Pause()
	resume := sync.OnceFunc(srv.Resume)
	defer resume()
	began := time.Now()
	var wg sync.WaitGroup
	for i := range 5000 {
		wg.Go(func() {
			if v, err := l.Get(t.Context(), fmt.Sprint(i), s.load("x")); v != "v" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(began); took > lost/2 {
		t.Errorf("waited %v", took)
	}
	resume()
	eventually(t, "Redis is asked again", func() bool {
		en, err := l.Lookup(t.Context(), "x", s.load("x"), cache.MaxAge(0))
		return err == nil && en.Source == cache.FromLoad && e.Breaker() == "closed"
	})
}

// The generations of several groups that this node doesn't know yet are all
// asked for within one soft timeout.
func TestGroupsOfAHungRedis(t *testing.T) {
	t.Parallel()
	const soft = 3 * time.Second
	srv := redistest.Start(t)
	e, l := node(t, srv.URL(), patient(soft, cache.Bounded))
	var s source
	s.set("x", "v", 1)
	v, err := l.Get(t.Context(), "x", s.load("x"))
	want(t, v, err, "v")
	srv.Pause()
	resume := sync.OnceFunc(srv.Resume)
	defer resume()
	groups := cache.InGroup("a", "b", "c", "d", "e", "f", "g", "h")
	late := beyond(soft, func() { v, err = l.Get(t.Context(), "y", s.load("x"), groups) })
	want(t, v, err, "v")
	if late > soft {
		t.Errorf("waited %v longer than the soft timeout", late)
	}
	// What was loaded so is in memory, where an invalidation finds it.
	loads := s.loads.Load()
	v, err = l.Get(t.Context(), "y", s.load("x"), groups)
	want(t, v, err, "v")
	if s.loads.Load() != loads {
		t.Error("not in memory")
	}
	wait := make(chan struct{})
	go func() {
		defer close(wait)
		_, _ = e.InvalidateGroup(t.Context(), "h")
	}()
	eventually(t, "the invalidation counts on this node at once", func() bool {
		_, err := l.Get(t.Context(), "y", s.load("x"), groups)
		return err == nil && s.loads.Load() > loads
	})
	resume()
	<-wait
}

// A strict read asks a Redis that hangs once, and not again for the lease.
func TestStrictReadOfAHungRedis(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	e, l := node(t, srv.URL(), patient(time.Second, cache.Strict))
	var s source
	s.set("x", "v", 1)
	for range 2 {
		v, err := l.Get(t.Context(), "x", s.load("x"))
		want(t, v, err, "v")
	}
	if n := e.Stats().Layers[0].RedisErrors; n != 0 {
		t.Fatalf("%d errors before", n)
	}
	srv.Pause()
	defer srv.Resume()
	v, err := l.Get(t.Context(), "x", s.load("x"))
	want(t, v, err, "v")
	wantLoads(t, &s, 2)
	if n := e.Stats().Layers[0].RedisErrors; n != 1 {
		t.Errorf("asked %d times", n)
	}
}
