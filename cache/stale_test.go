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

// downed counts its calls and fails.
type downed struct{ calls atomic.Int64 }

func (d *downed) load(context.Context, *cache.Fill) (string, error) {
	d.calls.Add(1)
	return "", errors.New("the source is down")
}

// StaleFor is for entries that are refreshed, StaleIfError for those that
// can't be: in the latter's time the source is asked first.
func TestStaleIfError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleFor: time.Minute, StaleIfError: time.Hour, Jitter: -1})
		var down downed
		get := func(value string, loads int64) {
			t.Helper()
			en, err := l.Lookup(t.Context(), "a", down.load)
			want(t, en.Value, err, value)
			if !en.Stale || en.Source != cache.FromMemory {
				t.Errorf("stale %t, from %s", en.Stale, en.Source)
			}
			synctest.Wait()
			if n := down.calls.Load(); n != loads {
				t.Fatalf("%d loads, want %d", n, loads)
			}
		}
		v, err := l.Get(t.Context(), "a", loads("one", cache.Fill{}))
		want(t, v, err, "one")
		time.Sleep(90 * time.Second)
		get("one", 1) // at once, refreshed behind it
		time.Sleep(time.Minute)
		get("one", 2)
		get("one", 2) // it was down a moment ago
		time.Sleep(2 * time.Second)
		get("one", 3)
		if _, err := l.Get(t.Context(), "a", down.load, cache.Refresh()); err == nil {
			t.Error("Refresh hid an error")
		}
		if _, err := l.Get(t.Context(), "a", down.load, cache.MaxAge(time.Minute)); err == nil {
			t.Error("older than MaxAge")
		}
		// The source is back: nobody is given the old value first.
		time.Sleep(2 * time.Second)
		v, err = l.Get(t.Context(), "a", loads("two", cache.Fill{}))
		want(t, v, err, "two")
		// An absence is not an error.
		time.Sleep(10 * time.Minute)
		if v, err = l.Get(t.Context(), "a", gone); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("%q, %v", v, err)
		}
		if v, err = l.Get(t.Context(), "a", down.load); err == nil {
			t.Errorf("%q after it was gone", v)
		}
		// Nor does it outlive an invalidation, or its time.
		v, err = l.Get(t.Context(), "a", loads("three", cache.Fill{}))
		want(t, v, err, "three")
		time.Sleep(62 * time.Minute)
		if v, err = l.Get(t.Context(), "a", down.load); err == nil {
			t.Errorf("%q after an hour", v)
		}
		v, err = l.Get(t.Context(), "a", loads("four", cache.Fill{}))
		want(t, v, err, "four")
		time.Sleep(10 * time.Minute)
		if _, err := l.Invalidate(t.Context(), "a", 0); err != nil {
			t.Fatal(err)
		}
		if v, err = l.Get(t.Context(), "a", down.load); err == nil {
			t.Errorf("%q after an invalidation", v)
		}
		_ = e.Close()
	})
}

// What another node left in Redis stands in as well, by the reader's own
// options.
func TestStaleIfErrorFromRedis(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	keeping := func(d time.Duration) func(*cache.Options, *cache.LayerOptions[string]) {
		return func(_ *cache.Options, o *cache.LayerOptions[string]) {
			o.TTL, o.StaleIfError, o.Jitter = 10*time.Millisecond, d, -1
		}
	}
	_, writer := member(t, srv.URL(), soft, keeping(time.Hour))
	_, patient := member(t, srv.URL(), soft, keeping(time.Hour))
	_, strict := member(t, srv.URL(), soft, keeping(time.Hour), promising(cache.Strict))
	_, late := member(t, srv.URL(), soft, keeping(time.Hour))
	_, impatient := member(t, srv.URL(), soft, keeping(0))
	v, err := writer.Get(t.Context(), "x", loads("old", cache.Fill{}))
	want(t, v, err, "old")
	eventually(t, "it is stale for all", func() bool {
		en, ok := writer.Peek(t.Context(), "x")
		return ok && time.Since(en.Expires) > 100*time.Millisecond
	})
	var down downed
	for _, l := range []*cache.Layer[string]{patient, strict} {
		en, err := l.Lookup(t.Context(), "x", down.load)
		want(t, en.Value, err, "old")
		if !en.Stale || en.Source != cache.FromRedis {
			t.Errorf("stale %t, from %s", en.Stale, en.Source)
		}
	}
	if v, err := impatient.Get(t.Context(), "x", down.load); err == nil {
		t.Errorf("%q, although stale ones are not wanted here", v)
	}
	// One who comes after an invalidation is not given what was before it.
	_, err = late.Get(t.Context(), "x", func(ctx context.Context, f *cache.Fill) (string, error) {
		if _, err := writer.Invalidate(ctx, "x", 0); err != nil {
			t.Error(err)
		}
		eventually(t, "the node has heard", func() bool {
			_, ok := late.Peek(ctx, "x")
			return !ok
		})
		return down.load(ctx, f)
	})
	if err == nil {
		t.Error("given although it was invalidated during the load")
	}
	if v, err := late.Get(t.Context(), "x", down.load); err == nil {
		t.Errorf("%q after an invalidation", v)
	}
}

