package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// What the source has no more is removed, all of it together; so is what can't
// be cached any more.
func TestGetManyRemoves(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL(), soft)
	_, b := node(t, srv.URL(), soft)
	there := func(ids []string) int64 {
		t.Helper()
		command := []string{"EXISTS"}
		for _, id := range ids {
			command = append(command, a.Key(id))
		}
		m, err := srv.Do(command...)
		n, err2 := m.AsInt64()
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		return n
	}
	for name, load := range map[string]cache.BatchLoader[string]{
		"absent": func(context.Context, []string, map[string]*cache.Fill) (map[string]string, error) { return nil, nil },
		"not to be stored": func(_ context.Context, ids []string, fills map[string]*cache.Fill) (map[string]string, error) {
			found := make(map[string]string)
			for _, id := range ids {
				found[id], fills[id].NoStore = "new", true
			}
			return found, nil
		},
		"refused": func(_ context.Context, ids []string, fills map[string]*cache.Fill) (map[string]string, error) {
			found := make(map[string]string)
			for _, id := range ids {
				found[id], fills[id].Version = "new", -1
			}
			return found, nil
		},
	} {
		ids := numbered(name, 300)
		var s tally
		for _, l := range []*cache.Layer[string]{a, b} {
			got, err := l.GetMany(t.Context(), ids, s.load)
			all(t, ids, got, err)
		}
		if n := there(ids); n != 300 {
			t.Fatalf("%s: %d are there", name, n)
		}
		if _, err := a.GetMany(t.Context(), ids, load, cache.Refresh()); err != nil {
			t.Fatal(name, err)
		}
		if n := there(ids); n != 0 {
			t.Errorf("%s: %d are still there", name, n)
		}
		eventually(t, "other nodes hear of it", func() bool {
			for _, id := range ids {
				if _, ok := b.Peek(t.Context(), id); ok {
					return false
				}
			}
			return true
		})
	}
}

func TestGetManyTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{
			TTL: time.Minute, Jitter: -1, StaleIfError: time.Hour, LoadTimeout: 10 * time.Second, LoadSoftTimeout: time.Second,
		})
		ids := numbered("", 50)
		// Nobody waits longer than LoadTimeout, whatever the loader does.
		stubborn := func(_ context.Context, ids []string, fills map[string]*cache.Fill) (map[string]string, error) {
			time.Sleep(time.Minute)
			found := make(map[string]string)
			for _, id := range ids {
				fills[id].Cost, found[id] = 1, "late"
			}
			return found, nil
		}
		began := time.Now()
		if got, err := l.GetMany(t.Context(), ids, stubborn); !errors.Is(err, context.DeadlineExceeded) || len(got) > 0 || time.Since(began) != 10*time.Second {
			t.Fatal(len(got), err, time.Since(began))
		}
		// With something stale, LoadSoftTimeout is the most.
		var s tally
		got, err := l.GetMany(t.Context(), ids, s.load)
		all(t, ids, got, err)
		time.Sleep(2 * time.Minute)
		began = time.Now()
		got, err = l.GetMany(t.Context(), ids, stubborn)
		all(t, ids, got, err)
		if took := time.Since(began); took != time.Second {
			t.Fatal(took)
		}
		_ = e.Close()
	})
}

