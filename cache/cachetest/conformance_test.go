package cachetest_test

import (
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/cachetest"
	"github.com/dejahq/deja/internal/redistest"
)

func backend(redis *cache.RedisOptions) cachetest.Backend {
	return cachetest.Backend{
		Shared: redis != nil,
		Open: func(t *testing.T) *cache.Engine {
			e, err := cache.Open(t.Context(), cache.Options{Redis: redis, SoftTimeout: time.Second, HardTimeout: 5 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = e.Close() })
			return e
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		cachetest.Conformance(t, backend(nil))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		srv := redistest.Start(t)
		cachetest.Conformance(t, backend(&cache.RedisOptions{URL: srv.URL()}))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		cachetest.Conformance(t, backend(&cache.RedisOptions{Addrs: redistest.StartCluster(t).Addrs()}))
	})
	t.Run("sentinel", func(t *testing.T) {
		t.Parallel()
		s := redistest.StartSentinel(t)
		cachetest.Conformance(t, backend(&cache.RedisOptions{Addrs: s.Addrs(), Master: s.MasterName()}))
	})
}
