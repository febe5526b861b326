package cache_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// A clean end is no loss of Redis, and is not reported as one.
func TestCloseIsNoOutage(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	var mu sync.Mutex
	var log bytes.Buffer
	var events []cache.Event
	e := open(t, cache.Options{
		Redis:  &cache.RedisOptions{URL: srv.URL()},
		Logger: slog.New(slog.NewTextHandler(locked{&mu, &log}, nil)),
		OnEvent: func(ev cache.Event) {
			mu.Lock()
			defer mu.Unlock()
			events = append(events, ev)
		},
	})
	if !e.Health(t.Context()).Connected {
		t.Fatal("not connected")
	}
	mu.Lock()
	events = nil
	mu.Unlock()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if strings.Contains(log.String(), "WARN") {
		t.Error(log.String())
	}
	for _, ev := range events {
		if ev.Kind == cache.EventBreaker || ev.Kind == cache.EventPush {
			t.Errorf("%+v", ev)
		}
	}
}

// locked lets several goroutines write.
type locked struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// Nobody waits for a refresh, so Close doesn't either.
func TestCloseEndsRefreshes(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{TTL: time.Millisecond, StaleFor: time.Hour, Jitter: -1})
	began := make(chan struct{})
	ended := make(chan error, 1)
	load := func(ctx context.Context, _ *cache.Fill) (string, error) {
		select {
		case <-began:
			return "again", nil
		default:
		}
		close(began)
		select {
		case <-ctx.Done():
			ended <- ctx.Err()
		case <-time.After(30 * time.Second):
			ended <- nil
		}
		return "", context.Cause(ctx)
	}
	if _, err := l.Get(t.Context(), "x", func(context.Context, *cache.Fill) (string, error) { return "v", nil }); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a refresh begins", func() bool {
		v, err := l.Get(t.Context(), "x", load)
		want(t, v, err, "v")
		select {
		case <-began:
			return true
		default:
			return false
		}
	})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal("the refresh went on:", err)
	}
}

// All who waited for a load have got something stale instead, and left: Close
// doesn't wait for it either.
func TestCloseEndsLoadsThatAllHaveLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleIfError: time.Hour, LoadSoftTimeout: time.Second, Jitter: -1})
		for _, id := range []string{"one", "many"} {
			v, err := l.Get(t.Context(), id, func(context.Context, *cache.Fill) (string, error) { return "old", nil })
			want(t, v, err, "old")
		}
		time.Sleep(2 * time.Minute)
		hangs := func(ctx context.Context) error {
			select {
			case <-ctx.Done():
			case <-time.After(time.Hour):
				t.Error("the load went on")
			}
			return context.Cause(ctx)
		}
		v, err := l.Get(t.Context(), "one", func(ctx context.Context, _ *cache.Fill) (string, error) { return "", hangs(ctx) })
		want(t, v, err, "old")
		values, err := l.GetMany(t.Context(), []string{"many"}, func(ctx context.Context, _ []string, _ map[string]*cache.Fill) (map[string]string, error) {
			return nil, hangs(ctx)
		})
		want(t, values["many"], err, "old")
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Who waits for other nodes to acknowledge an invalidation is told that the
// engine ends, and Close doesn't wait for them.
func TestCloseEndsTheWaitForOthers(t *testing.T) {
	t.Parallel()
	eventually(t, "the engine is closed during the wait", func() bool { // a busy machine may be late for it
		srv := redistest.Start(t)
		e, l := node(t, srv.URL(), soft, promising(cache.Acknowledged))
		var r cache.Receipt
		var failed error
		done := make(chan struct{})
		go func() {
			defer close(done)
			r, failed = l.Invalidate(t.Context(), "x", 0) // waits until the registry is as old as a lease
		}()
		eventually(t, "it was announced", func() bool {
			m, err := srv.Do("HGET", "{fleet}:nodes", "seq")
			return err == nil && !m.IsNil()
		})
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		<-done
		if failed == nil {
			return false
		}
		if !errors.Is(failed, cache.ErrClosed) || !r.Remote || r.Acknowledged >= r.Nodes {
			t.Fatalf("%+v, %v", r, failed)
		}
		return true
	})
}
