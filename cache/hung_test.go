package cache_test

import (
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
	began := time.Now()
	v, err = l.Get(t.Context(), "y", s.load("x"), groups)
	want(t, v, err, "v")
	if took := time.Since(began); took > 4*soft {
		t.Errorf("waited %v", took)
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
