package cacheapi

import (
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/monitor"
)

// What a connection that leaves the machine should have.
func TestAdviceOnConnections(t *testing.T) {
	t.Parallel()
	fine := cache.Health{Configured: true, Connected: true, Breaker: "closed", MaxMemory: 100, EvictionPolicy: "allkeys-lru", Auth: true, TLS: true}
	for name, test := range map[string]struct {
		change func(*cache.Health)
		want   string // code and severity
	}{
		"fine":                    {func(*cache.Health) {}, ""},
		"not encrypted":           {func(h *cache.Health) { h.TLS = false }, "no-tls warning"},
		"not encrypted, but here": {func(h *cache.Health) { h.TLS, h.Loopback = false, true }, ""},
		"no password":             {func(h *cache.Health) { h.Auth = false }, "no-auth warning"},
		"no password here":        {func(h *cache.Health) { h.Auth, h.Loopback = false, true }, "no-auth info"},
		"not trusted":             {func(h *cache.Health) { h.Breaker = "half-open" }, "redis-not-trusted warning"},
		"nearly full":             {func(h *cache.Health) { h.UsedMemory = 81 }, "memory-high warning"},
		"full":                    {func(h *cache.Health) { h.UsedMemory = 96 }, "memory-high critical"},
		"not nearly full":         {func(h *cache.Health) { h.UsedMemory = 80 }, ""},
	} {
		h := fine
		test.change(&h)
		var got string
		for _, a := range advise(&findings{redis: h}) {
			got += a.Code + " " + a.Severity
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// All model servers that are away are named, in the same order each time.
func TestAdviceOnModelServers(t *testing.T) {
	t.Parallel()
	breakers := map[string]string{"upstream:c": "open", "upstream:a": "open", "upstream:b": "closed", "upstream:d": "open", "upstream:e": "half-open"}
	for range 20 {
		got := advise(&findings{breakers: breakers})
		if len(got) != 2 || got[0].Code != "model-away" || !strings.HasSuffix(got[0].Message, " a, c, d.") {
			t.Fatalf("%+v", got)
		}
	}
}

func TestAdviceOnLifetimes(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		layer cache.LayerStats
		ttl   time.Duration
		keys  int64
		want  string
	}{
		// 10 keys that change 100 times in 10 hours: each once an hour.
		"lives as long as it should":        {cache.LayerStats{Invalidations: 100}, 5 * time.Hour, 10, ""},
		"lives long beyond its changes":     {cache.LayerStats{Invalidations: 100}, 11 * time.Hour, 10, "ttl-too-long"},
		"too few changes to tell":           {cache.LayerStats{Invalidations: 19}, 1000 * time.Hour, 1, ""},
		"keys are not known":                {cache.LayerStats{Invalidations: 100}, 1000 * time.Hour, 0, ""},
		"many keys that hardly change":      {cache.LayerStats{Invalidations: 100}, 1000 * time.Hour, 10_000_000, ""},
		"loaded again and again for naught": {cache.LayerStats{Loads: 600, Misses: 600, MemoryHits: 600, Invalidations: 10}, time.Minute, 100, "ttl-too-short"},
		"loaded again since it changed":     {cache.LayerStats{Loads: 600, Misses: 600, MemoryHits: 600, Invalidations: 300}, time.Minute, 100, ""},
		"loads that hardly matter":          {cache.LayerStats{Loads: 600, Misses: 600, MemoryHits: 60000, Invalidations: 10}, time.Minute, 100, ""},
		"watched for too short a time":      {cache.LayerStats{Loads: 600, Misses: 600, MemoryHits: 600}, 9 * time.Hour, 100, ""},
		"each key loaded once":              {cache.LayerStats{Loads: 600, Misses: 600, MemoryHits: 600}, time.Minute, 600, ""},
	} {
		test.layer.Name = "schema"
		var got string
		for _, a := range advise(&findings{
			redis:     cache.Health{Configured: true, Connected: true, Breaker: "closed", MaxMemory: 1, EvictionPolicy: "allkeys-lru", Auth: true, TLS: true},
			seen:      monitor.Snapshot{Since: start, At: start.Add(10 * time.Hour), Layers: []cache.LayerStats{test.layer}},
			lifetimes: map[string]time.Duration{"schema": test.ttl}, keys: map[string]int64{"schema": test.keys},
		}) {
			got += a.Code
			if a.Layer != "schema" {
				t.Errorf("%s: %+v", name, a)
			}
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
