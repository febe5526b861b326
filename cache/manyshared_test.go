package cache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// soonest is a soft timeout that a test waits out.
const soonest = time.Second

// gated is a batch source that holds its loads until it is released.
type gated struct {
	tally
	began   chan []string
	release chan struct{}
	ended   atomic.Int64 // loads whose context ended
}

func newGated() *gated {
	return &gated{began: make(chan []string, 100), release: make(chan struct{})}
}

func (s *gated) load(ctx context.Context, ids []string, fills map[string]*cache.Fill) (map[string]string, error) {
	s.began <- ids
	select {
	case <-s.release:
	case <-ctx.Done():
		s.ended.Add(1)
		return nil, ctx.Err()
	}
	return s.tally.load(ctx, ids, fills)
}

// Who has joined the load of a batch goes on when its caller leaves, at once;
// and what was loaded is all filled.
func TestGetManyIsJoinedAndLeft(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, l := node(t, srv.URL(), soft)
	_, other := node(t, srv.URL(), soft)
	ids, s := numbered("", 600), newGated()
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := l.GetMany(ctx, ids, s.load)
		left <- err
	}()
	<-s.began
	var own, none tally
	joined := make(chan error, 2)
	join := func(l *cache.Layer[string], more string) {
		got, err := l.GetMany(t.Context(), []string{"3", "17", more}, own.load)
		if err == nil && (len(got) != 3 || got["3"] != "value of 3") {
			err = fmt.Errorf("%v", got)
		}
		joined <- err
	}
	go join(l, "mine")
	go join(other, "theirs")
	// By then they wait: the first in the process, the second for Redis.
	for _, id := range []string{"mine", "theirs"} {
		eventually(t, "what nobody loads is loaded meanwhile", func() bool { _, ok := l.Peek(t.Context(), id); return ok })
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(s.release)
	for range 2 {
		if err := <-joined; err != nil {
			t.Fatal(err)
		}
	}
	s.want(t, 1, 600)
	own.want(t, 2, 2)
	got, err := other.GetMany(t.Context(), ids, none.load)
	all(t, ids, got, err)
	none.want(t, 0, 0)
}

func TestGetManyInOneProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleFor: time.Hour, Jitter: -1})
		ids, s := numbered("", 100), newGated()
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := l.GetMany(ctx, slices.Concat(ids, ids), s.load); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			v, err := l.Get(t.Context(), "7", func(context.Context, *cache.Fill) (string, error) { return "again", nil })
			if v != "value of 7" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		if s.ended.Load() != 0 {
			t.Error("the load of somebody who waits was ended")
		}
		close(s.release)
		wg.Wait()
		s.want(t, 1, 100)

		// Stale ones are served, and refreshed by one load.
		time.Sleep(2 * time.Minute)
		got, err := l.GetMany(t.Context(), ids, s.load)
		all(t, ids, got, err)
		synctest.Wait()
		s.want(t, 2, 200)
		got, err = l.GetMany(t.Context(), ids, s.load)
		all(t, ids, got, err)
		s.want(t, 2, 200)

		// A source that fails costs nothing but the refresh.
		time.Sleep(2 * time.Minute)
		fails := 0
		broken := func(context.Context, []string, map[string]*cache.Fill) (map[string]string, error) {
			fails++
			panic("broken")
		}
		for range 3 {
			got, err = l.GetMany(t.Context(), ids[:1], broken)
			all(t, ids[:1], got, err)
			synctest.Wait()
		}
		if fails != 1 {
			t.Errorf("%d refreshes", fails)
		}

		// All who wait for a load that panics get its panic.
		hold := make(chan struct{})
		for range 2 {
			wg.Go(func() {
				_, err := l.GetMany(t.Context(), []string{"x", "y"}, func(context.Context, []string, map[string]*cache.Fill) (map[string]string, error) {
					<-hold
					panic("boom")
				})
				if p, ok := errors.AsType[*cache.PanicError](err); !ok || p.Value != "boom" {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(hold)
		wg.Wait()
		if n := e.Stats().Layers[0].LoadErrors; n != 2 {
			t.Errorf("%d failed loads", n)
		}
		_ = e.Close()
	})
}

// What is invalidated during the load of a batch is not kept, on any node; the
// rest is.
func TestGetManyAcrossInvalidations(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL(), soft, promising(cache.Acknowledged))
	_, b := node(t, srv.URL(), soft, promising(cache.Acknowledged))
	settled(t, []*cache.Layer[string]{a, b})
	ids, s := numbered("", 300), newGated()
	done := make(chan map[string]string, 1)
	go func() {
		got, _ := a.GetMany(t.Context(), ids, s.load)
		done <- got
	}()
	<-s.began
	for i, l := range []*cache.Layer[string]{a, b} {
		if r, err := l.Invalidate(t.Context(), ids[i], 0); err != nil || r.Acknowledged != r.Nodes {
			t.Fatal(r, err)
		}
	}
	// Who asks after the invalidation doesn't join the load from before it.
	v, err := a.Get(t.Context(), ids[1], func(context.Context, *cache.Fill) (string, error) { return "new", nil })
	want(t, v, err, "new")
	close(s.release)
	all(t, ids, <-done, nil) // it asked before
	for _, l := range []*cache.Layer[string]{a, b} {
		var again atomic.Int64
		got, err := l.GetMany(t.Context(), ids, func(_ context.Context, ids []string, _ map[string]*cache.Fill) (map[string]string, error) {
			again.Add(int64(len(ids)))
			return map[string]string{ids[0]: "new"}, nil
		})
		if err != nil || got[ids[0]] != "new" || got[ids[1]] != "new" || got[ids[2]] != "value of "+ids[2] || len(got) != len(ids) {
			t.Fatal(len(got), got[ids[0]], got[ids[1]], got[ids[2]], err)
		}
		if n := again.Load(); l == a && n != 1 || l == b && n != 0 {
			t.Errorf("%d loaded again", n)
		}
	}
	s.want(t, 1, 300)

	// The same of a group.
	held := newGated()
	go func() {
		got, _ := a.GetMany(t.Context(), ids, held.load, cache.InGroup("g"))
		done <- got
	}()
	<-held.began
	if r, err := b.Engine().InvalidateGroup(t.Context(), "g"); err != nil || r.Acknowledged != r.Nodes {
		t.Fatal(r, err)
	}
	close(held.release)
	all(t, ids, <-done, nil)
	var fresh tally
	for _, l := range []*cache.Layer[string]{a, b} {
		got, err := l.GetMany(t.Context(), ids, fresh.load, cache.InGroup("g"))
		all(t, ids, got, err)
	}
	fresh.want(t, 1, 300)
}

