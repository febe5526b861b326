package cacheapi

import (
	"context"
	"net/http"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/fleet"
	"github.com/dejahq/deja/internal/monitor"
)

type metricsAnswer struct {
	Status      string              `json:"status"` // "success"
	Timestamp   string              `json:"timestamp"`
	Cache       metricsBackend      `json:"cache"`
	Performance map[string]endpoint `json:"performance"`
	Summary     summary             `json:"summary"`
	Layers      []layer             `json:"layers"`
	Savings     savings             `json:"savings"`

	Scope   string            `json:"scope"`
	Note    string            `json:"note,omitempty"`
	Nodes   []nodeMetrics     `json:"nodes"`
	Ledger  ledger            `json:"ledger"`
	Hot     hot               `json:"hot"`
	Windows map[string]window `json:"windows"`
}

type metricsBackend struct {
	backend
	Stats stats `json:"stats"`
}

// requests are the figures of one endpoint, or of all.
type requests struct {
	TotalRequests     uint64  `json:"totalRequests"`
	CacheHits         uint64  `json:"cacheHits"`
	CacheMisses       uint64  `json:"cacheMisses"`
	Uncached          uint64  `json:"uncached"`
	AvgResponseTime   float64 `json:"avgResponseTime"`
	TotalResponseTime float64 `json:"totalResponseTime"`
	P50               float64 `json:"p50"`
	P95               float64 `json:"p95"`
	P99               float64 `json:"p99"`
	AvgHitTime        float64 `json:"avgHitTime"`
	AvgMissTime       float64 `json:"avgMissTime"`
	MemoryHits        int64   `json:"memoryHits"`
	RedisHits         int64   `json:"redisHits"`
	SimilarHits       int64   `json:"similarHits"`
	CoalescedHits     int64   `json:"coalescedHits"`
	Stale             int64   `json:"stale"`
	Errors            int64   `json:"errors"`
	Bytes             int64   `json:"bytes"`
}

func requestsOf(e monitor.Endpoint) requests {
	all, given := e.All(), e.Responses
	return requests{
		TotalRequests: all.Count, CacheHits: e.Hits.Count, CacheMisses: e.Misses.Count, Uncached: e.Uncached.Count,
		AvgResponseTime: ms(all.Mean()), TotalResponseTime: ms(all.Sum),
		P50: ms(all.Quantile(50)), P95: ms(all.Quantile(95)), P99: ms(all.Quantile(99)),
		AvgHitTime: ms(e.Hits.Mean()), AvgMissTime: ms(e.Misses.Mean()),
		MemoryHits: given.Memory, RedisHits: given.Redis, SimilarHits: given.Similar, CoalescedHits: given.Coalesced,
		Stale: given.Stale, Errors: given.Errors, Bytes: given.Bytes,
	}
}

type endpoint struct {
	requests
	HitRate float64 `json:"hitRate"`
}

type summary struct {
	requests
	Since          string  `json:"since"`
	TotalEndpoints int     `json:"totalEndpoints"`
	OverallHitRate float64 `json:"overallHitRate"`
}

// metrics answers GET /api/cache/metrics.
func (a *API) metrics(w http.ResponseWriter, r *http.Request) error {
	scope, err := scopeOf(r)
	if err != nil {
		return err
	}
	m, err := a.metricsNow(r.Context(), scope)
	if err != nil {
		return err
	}
	a.write(w, http.StatusOK, m)
	return nil
}

// metricsNow adds up what a scope has counted.
func (a *API) metricsNow(ctx context.Context, scope string) (metricsAnswer, error) {
	redis := a.layers.Engine().Health(ctx)
	if err := ctx.Err(); err != nil {
		return metricsAnswer{}, err
	}
	var engines []cache.Node
	if scope == scopeFleet {
		engines, _ = a.layers.Engine().Nodes(ctx) // what they are behind is not known without Redis
	}
	return a.metricsOf(redis, a.view(ctx, scope), scope, engines), nil
}

// metricsOf shows a snapshot of this node or of the fleet.
func (a *API) metricsOf(redis cache.Health, v fleet.View, scope string, engines []cache.Node) metricsAnswer {
	seen := v.Snapshot
	m := metricsAnswer{
		Status: "success", Timestamp: stamp(a.now()),
		Cache: metricsBackend{
			backend: backend{Connected: redis.Connected, Provider: redis.Provider},
			Stats:   a.statsOf(redis, a.layers.Engine().Stats()),
		},
		Performance: make(map[string]endpoint, len(seen.Endpoints)),
		Summary: summary{
			requests: requestsOf(seen.Total), Since: stamp(seen.Since),
			TotalEndpoints: len(seen.Endpoints), OverallHitRate: round(seen.Total.HitRate()),
		},
		Layers: make([]layer, 0, len(seen.Layers)), Savings: savingsOf(seen),
		Scope: scope, Note: v.Note, Nodes: nodesOf(v.Nodes, redis, engines), Ledger: ledgerOf(seen), Hot: hotOf(seen.Hot), Windows: windowsOf(seen, a.now()),
	}
	for _, e := range seen.Endpoints {
		m.Performance[e.Label] = endpoint{requests: requestsOf(e), HitRate: round(e.HitRate())}
	}
	for _, l := range seen.Layers {
		m.Layers = append(m.Layers, layerOf(l, seen.Answers))
	}
	return m
}