// The leases of another node that come to nothing are taken over: what it was
// to load is loaded together.
func TestGetManyTakesOver(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL(), soft, func(o *cache.Options, _ *cache.LayerOptions[string]) { o.LeaseTTL = time.Hour })
	_, b := node(t, srv.URL(), soft, func(_ *cache.Options, o *cache.LayerOptions[string]) { o.LoadWait = time.Hour })
	ids := numbered("", 300)
	ctx, leave := context.WithCancel(t.Context())
	began, release, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ended := false
	go func() {
		defer close(left)
		_, _ = a.GetMany(ctx, ids, func(ctx context.Context, _ []string, _ map[string]*cache.Fill) (map[string]string, error) {
			close(began)
			<-release // and doesn't heed its context
			ended = ctx.Err() != nil
			return nil, ctx.Err()
		})
	}()
	<-began
	var calls atomic.Int64
	done := make(chan error, 1)
	go func() {
		got, err := b.GetMany(t.Context(), append([]string{"first"}, ids...), func(_ context.Context, ids []string, _ map[string]*cache.Fill) (map[string]string, error) {
			calls.Add(1)
			found := make(map[string]string)
			for _, id := range ids {
				found[id] = id
			}
			return found, nil
		})
		if err == nil && len(got) != 301 {
			err = fmt.Errorf("%d values", len(got))
		}
		done <- err
	}()
	eventually(t, "the other waits", func() bool { _, ok := b.Peek(t.Context(), "first"); return ok })
	leave() // the leases are given back, though the loader goes on
	<-left
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	close(release)
	_ = a.Engine().Close() // waits for it
	if !ended {
		t.Error("nobody waited, and the load was not told")
	}
	// One for what nobody had, and as many as there were times when leases came
	// free: batches, and not ids.
	t.Logf("%d loads", calls.Load())
	if n := calls.Load(); n > 50 {
		t.Error("ids are loaded one by one")
	}
}

// What another program has put under one of the keys costs its own load, once,
// and not those of the others.
func TestGetManyMakesRoom(t *testing.T) {
	t.Parallel()
	for _, promise := range []cache.Promise{cache.Bounded, cache.Strict} {
		t.Run(promise.String(), func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			_, l := node(t, srv.URL(), soft, promising(promise))
			ids := numbered("", 300)
			var first, again, none tally
			got, err := l.GetMany(t.Context(), ids, first.load)
			all(t, ids, got, err)
			do(t, srv, "DEL", "thing:3")
			do(t, srv, "RPUSH", "thing:3", "foreign")
			eventually(t, "this node knows", func() bool {
				got, err = l.GetMany(t.Context(), ids, again.load)
				all(t, ids, got, err)
				return again.calls.Load() > 0
			})
			again.want(t, 1, 1)
			got, err = l.GetMany(t.Context(), ids, none.load)
			all(t, ids, got, err)
			none.want(t, 0, 0)
		})
	}
}

// Generations outlive the entries that batches fill.
func TestGetManyProlongsGenerations(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, l := node(t, srv.URL(), soft, func(_ *cache.Options, o *cache.LayerOptions[string]) { o.TTL = 48 * time.Hour })
	ids := numbered("", 300)
	var s tally
	got, err := l.GetMany(t.Context(), ids, s.load, cache.InGroup("g"))
	all(t, ids, got, err)
	left := func(key string) int64 {
		m, err := srv.Do("PTTL", key)
		n, err2 := m.AsInt64()
		if err != nil || err2 != nil || n <= 0 {
			t.Fatal(key, n, err, err2)
		}
		return n
	}
	for _, id := range ids[:20] {
		if entry, generation := left(l.Key(id)), left("gen:g"); generation < entry {
			t.Fatalf("%s lasts %d ms, its generation %d ms", id, entry, generation)
		}
	}
}

// A read that didn't come within the soft timeout is followed by smaller ones:
// it may have been too large.
func TestGetManyReadsWhatComesInTime(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	reads := func() (n int) {
		t.Helper()
		text, err := srv.Info("commandstats", "cmdstat_mget")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(text, "calls=%d", &n); err != nil {
			t.Fatal(text, err)
		}
		return n
	}
	_, l := node(t, srv.URL(), patient(soonest, cache.Bounded))
	var s tally
	got, err := l.GetMany(t.Context(), numbered("a", 256), s.load)
	all(t, numbered("a", 256), got, err)
	before := reads()
	srv.Pause()
	resume := sync.OnceFunc(srv.Resume)
	defer resume()
	got, err = l.GetMany(t.Context(), numbered("b", 256), s.load)
	all(t, numbered("b", 256), got, err)
	resume()
	got, err = l.GetMany(t.Context(), numbered("c", 256), s.load)
	all(t, numbered("c", 256), got, err)
	if n := reads() - before; n != 3 {
		t.Errorf("%d reads, with the one that took too long", n)
	}
}
