package cache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja/cache"
)

func TestRefreshDoesNotJoinAnOlderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var loads atomic.Int64
		load := func(context.Context, *cache.Fill) (string, error) {
			n := loads.Add(1)
			time.Sleep(time.Second)
			return fmt.Sprint("v", n), nil
		}
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = l.Get(t.Context(), "a", load) })
		synctest.Wait()
		for range 10 {
			wg.Go(func() {
				if v, err := l.Get(t.Context(), "a", load, cache.Refresh()); v != "v2" || err != nil {
					t.Errorf("got %q, %v", v, err)
				}
			})
		}
		wg.Wait()
		if n := loads.Load(); n != 2 {
			t.Fatalf("%d loads", n)
		}
		_ = e.Close()
	})
}

func TestLeavingCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var cancelled atomic.Bool
		slow := func(ctx context.Context, _ *cache.Fill) (string, error) {
			select {
			case <-time.After(time.Minute):
				return "done", nil
			case <-ctx.Done():
				cancelled.Store(true)
				return "", ctx.Err()
			}
		}
		// One leaves, the other gets the value.
		leaving, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := l.Get(leaving, "a", slow); !errors.Is(err, context.Canceled) {
				t.Errorf("the one who left: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if v, err := l.Get(t.Context(), "a", slow); v != "done" || err != nil {
				t.Errorf("the one who stayed: %q, %v", v, err)
			}
		})
		synctest.Wait()
		leave()
		wg.Wait()
		if cancelled.Load() {
			t.Fatal("a load that someone waited for was cancelled")
		}
		// All leave: the load ends, and the next caller isn't hurt by it.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Get(ctx, "b", slow); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		v, err := l.Get(t.Context(), "b", func(context.Context, *cache.Fill) (string, error) { return "fresh", nil })
		want(t, v, err, "fresh")
		synctest.Wait()
		if !cancelled.Load() {
			t.Fatal("a load that nobody waits for goes on")
		}
		_ = e.Close()
	})
}

func TestPanickingLoaders(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	_, err := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) { panic("boom") })
	if p, ok := errors.AsType[*cache.PanicError](err); !ok || p.Value != "boom" || !strings.Contains(string(p.Stack), "TestPanickingLoaders") {
		t.Fatalf("err %v", err)
	}
	_, err = l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) { panic(cache.ErrClosed) })
	if !errors.Is(err, cache.ErrClosed) {
		t.Fatalf("err %v", err)
	}
	v, err := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) { return "well", nil })
	want(t, v, err, "well")
}

// Everybody who waits for a load that panics, or ends its goroutine, gets the
// error, of one load; and the next caller loads.
func TestAPanicReachesAllWaiters(t *testing.T) {
	t.Parallel()
	for name, crash := range map[string]func(){
		"panic": func() { panic("boom") },
		"exit":  runtime.Goexit,
	} {
		synctest.Test(t, func(t *testing.T) {
			e := open(t, cache.Options{})
			l := layer(t, e, cache.LayerOptions[string]{})
			const callers = 100
			var loads, failed, panics atomic.Int64
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					_, err := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) {
						loads.Add(1)
						time.Sleep(time.Second)
						crash()
						return "never", nil
					})
					if err != nil {
						failed.Add(1)
					}
					if _, ok := errors.AsType[*cache.PanicError](err); ok {
						panics.Add(1)
					}
				})
			}
			wg.Wait()
			if loads.Load() != 1 || failed.Load() != callers || name == "panic" && panics.Load() != callers {
				t.Errorf("%s: %d loads, %d errors, %d of a panic", name, loads.Load(), failed.Load(), panics.Load())
			}
			v, err := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) { return "well", nil })
			want(t, v, err, "well")
			_ = e.Close()
		})
	}
}

func TestStaleWhileRevalidateAndIfError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleFor: time.Hour, Jitter: -1})
		var s source
		s.set("a", "one", 1)
		v, err := l.Get(t.Context(), "a", s.load("a"))
		want(t, v, err, "one")
		time.Sleep(2 * time.Minute)
		s.set("a", "two", 2)
		en, err := l.Lookup(t.Context(), "a", s.load("a"))
		want(t, en.Value, err, "one")
		if !en.Stale {
			t.Fatal("not marked stale")
		}
		synctest.Wait()
		v, err = l.Get(t.Context(), "a", s.load("a"))
		want(t, v, err, "two")
		wantLoads(t, &s, 2)

		time.Sleep(2 * time.Minute)
		broken := func(context.Context, *cache.Fill) (string, error) { return "", errors.New("away") }
		for range 3 {
			en, err = l.Lookup(t.Context(), "a", broken)
			want(t, en.Value, err, "two")
			synctest.Wait()
		}
		// A caller that insists on a fresh one gets the error.
		if _, err = l.Get(t.Context(), "a", broken, cache.Refresh()); err == nil {
			t.Fatal("Refresh hid an error")
		}
		time.Sleep(2 * time.Hour)
		if _, err = l.Get(t.Context(), "a", broken); err == nil {
			t.Fatal("served beyond StaleFor")
		}
		_ = e.Close()
	})
}