// The leases of a batch outlive their time for as long as the load takes, and
// are given back when it fails.
func TestGetManyKeepsItsLeases(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	brief := func(o *cache.Options, lo *cache.LayerOptions[string]) {
		o.LeaseTTL, lo.LoadWait = 3*time.Second, time.Hour
	}
	_, a := node(t, srv.URL(), soft, brief)
	_, b := node(t, srv.URL(), soft, brief)
	ids, s := numbered("", 300), newGated()
	first := make(chan error, 1)
	go func() {
		_, err := a.GetMany(t.Context(), ids, s.load)
		first <- err
	}()
	<-s.began
	// The leases are renewed: one has more time left than before.
	left := func() int64 {
		m, err := srv.Do("PTTL", "{thing:299}:lease")
		n, err2 := m.AsInt64()
		if err != nil || err2 != nil || n <= 0 {
			t.Fatal("the lease is gone", n, err, err2)
		}
		return n
	}
	for range 2 {
		was := left()
		eventually(t, "the lease is renewed", func() bool {
			now := left()
			more := now > was
			was = now
			return more
		})
	}
	// Another node waits for these and loads what is left.
	var own tally
	second := make(chan error, 1)
	go func() {
		got, err := b.GetMany(t.Context(), append([]string{"b"}, ids...), own.load)
		if err == nil && len(got) != 301 {
			err = fmt.Errorf("%d values", len(got))
		}
		second <- err
	}()
	eventually(t, "what is left is loaded", func() bool { _, ok := b.Peek(t.Context(), "b"); return ok })
	close(s.release)
	for _, done := range []chan error{first, second} {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	s.want(t, 1, 300)
	own.want(t, 1, 1)

	// A load that fails gives them back: others don't wait until they run out.
	_, patient := node(t, srv.URL(), soft, func(o *cache.Options, _ *cache.LayerOptions[string]) { o.LeaseTTL = time.Hour })
	away := errors.New("away")
	lost := numbered("lost", 300)
	if _, err := patient.GetMany(t.Context(), lost, func(context.Context, []string, map[string]*cache.Fill) (map[string]string, error) {
		return nil, away
	}); !errors.Is(err, away) {
		t.Fatal(err)
	}
	eventually(t, "none is left behind", func() bool {
		m, err := srv.Do("KEYS", "*lost*:lease")
		keys, err2 := m.AsStrSlice()
		return err == nil && err2 == nil && len(keys) == 0
	})
}
