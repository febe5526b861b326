package client

import (
	"context"
	"net/http"
	"time"
)

// Metrics is what the server has counted since Summary.Since. Rates are 0 to
// 100, times in milliseconds.
type Metrics struct {
	Status      string                     `json:"status"`
	Timestamp   time.Time                  `json:"timestamp"`
	Cache       MetricsCache               `json:"cache"`
	Performance map[string]EndpointMetrics `json:"performance"` // by route pattern
	Summary     MetricsSummary             `json:"summary"`
	Layers      []LayerMetrics             `json:"layers"`
	Savings     Savings                    `json:"savings"`

	Ledger  Ledger                   `json:"ledger"`
	Scope   Scope                    `json:"scope"`          // whose counters these are
	Note    string                   `json:"note,omitempty"` // why they are not the fleet's, when that was asked for
	Nodes   []NodeMetrics            `json:"nodes"`
	Hot     Hot                      `json:"hot"`
	Windows map[string]WindowMetrics `json:"windows"` // "minute", "hour", "day" and "week"
}

// MetricsCache is the state of the cache's backend.
type MetricsCache struct {
	Connected bool       `json:"connected"`
	Provider  string     `json:"provider"`
	Stats     CacheStats `json:"stats"`
}

// EndpointMetrics describe the requests to one route.
type EndpointMetrics struct {
	TotalRequests     uint64  `json:"totalRequests"`
	CacheHits         uint64  `json:"cacheHits"`
	CacheMisses       uint64  `json:"cacheMisses"`
	Uncached          uint64  `json:"uncached"` // had nothing to do with the cache
	HitRate           float64 `json:"hitRate"`  // of hits and misses
	AvgResponseTime   float64 `json:"avgResponseTime"`
	TotalResponseTime float64 `json:"totalResponseTime"`
	P50               float64 `json:"p50"`
	P95               float64 `json:"p95"`
	P99               float64 `json:"p99"`
	AvgHitTime        float64 `json:"avgHitTime"`
	AvgMissTime       float64 `json:"avgMissTime"`
	ResponseMetrics
}

// MetricsSummary describes the requests to all routes.
type MetricsSummary struct {
	Since             time.Time `json:"since"`
	TotalEndpoints    int       `json:"totalEndpoints"`
	TotalRequests     uint64    `json:"totalRequests"`
	CacheHits         uint64    `json:"cacheHits"`
	CacheMisses       uint64    `json:"cacheMisses"`
	Uncached          uint64    `json:"uncached"`
	OverallHitRate    float64   `json:"overallHitRate"`
	AvgResponseTime   float64   `json:"avgResponseTime"`
	TotalResponseTime float64   `json:"totalResponseTime"`
	P50               float64   `json:"p50"`
	P95               float64   `json:"p95"`
	P99               float64   `json:"p99"`
	AvgHitTime        float64   `json:"avgHitTime"`
	AvgMissTime       float64   `json:"avgMissTime"`
	ResponseMetrics
}

// ResponseMetrics say what the requests to a route were given.
type ResponseMetrics struct {
	MemoryHits    int64 `json:"memoryHits"` // of the hits, as the next three
	RedisHits     int64 `json:"redisHits"`
	SimilarHits   int64 `json:"similarHits"`
	CoalescedHits int64 `json:"coalescedHits"`
	Stale         int64 `json:"stale"`  // past their lifetime
	Errors        int64 `json:"errors"` // status 500 and above
	Bytes         int64 `json:"bytes"`  // of the bodies
}

// LayerMetrics are the counters of one layer of the cache.
type LayerMetrics struct {
	Name           string  `json:"name"`
	Hits           uint64  `json:"hits"` // memory, Redis and shared together
	MemoryHits     uint64  `json:"memoryHits"`
	RedisHits      uint64  `json:"redisHits"`
	Shared         uint64  `json:"shared"` // waited for another caller's load
	Misses         uint64  `json:"misses"`
	HitRate        float64 `json:"hitRate"`
	NegativeHits   uint64  `json:"negativeHits"` // of the hits: known to be absent
	StaleHits      uint64  `json:"staleHits"`    // of the hits: older than the TTL
	Loads          uint64  `json:"loads"`
	LoadErrors     uint64  `json:"loadErrors"`
	AvgLoadTime    float64 `json:"avgLoadTime"`
	Fills          uint64  `json:"fills"`
	FillsRefused   uint64  `json:"fillsRefused"` // overtaken by an invalidation
	Invalidations  uint64  `json:"invalidations"`
	RedisErrors    uint64  `json:"redisErrors"`
	DecodeErrors   uint64  `json:"decodeErrors"` // entries in Redis that can't be read
	QueriesAvoided uint64  `json:"queriesAvoided"`
	QueriesPaid    uint64  `json:"queriesPaid"`
	MemoryItems    int64   `json:"memoryItems"`
	MemoryBytes    int64   `json:"memoryBytes"`
	HitP50         float64 `json:"hitP50"` // of look-ups that hit
	HitP95         float64 `json:"hitP95"`
	HitP99         float64 `json:"hitP99"`
	LoadP50        float64 `json:"loadP50"`
	LoadP95        float64 `json:"loadP95"`
	LoadP99        float64 `json:"loadP99"`
	Similar        uint64  `json:"similar"`   // answers to questions close enough
	Coalesced      uint64  `json:"coalesced"` // answers shared while they were made
	TimeSaved      float64 `json:"timeSavedMs"`
}

// Savings compare what was spent with what the cache saved.
type Savings struct {
	StoreQueries        int64   `json:"storeQueries"` // that read; those that the cache can save
	StoreQueriesAvoided int64   `json:"storeQueriesAvoided"`
	QueryReduction      float64 `json:"queryReduction"` // avoided of both, 0 to 100
	StoreWrites         int64   `json:"storeWrites"`
	ModelCalls          int64   `json:"modelCalls"`
	ModelCallsAvoided   int64   `json:"modelCallsAvoided"`
	Tokens              int64   `json:"tokens"`
	TokensAvoided       int64   `json:"tokensAvoided"`

	ModelCallsFailed int64    `json:"modelCallsFailed"` // that brought no answer
	Currency         string   `json:"currency"`         // of the amounts, such as "USD"
	MoneySpent       float64  `json:"moneySpent"`
	MoneySaved       float64  `json:"moneySaved"`
	TimeSpent        float64  `json:"timeSpentMs"`    // making answers
	TimeSaved        float64  `json:"timeSavedMs"`    // of those who did not wait for that
	UnpricedModels   []string `json:"unpricedModels"` // models that have no price: their money is missing
}

// Metrics gives what the server has counted.
func (c *Client) Metrics(ctx context.Context) (*Metrics, error) {
	m := new(Metrics)
	if _, err := c.call(ctx, request{method: http.MethodGet, path: metricsPath}, m); err != nil {
		return nil, err
	}
	return m, nil
}

const metricsPath = "/api/cache/metrics"

type metricsAction struct {
	Action       string   `json:"action"`
	AssistantIDs []string `json:"assistantIds,omitempty"`
}

// ResetMetrics makes the server count from zero.
func (c *Client) ResetMetrics(ctx context.Context) error {
	_, err := c.call(ctx, request{method: http.MethodPost, path: metricsPath, body: metricsAction{Action: "reset-metrics"}}, nil)
	return err
}
