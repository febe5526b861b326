package cacheapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/cacheapi"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/sqlite"
)

// pinged counts how often a store is asked whether it is there.
type pinged struct {
	deja.Store
	times atomic.Int64
}

func (p *pinged) Ping(ctx context.Context) error {
	p.times.Add(1)
	return p.Store.Ping(ctx)
}

// Anybody may ask whether a node is ready; the store is asked once a second all
// the same, and an asker who has left is no reason to be unready.
func TestReadyIsAskedOftenAndLooksSeldom(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	store := &pinged{Store: db}
	engine, err := cache.Open(t.Context(), cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	kinds, err := layers.New(engine, store, layers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var now atomic.Int64
	now.Store(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixNano())
	api, err := cacheapi.New(cacheapi.Options{
		Layers: kinds, Monitor: monitor.New(monitor.Options{}), Now: func() time.Time { return time.Unix(0, now.Load()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	api.Probes(mux)
	left, leave := context.WithCancel(t.Context())
	leave()
	for second := range int64(3) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				r := httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody)
				if i%2 == 0 {
					r = r.WithContext(left)
				}
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					t.Errorf("status %d: %s", w.Code, w.Body)
				}
			})
		}
		all.Wait()
		if got := store.times.Load(); got != second+1 {
			t.Errorf("in second %d the store was asked %d times in all", second+1, got)
		}
		now.Add(int64(time.Second))
	}
}