// A source that is down is asked about once a second, also where each hit
// comes from Redis.
func TestASourceThatIsDownIsSpared(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, l := member(t, srv.URL(), soft, promising(cache.Strict), func(_ *cache.Options, o *cache.LayerOptions[string]) {
		o.TTL, o.StaleFor, o.Jitter = 10*time.Millisecond, time.Hour, -1
	})
	v, err := l.Get(t.Context(), "x", loads("v", cache.Fill{}))
	want(t, v, err, "v")
	eventually(t, "it is stale", func() bool {
		en, ok := l.Peek(t.Context(), "x")
		return ok && en.Stale
	})
	var down downed
	began := time.Now()
	for range 300 {
		en, err := l.Lookup(t.Context(), "x", down.load)
		want(t, en.Value, err, "v")
		if en.Source != cache.FromRedis {
			t.Fatalf("from %s", en.Source)
		}
		if n := down.calls.Load(); n == 0 {
			eventually(t, "a refresh", func() bool { return down.calls.Load() > 0 })
		}
	}
	if n, most := down.calls.Load(), 2+int64(time.Since(began)/time.Second); n > most {
		t.Errorf("%d loads for 300 hits, want %d at most", n, most)
	}
}

// A source that is back is asked again at once.
func TestALoadThatSucceedsEndsThePutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: 100 * time.Millisecond, StaleFor: time.Hour, Jitter: -1})
		var down downed
		v, err := l.Get(t.Context(), "a", loads("one", cache.Fill{}))
		want(t, v, err, "one")
		time.Sleep(200 * time.Millisecond)
		v, err = l.Get(t.Context(), "a", down.load)
		want(t, v, err, "one")
		synctest.Wait()
		v, err = l.Get(t.Context(), "a", loads("two", cache.Fill{}), cache.Refresh())
		want(t, v, err, "two")
		time.Sleep(200 * time.Millisecond)
		v, err = l.Get(t.Context(), "a", loads("three", cache.Fill{}))
		want(t, v, err, "two")
		synctest.Wait()
		v, err = l.Get(t.Context(), "a", down.load)
		want(t, v, err, "three")
		_ = e.Close()
	})
}

// Keys that share a slot don't spare each other's sources.
func TestPutOffsAreOfTheirKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleFor: time.Hour, Jitter: -1})
		const keys = 5000
		for i := range keys {
			_, _ = l.Get(t.Context(), fmt.Sprint(i), loads("v", cache.Fill{}))
		}
		time.Sleep(2 * time.Minute)
		var down downed
		for i := range keys {
			v, err := l.Get(t.Context(), fmt.Sprint(i), down.load)
			want(t, v, err, "v")
			synctest.Wait()
		}
		if n := down.calls.Load(); n != keys {
			t.Errorf("%d keys were refreshed, of %d", n, keys)
		}
		_ = e.Close()
	})
}

// A load that began before a group was invalidated, and fails after that, must
// not bring back what was in the group: not to who has waited for it since
// before, and not to who comes later.
func TestStaleDoesNotOutliveItsGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleIfError: time.Hour, Jitter: -1})
		g := cache.InGroup("g")
		v, err := l.Get(t.Context(), "a", loads("old", cache.Fill{}), g)
		want(t, v, err, "old")
		time.Sleep(2 * time.Minute)
		_, ok, lease := l.Claim(t.Context(), "a", g) // holds up the loads
		if ok || !lease.Held() {
			t.Fatal("not claimed")
		}
		var down downed
		var callers sync.WaitGroup
		get := func() {
			callers.Go(func() {
				if v, err := l.Get(t.Context(), "a", down.load, g); err == nil {
					t.Errorf("%q after its group was invalidated", v)
				}
			})
			synctest.Wait()
		}
		get()
		if _, err := e.InvalidateGroup(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		get()
		lease.Release(t.Context())
		callers.Wait()
		_ = e.Close()
	})
}

// What memory may not serve any more doesn't stand in either, although the load
// began while it might.
func TestStaleDoesNotOutliveMemoryTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleIfError: time.Hour, MemoryTTL: 3 * time.Minute, Jitter: -1})
		fails := func(after time.Duration) cache.Loader[string] {
			return func(context.Context, *cache.Fill) (string, error) {
				time.Sleep(after)
				return "", errors.New("the source is down")
			}
		}
		v, err := l.Get(t.Context(), "a", loads("old", cache.Fill{}))
		want(t, v, err, "old")
		time.Sleep(90 * time.Second)
		v, err = l.Get(t.Context(), "a", fails(time.Minute))
		want(t, v, err, "old")
		time.Sleep(10 * time.Second)
		if v, err = l.Get(t.Context(), "a", fails(time.Minute)); err == nil {
			t.Errorf("%q after MemoryTTL", v)
		}
		_ = e.Close()
	})
}

