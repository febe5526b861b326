package cacheapi

import (
	"net/http"
	"time"

	"github.com/dejahq/deja/cache"
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
}

func requestsOf(e monitor.Endpoint) requests {
	return requests{
		TotalRequests: e.All.Count, CacheHits: e.Hits.Count, CacheMisses: e.Misses.Count, Uncached: e.Uncached.Count,
		AvgResponseTime: ms(e.All.Mean()), TotalResponseTime: ms(e.All.Sum),
		P50: ms(e.All.P50), P95: ms(e.All.P95), P99: ms(e.All.P99),
		AvgHitTime: ms(e.Hits.Mean()), AvgMissTime: ms(e.Misses.Mean()),
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

type layer struct {
	Name           string  `json:"name"`
	Hits           uint64  `json:"hits"`
	MemoryHits     uint64  `json:"memoryHits"`
	RedisHits      uint64  `json:"redisHits"`
	Shared         uint64  `json:"shared"`
	Misses         uint64  `json:"misses"`
	HitRate        float64 `json:"hitRate"`
	NegativeHits   uint64  `json:"negativeHits"`
	StaleHits      uint64  `json:"staleHits"`
	Loads          uint64  `json:"loads"`
	LoadErrors     uint64  `json:"loadErrors"`
	AvgLoadTime    float64 `json:"avgLoadTime"`
	Fills          uint64  `json:"fills"`
	FillsRefused   uint64  `json:"fillsRefused"`
	Invalidations  uint64  `json:"invalidations"`
	RedisErrors    uint64  `json:"redisErrors"`
	QueriesAvoided uint64  `json:"queriesAvoided"`
	QueriesPaid    uint64  `json:"queriesPaid"`
	MemoryItems    int64   `json:"memoryItems"`
	MemoryBytes    int64   `json:"memoryBytes"`
}

func layerOf(s cache.LayerStats) layer {
	hits := s.MemoryHits + s.RedisHits + s.Shared
	l := layer{
		Name: s.Name, Hits: hits, MemoryHits: s.MemoryHits, RedisHits: s.RedisHits, Shared: s.Shared,
		Misses: s.Misses, HitRate: rate(hits, hits+s.Misses), NegativeHits: s.NegativeHits, StaleHits: s.StaleHits,
		Loads: s.Loads, LoadErrors: s.LoadErrors, Fills: s.Fills, FillsRefused: s.FillsRefused,
		Invalidations: s.Invalidations, RedisErrors: s.RedisErrors,
		QueriesAvoided: s.CostAvoided, QueriesPaid: s.CostPaid, MemoryItems: s.MemoryItems, MemoryBytes: s.MemoryBytes,
	}
	if s.Loads > 0 {
		l.AvgLoadTime = ms(s.LoadTime / time.Duration(s.Loads))
	}
	return l
}

type savings struct {
	StoreQueries        int64   `json:"storeQueries"`
	StoreQueriesAvoided int64   `json:"storeQueriesAvoided"`
	QueryReduction      float64 `json:"queryReduction"`
	StoreWrites         int64   `json:"storeWrites"`
	ModelCalls          int64   `json:"modelCalls"`
	ModelCallsAvoided   int64   `json:"modelCallsAvoided"`
	Tokens              int64   `json:"tokens"`
	TokensAvoided       int64   `json:"tokensAvoided"`
}

// savingsOf adds what the engine's layers avoided to what the monitor saw.
func savingsOf(m monitor.Savings, layers []cache.LayerStats) savings {
	s := savings{
		StoreQueries: m.StoreReads, StoreQueriesAvoided: m.StoreQueriesAvoided, StoreWrites: m.StoreWrites,
		ModelCalls: m.ModelCalls, ModelCallsAvoided: m.ModelCallsAvoided,
		Tokens: m.Tokens.Total(), TokensAvoided: m.TokensAvoided.Total(),
	}
	for _, l := range layers {
		s.StoreQueriesAvoided += int64(l.CostAvoided)
	}
	s.QueryReduction = rate(uint64(s.StoreQueriesAvoided), uint64(s.StoreQueriesAvoided+s.StoreQueries))
	return s
}

// metrics answers GET /api/cache/metrics.
func (a *API) metrics(w http.ResponseWriter, r *http.Request) error {
	redis := a.layers.Engine().Health(r.Context())
	if err := r.Context().Err(); err != nil {
		return err
	}
	local, seen := a.layers.Engine().Stats(), a.monitor.Snapshot()
	m := metricsAnswer{
		Status: "success", Timestamp: stamp(a.now()),
		Cache: metricsBackend{
			backend: backend{Connected: redis.Connected, Provider: redis.Provider},
			Stats:   a.statsOf(redis, local),
		},
		Performance: make(map[string]endpoint, len(seen.Endpoints)),
		Summary: summary{
			requests: requestsOf(seen.Total), Since: stamp(seen.Since),
			TotalEndpoints: len(seen.Endpoints), OverallHitRate: round(seen.Total.HitRate()),
		},
		Layers:  make([]layer, 0, len(local.Layers)),
		Savings: savingsOf(seen.Savings, local.Layers),
	}
	for _, e := range seen.Endpoints {
		m.Performance[e.Label] = endpoint{requests: requestsOf(e), HitRate: round(e.HitRate())}
	}
	for _, l := range local.Layers {
		m.Layers = append(m.Layers, layerOf(l))
	}
	a.write(w, http.StatusOK, m)
	return nil
}