func TestCloseWaitsForLoads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var ended atomic.Bool
		go func() {
			_, _ = l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) {
				time.Sleep(time.Second)
				ended.Store(true)
				return "", nil
			})
		}()
		synctest.Wait()
		if err := e.Close(); err != nil || !ended.Load() {
			t.Fatal("Close did not wait:", err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Get(t.Context(), "b", nil); !errors.Is(err, cache.ErrClosed) {
			t.Fatal(err)
		}
	})
}

func TestManyCallersShareOneLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var loads atomic.Int64
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				v, err := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) {
					time.Sleep(time.Second)
					return fmt.Sprint("v", loads.Add(1)), nil
				})
				if v != "v1" || err != nil {
					t.Errorf("got %q, %v", v, err)
				}
			})
		}
		wg.Wait()
		if n := loads.Load(); n != 1 {
			t.Fatalf("%d loads", n)
		}
		if st := e.Stats().Layers[0]; st.Shared != 999 || st.Misses != 1 {
			t.Fatalf("stats: %+v", st)
		}
		_ = e.Close()
	})
}

func TestInvalidateDuringLoadVoidsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		var s source
		s.set("a", "old", 1)
		release := make(chan struct{})
		first := make(chan string)
		go func() {
			v, _ := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) {
				r, _ := s.read("a")
				<-release
				return r.Value, nil
			})
			first <- v
		}()
		synctest.Wait()
		s.set("a", "new", 2)
		if _, err := l.Invalidate(t.Context(), "a", 0); err != nil {
			t.Fatal(err)
		}
		// A caller that comes after the invalidation must not join the old load.
		v, err := l.Get(t.Context(), "a", s.load("a"))
		want(t, v, err, "new")
		close(release)
		if v := <-first; v != "old" {
			t.Fatalf("the first caller got %q", v)
		}
		v, err = l.Get(t.Context(), "a", s.load("a"))
		want(t, v, err, "new")
		wantLoads(t, &s, 1)
		if st := e.Stats().Layers[0]; st.FillsRefused != 1 {
			t.Fatalf("stats: %+v", st)
		}
		_ = e.Close()
	})
}

func TestGroupInvalidatedDuringLoad(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	_, _ = l.Get(t.Context(), "a", func(ctx context.Context, _ *cache.Fill) (string, error) {
		_, err := e.InvalidateGroup(ctx, "g")
		return "old", err
	}, cache.InGroup("g"))
	if en, ok := l.Peek(t.Context(), "a", cache.InGroup("g")); ok {
		t.Fatalf("cached %q across an invalidation of its group", en.Value)
	}
}

// A caller that missed in memory just before the load of another ended must
// find what that brought, and not load again.
func TestNoSecondLoadByLatecomers(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	var loads atomic.Int64
	const keys, callers = 2000, 8
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range keys {
				_, err := l.Get(t.Context(), fmt.Sprint(i), func(context.Context, *cache.Fill) (string, error) {
					loads.Add(1)
					return "v", nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := loads.Load(); n != keys {
		t.Fatalf("%d loads of %d keys", n, keys)
	}
}

// A layer's own loader stands in for calls that have none, and spares a hit
// in memory the closure.
func TestTheLayersOwnLoader(t *testing.T) {
	var s source
	s.set("a", "one", 7)
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{Load: func(ctx context.Context, id string, f *cache.Fill) (string, error) {
		return s.load(id)(ctx, f)
	}})
	for range 3 {
		v, err := l.Get(t.Context(), "a", nil)
		want(t, v, err, "one")
	}
	en, err := l.Lookup(t.Context(), "a", nil)
	want(t, en.Value, err, "one")
	if en.Version != 7 || en.Source != cache.FromMemory {
		t.Errorf("%+v", en)
	}
	wantLoads(t, &s, 1)
	v, err := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) { return "two", nil }, cache.Refresh())
	want(t, v, err, "two")
	if _, err := l.Get(t.Context(), "none", nil); !errors.Is(err, cache.ErrNotFound) {
		t.Error(err)
	}
	if !raceEnabled {
		id := strings.Clone("a")
		if n := testing.AllocsPerRun(100, func() { _, _ = l.Get(t.Context(), id, nil, cache.InGroup()) }); n > 0 {
			t.Errorf("%v allocations for a hit in memory", n)
		}
	}
	other := layer(t, e, cache.LayerOptions[string]{Name: "other"})
	if _, err := other.Get(t.Context(), "x", nil); !errors.Is(err, cache.ErrOptions) {
		t.Error(err)
	}
}
