package cache_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// batches is a source that is asked for several ids at once.
type batches struct {
	mu    sync.Mutex
	calls [][]string
}

func (b *batches) load(_ context.Context, ids []string, fills map[string]*cache.Fill) (map[string]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids = slices.Sorted(slices.Values(ids))
	b.calls = append(b.calls, ids)
	found := make(map[string]string)
	for _, id := range ids {
		if id[0] != '-' {
			found[id] = "value of " + id
			fills[id].Cost = 2
		}
	}
	return found, nil
}

func TestGetMany(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	negative := func(_ *cache.Options, o *cache.LayerOptions[string]) { o.NegativeTTL = time.Minute }
	_, a := node(t, srv.URL(), negative)
	_, b := node(t, srv.URL(), negative)
	var s batches
	get := func(l *cache.Layer[string], ids ...string) {
		t.Helper()
		got, err := l.GetMany(t.Context(), ids, s.load, cache.InGroup("g"))
		if err != nil {
			t.Fatal(err)
		}
		want := make(map[string]string)
		for _, id := range ids {
			if id[0] != '-' {
				want[id] = "value of " + id
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	}
	get(a, "1", "2", "-3", "2")
	get(b, "1", "2", "-3", "4", "5")
	get(a, "1", "2", "-3", "4", "5")
	loaded := slices.Sorted(slices.Values(slices.Concat(s.calls...)))
	if d := cmp.Diff([]string{"-3", "1", "2", "4", "5"}, loaded); d != "" {
		t.Fatal("each id is loaded once:", d)
	}
	if len(s.calls) > 4 {
		t.Fatalf("batches: %q", s.calls)
	}
}

func TestGetManyErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var s batches
		if _, err := l.GetMany(t.Context(), []string{"1"}, s.load); err != nil {
			t.Fatal(err)
		}
		away := errors.New("away")
		got, err := l.GetMany(t.Context(), []string{"1", "2", "3"}, func(context.Context, []string, map[string]*cache.Fill) (map[string]string, error) {
			return map[string]string{"2": "two"}, away
		})
		if d := cmp.Diff([]string{"1", "2"}, slices.Sorted(maps.Keys(got))); d != "" || !errors.Is(err, away) {
			t.Fatal(d, err)
		}
		_, err = l.GetMany(t.Context(), []string{"4"}, func(context.Context, []string, map[string]*cache.Fill) (map[string]string, error) { panic("boom") })
		if _, ok := errors.AsType[*cache.PanicError](err); !ok {
			t.Fatal(err)
		}
		// One that is being loaded by someone else doesn't hold up the others.
		release := make(chan struct{})
		go func() {
			_, _ = l.Get(t.Context(), "slow", func(context.Context, *cache.Fill) (string, error) {
				<-release
				return "slow", nil
			})
		}()
		synctest.Wait()
		began := time.Now()
		done := make(chan map[string]string)
		go func() {
			got, _ := l.GetMany(t.Context(), []string{"slow", "5"}, s.load)
			done <- got
		}()
		time.Sleep(time.Second)
		if en, ok := l.Peek(t.Context(), "5"); !ok || en.Created.Sub(began) > 100*time.Millisecond {
			t.Fatalf("held up: %+v %v", en, ok)
		}
		close(release)
		if got := <-done; len(got) != 2 || got["slow"] != "slow" {
			t.Fatal(got)
		}
		// Everybody leaves: the batch's context ends.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ended := false
		_, err = l.GetMany(ctx, []string{"6", "7"}, func(ctx context.Context, _ []string, _ map[string]*cache.Fill) (map[string]string, error) {
			<-ctx.Done()
			ended = true
			return nil, ctx.Err()
		})
		synctest.Wait()
		if !ended || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(ended, err)
		}
		_ = e.Close()
	})
}

func TestFailedRefreshesArePutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleFor: time.Hour, Jitter: -1})
		var s source
		s.set("a", "one", 1)
		_, _ = l.Get(t.Context(), "a", s.load("a"))
		time.Sleep(2 * time.Minute)
		tries := 0
		for range 1000 {
			v, err := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) {
				tries++
				return "", errors.New("away")
			})
			want(t, v, err, "one")
			synctest.Wait()
			time.Sleep(10 * time.Millisecond)
		}
		if tries < 5 || tries > 12 { // 10 s
			t.Fatalf("%d tries", tries)
		}
		_ = e.Close()
	})
}

func TestLoadTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{LoadTimeout: time.Second})
		began := time.Now()
		_, err := l.Get(t.Context(), "a", func(ctx context.Context, _ *cache.Fill) (string, error) {
			<-ctx.Done()
			return "", fmt.Errorf("gave up: %w", ctx.Err())
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Fatal(err, time.Since(began))
		}
		_ = e.Close()
	})
}

func TestEarlyRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, Jitter: -1})
		loads := 0
		load := func(context.Context, *cache.Fill) (string, error) {
			loads++
			time.Sleep(time.Second)
			return fmt.Sprint(loads), nil
		}
		_, _ = l.Get(t.Context(), "a", load)
		waited := time.Duration(0)
		for range 10 * 60 * 100 { // ten minutes of traffic
			began := time.Now()
			_, _ = l.Get(t.Context(), "a", load)
			waited = max(waited, time.Since(began))
			time.Sleep(10 * time.Millisecond)
		}
		if waited > 0 || loads < 10 || loads > 14 {
			t.Fatalf("a hit waited %v; %d loads", waited, loads)
		}
		_ = e.Close()
	})
}

// A loader that ends its goroutine, as t.FailNow does, leaves nobody waiting.
func TestGetManyWhenTheLoaderExits(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	failed := make(chan error, 1)
	go func() {
		_, err := l.GetMany(t.Context(), []string{"a", "b", "c"}, func(context.Context, []string, map[string]*cache.Fill) (map[string]string, error) {
			runtime.Goexit()
			return nil, nil
		})
		failed <- err
	}()
	select {
	case err := <-failed:
		if err == nil || errors.Is(err, cache.ErrNotFound) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("still waiting")
	}
}
