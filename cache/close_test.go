package cache_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

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