func TestLoadTimeouts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{
			TTL: time.Minute, StaleIfError: time.Hour, Jitter: -1,
			LoadSoftTimeout: time.Second, LoadTimeout: 10 * time.Second,
		})
		slow := func(d time.Duration, value string) cache.Loader[string] {
			return func(context.Context, *cache.Fill) (string, error) {
				time.Sleep(d) // and never looks at its context
				return value, nil
			}
		}
		get := func(load cache.Loader[string], after time.Duration, opts ...cache.Option) (cache.Entry[string], error) {
			t.Helper()
			began := time.Now()
			en, err := l.Lookup(t.Context(), "a", load, opts...)
			if took := time.Since(began); took != after {
				t.Errorf("answered after %v, want %v", took, after)
			}
			return en, err
		}
		// Nothing is there yet: the hard timeout alone. What comes late is lost.
		if _, err := get(slow(time.Minute, "late"), 10*time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if en, ok := l.Peek(t.Context(), "a"); ok {
			t.Fatalf("%q came late, and was kept", en.Value)
		}
		en, err := get(slow(5*time.Second, "one"), 5*time.Second)
		want(t, en.Value, err, "one")
		// With something to stand in, callers wait for the soft timeout, and
		// those who come after it not at all. The load goes on.
		time.Sleep(2 * time.Minute)
		en, err = get(slow(5*time.Second, "two"), time.Second)
		want(t, en.Value, err, "one")
		en, err = get(nil, 0)
		want(t, en.Value, err, "one")
		if !en.Stale {
			t.Error("not marked stale")
		}
		// Who insists on a new one waits for it.
		en, err = get(slow(5*time.Second, "three"), 4*time.Second, cache.MaxAge(time.Second))
		want(t, en.Value, err, "two")
		en, err = get(nil, 0)
		want(t, en.Value, err, "two")
		// In the end the load fails by its time: that is an error like others.
		time.Sleep(2 * time.Minute)
		en, err = get(slow(time.Minute, "late"), time.Second)
		want(t, en.Value, err, "two")
		time.Sleep(10 * time.Second)
		if _, err = get(slow(time.Minute, "late"), 10*time.Second, cache.Refresh()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if s := e.Stats().Layers[0]; s.LoadErrors != 3 || s.StaleHits != 3 {
			t.Errorf("%d failed loads, %d stale hits", s.LoadErrors, s.StaleHits)
		}
		// Close waits for the loaders that nobody waits for.
		began := time.Now()
		_ = e.Close()
		if took := time.Since(began); took != 50*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

// A loader under LoadTimeout is still one whose panic or exit is an error.
func TestLoadTimeoutKeepsPanics(t *testing.T) {
	t.Parallel()
	l := layer(t, open(t, cache.Options{}), cache.LayerOptions[string]{LoadTimeout: time.Hour})
	_, err := l.Get(t.Context(), "a", func(context.Context, *cache.Fill) (string, error) { panic("boom") })
	if p, ok := errors.AsType[*cache.PanicError](err); !ok || p.Value != "boom" || p.Of != "loader" {
		t.Error(err)
	}
}

// GetMany falls back for each id as Get does.
func TestGetManyFallsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{
			TTL: time.Minute, StaleIfError: time.Hour, Jitter: -1, LoadSoftTimeout: time.Second,
		})
		get := func(value string, took time.Duration, load cache.BatchLoader[string]) {
			t.Helper()
			began := time.Now()
			got, err := l.GetMany(t.Context(), []string{"a", "b"}, load)
			if err != nil || len(got) != 2 || got["a"] != value || got["b"] != value {
				t.Fatalf("%v, %v; want %s", got, err, value)
			}
			if d := time.Since(began); d != took {
				t.Errorf("after %v, want %v", d, took)
			}
		}
		bring := func(value string, after time.Duration) cache.BatchLoader[string] {
			return func(_ context.Context, ids []string, _ map[string]*cache.Fill) (map[string]string, error) {
				time.Sleep(after)
				values := make(map[string]string)
				for _, id := range ids {
					values[id] = value
				}
				return values, nil
			}
		}
		calls := 0
		fail := func(context.Context, []string, map[string]*cache.Fill) (map[string]string, error) {
			calls++
			return nil, errors.New("the source is down")
		}
		get("one", 0, bring("one", 0))
		time.Sleep(2 * time.Minute)
		get("one", 0, fail)
		get("one", 0, fail)
		if calls != 1 {
			t.Errorf("%d loads within a second, of a source that is down", calls)
		}
		time.Sleep(2 * time.Second)
		get("one", time.Second, bring("two", 5*time.Second))
		time.Sleep(10 * time.Second)
		get("two", 0, fail)
		_ = e.Close()
	})
}
