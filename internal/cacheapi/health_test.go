package cacheapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/redistest"
)

func TestHealthWithoutRedis(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	n.read(t, n.assistants(t, 1)[0])
	status, body, header := n.do(t, http.MethodGet, "/api/cache/health", "", "")
	if status != 200 || header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, %v", status, header)
	}
	wantShape[client.Health](t, body)
	h, err := n.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if h.Status != client.StatusHealthy || h.Cache.Provider != "memory" || h.Cache.Connected || h.Stats.Connected {
		t.Errorf("%+v", h)
	}
	if h.Version != "v1.2.3" || h.Model != "deja-local" || h.Node != "node-1" || !h.Store.Connected || h.Store.Name != "sqlite" {
		t.Errorf("%+v", h)
	}
	if len(h.Notes) != 1 || time.Since(h.Timestamp).Abs() > time.Minute {
		t.Errorf("%+v", h)
	}
	// What a node without Redis has is in its memory.
	if s := h.Stats; s.TotalKeys != s.LocalItems || s.LocalItems == 0 || s.MemoryInfo == "" || s.MemoryInfo == "0B" || s.LocalLimit != 64<<20 {
		t.Errorf("%+v", s)
	}
}

func TestHealthWithRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	n := start(t, redis.URL())
	eventually(t, "a connection to Redis", func() bool {
		h, err := n.Health(t.Context())
		return err == nil && h.Status == client.StatusHealthy
	})
	_, body, _ := n.do(t, http.MethodGet, "/api/cache/health", "", "")
	wantShape[client.Health](t, body)
	h, err := n.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := h.Stats
	if !h.Cache.Connected || h.Cache.Provider != "memory+redis" || !s.Connected || s.RedisVersion == "" || s.Role != "master" || s.UsedMemory == 0 {
		t.Errorf("%+v", h)
	}
	if len(h.Notes) != 0 {
		t.Errorf("a healthy server has notes: %v", h.Notes)
	}

	redis.Kill()
	eventually(t, "the outage", func() bool {
		status, _, _ := n.do(t, http.MethodGet, "/api/cache/health", "", "")
		return status == http.StatusServiceUnavailable
	})
	h, err = n.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if h.Status != client.StatusUnhealthy || h.Cache.Connected || h.Stats.Connected || len(h.Notes) != 1 || h.Stats.LastError == "" {
		t.Errorf("%+v", h)
	}
	// It is still a server.
	n.read(t, n.assistants(t, 1)[0])
	if _, err := n.Metrics(t.Context()); err != nil {
		t.Error(err)
	}

	redis.Restart()
	eventually(t, "the recovery", func() bool {
		h, err := n.Health(t.Context())
		return err == nil && h.Status == client.StatusHealthy
	})
}

func TestHealthWithoutStore(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := n.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if h.Status != client.StatusUnhealthy || h.Store.Connected || len(h.Notes) != 2 {
		t.Errorf("%+v", h)
	}
}
