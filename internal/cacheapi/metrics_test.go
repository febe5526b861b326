package cacheapi_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/layers"
)

const assistantRoute = "GET /v1/assistants/{assistant_id}"

func TestMetrics(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	id := n.assistants(t, 1)[0]
	for range 4 {
		n.read(t, id)
	}
	_, body, _ := n.do(t, http.MethodGet, "/api/cache/metrics", "", "")
	wantShape[client.Metrics](t, body)

	m, err := n.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := m.Performance[assistantRoute]
	if p.TotalRequests != 4 || p.CacheHits != 3 || p.CacheMisses != 1 || p.Uncached != 0 || p.HitRate != 75 {
		t.Errorf("%+v", p)
	}
	if p.AvgResponseTime <= 0 || p.TotalResponseTime < 3*p.AvgResponseTime || p.P50 > p.P95 || p.P95 > p.P99 || p.P99 <= 0 || p.AvgHitTime <= 0 || p.AvgMissTime <= 0 {
		t.Errorf("%+v", p)
	}
	if p.MemoryHits != 3 || p.RedisHits != 0 || p.CoalescedHits != 0 || p.SimilarHits != 0 || p.Stale != 0 || p.Errors != 0 || p.Bytes == 0 {
		t.Errorf("%+v", p.ResponseMetrics)
	}
	// The requests for metrics are among the others, and no hits of anything.
	if q := m.Performance["GET /api/cache/metrics"]; q.TotalRequests != 1 || q.Uncached != 1 {
		t.Errorf("%+v", m.Performance)
	}
	s := m.Summary
	if s.TotalEndpoints != 2 || s.TotalRequests != 5 || s.CacheHits != 3 || s.CacheMisses != 1 || s.OverallHitRate != 75 || s.Since.IsZero() {
		t.Errorf("%+v", s)
	}
	l := layerNamed(t, m, layers.AssistantData)
	if l.Hits != 3 || l.MemoryHits != 3 || l.Misses != 1 || l.HitRate != 75 || l.Loads != 1 || l.QueriesAvoided != 3 || l.QueriesPaid != 1 {
		t.Errorf("%+v", l)
	}
	if len(m.Layers) != 4 {
		t.Errorf("%d layers", len(m.Layers))
	}
	// The store was asked once for the four reads: 75 % less than without a cache.
	if v := m.Savings; v.StoreQueries != 1 || v.StoreQueriesAvoided != 3 || v.QueryReduction != 75 || v.ModelCalls != 0 {
		t.Errorf("%+v", v)
	}
	if m.Status != "success" || m.Cache.Provider != "memory" || m.Cache.Stats.LocalItems == 0 {
		t.Errorf("%+v", m.Cache)
	}
}

func TestResetMetrics(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	id := n.assistants(t, 1)[0]
	n.read(t, id)
	n.read(t, id)
	if err := n.ResetMetrics(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := n.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Performance[assistantRoute]; ok || !cmp.Equal(m.Savings, client.Savings{Currency: "USD", UnpricedModels: []string{}}) {
		t.Errorf("after the reset: %+v, %+v", m.Performance, m.Savings)
	}
	if l := layerNamed(t, m, layers.AssistantData); l.Hits != 0 || l.Misses != 0 || l.QueriesAvoided != 0 {
		t.Errorf("after the reset: %+v", l)
	}
	// What is cached stays.
	n.read(t, id)
	if m, err = n.Metrics(t.Context()); err != nil || m.Performance[assistantRoute].CacheHits != 1 {
		t.Errorf("%+v, %v", m.Performance, err)
	}
}
