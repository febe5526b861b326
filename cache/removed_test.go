package cache_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

func gone(context.Context, *cache.Fill) (string, error) { return "", cache.ErrNotFound }

// loads is a loader of a value, described by f.
func loads(value string, f cache.Fill) cache.Loader[string] {
	return func(_ context.Context, g *cache.Fill) (string, error) {
		*g = f
		return value, nil
	}
}

// What the source says is gone must not be served again, although the layer
// remembers no absences; nor what it has and wants nobody to keep.
func TestWhatTheSourceHasNoMoreIsRemoved(t *testing.T) {
	t.Parallel()
	for name, remote := range map[string]bool{"memory": false, "redis": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o cache.Options
			if remote {
				o.Redis = &cache.RedisOptions{URL: redistest.Start(t).URL()}
				soft(&o, nil)
			}
			e := open(t, o)
			joined(t, e)
			l := layer(t, e, cache.LayerOptions[string]{})
			for id, load := range map[string]cache.Loader[string]{
				"absent":     gone,
				"unstored":   loads("new", cache.Fill{NoStore: true}),
				"no time":    loads("new", cache.Fill{TTL: -time.Second}),
				"no version": loads("new", cache.Fill{Version: -1}),
			} {
				v, err := l.Get(t.Context(), id, loads("old", cache.Fill{}))
				want(t, v, err, "old")
				if v, err = l.Get(t.Context(), id, load, cache.Refresh()); err == nil && v != "new" || err != nil && !errors.Is(err, cache.ErrNotFound) {
					t.Errorf("%s: the refresh gave %q, %v", id, v, err)
				}
				if en, ok := l.Peek(t.Context(), id); ok {
					t.Errorf("%s: %q is still there", id, en.Value)
				}
				if _, err = l.Get(t.Context(), id, gone); !errors.Is(err, cache.ErrNotFound) {
					t.Errorf("%s: %v", id, err)
				}
			}
			_, _, lease := l.Claim(t.Context(), "claimed")
			if ok, err := lease.Fill(t.Context(), "old", cache.Fill{}); !ok || err != nil {
				t.Fatal(ok, err)
			}
			_, _, lease = l.Claim(t.Context(), "claimed", cache.Refresh())
			if ok, err := lease.Fill(t.Context(), "new", cache.Fill{NoStore: true}); ok || err != nil {
				t.Fatal(ok, err)
			}
			if en, ok := l.Peek(t.Context(), "claimed"); ok {
				t.Errorf("%q is still there", en.Value)
			}
		})
	}
}

// A refresh in the background finds it gone: once, not with each read.
func TestAStaleEntryIsRemovedWithItsSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleFor: time.Hour, Jitter: -1})
		v, err := l.Get(t.Context(), "a", loads("old", cache.Fill{}))
		want(t, v, err, "old")
		time.Sleep(2 * time.Minute)
		v, err = l.Get(t.Context(), "a", gone)
		want(t, v, err, "old") // this one began before anybody knew
		synctest.Wait()
		if v, err = l.Get(t.Context(), "a", gone); !errors.Is(err, cache.ErrNotFound) {
			t.Fatalf("%q, %v", v, err)
		}
		_ = e.Close()
	})
}

func TestOtherNodesHearOfARemoval(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := member(t, srv.URL(), soft)
	_, b := member(t, srv.URL(), soft)
	for _, l := range []*cache.Layer[string]{a, b, b} {
		v, err := l.Get(t.Context(), "x", loads("old", cache.Fill{}))
		want(t, v, err, "old")
	}
	if _, err := a.Get(t.Context(), "x", gone, cache.Refresh()); !errors.Is(err, cache.ErrNotFound) {
		t.Fatal(err)
	}
	m, err := srv.Do("EXISTS", "thing:x")
	if n, _ := m.AsInt64(); err != nil || n != 0 {
		t.Fatal("it is still in Redis:", err)
	}
	eventually(t, "the other node knows", func() bool {
		_, err := b.Get(t.Context(), "x", gone)
		return errors.Is(err, cache.ErrNotFound)
	})
}

// Who finds something gone, and has lost the lease meanwhile, must not remove
// what is newer.
func TestARemovalLeavesWhatIsNewer(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := member(t, srv.URL(), soft)
	_, b := member(t, srv.URL(), soft)
	v, err := a.Get(t.Context(), "x", loads("old", cache.Fill{}))
	want(t, v, err, "old")
	_, err = a.Get(t.Context(), "x", func(ctx context.Context, _ *cache.Fill) (string, error) {
		// It is gone here. Before that is known, it is made anew.
		if _, err := b.Invalidate(ctx, "x", 0); err != nil {
			t.Error(err)
		}
		if v, err := b.Get(ctx, "x", loads("new", cache.Fill{})); v != "new" || err != nil {
			t.Error(v, err)
		}
		return "", cache.ErrNotFound
	}, cache.Refresh())
	if !errors.Is(err, cache.ErrNotFound) {
		t.Fatal(err)
	}
	for _, l := range []*cache.Layer[string]{b, a} {
		v, err = l.Get(t.Context(), "x", gone)
		want(t, v, err, "new")
	}
}

// A value of a version that can't be is given to its caller, and to nobody
// else.
func TestANegativeVersionIsRefused(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	v, err := l.Get(t.Context(), "a", loads("v", cache.Fill{Version: -1}))
	want(t, v, err, "v")
	_, _, lease := l.Claim(t.Context(), "b")
	if ok, err := lease.Fill(t.Context(), "v", cache.Fill{Version: -1}); ok || err == nil {
		t.Error(ok, err)
	}
	if s := e.Stats().Layers[0]; s.FillsRefused != 2 || s.Fills != 0 {
		t.Errorf("%d fills, %d refused", s.Fills, s.FillsRefused)
	}
}
