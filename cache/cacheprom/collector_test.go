package cacheprom_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/cacheprom"
	"github.com/dejahq/deja/internal/redistest"
)

func openLayer(t *testing.T, o cache.Options) (*cache.Engine, *cache.Layer[string]) {
	t.Helper()
	e, err := cache.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	l, err := cache.NewLayer(e, cache.LayerOptions[string]{Name: "thing", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return e, l
}

func load(context.Context, *cache.Fill) (string, error) { return "v", nil }

func scrape(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if rec.Code != 200 {
		t.Fatal(rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// otherType opens an engine whose values are not those in Redis, and looks at
// one.
func otherType(t *testing.T, o cache.Options) *cache.Engine {
	t.Helper()
	e, err := cache.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	l, err := cache.NewLayer(e, cache.LayerOptions[int]{Name: "thing", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if en, ok := l.Peek(t.Context(), "0"); ok {
		t.Fatalf("a text was read as the number %d", en.Value)
	}
	return e
}

func TestScrapeOfARealEngine(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithPassword("hunter2"), redistest.WithMaxMemory("100mb", "allkeys-lfu"))
	o := cache.Options{Redis: &cache.RedisOptions{URL: srv.URL()}, SoftTimeout: 5 * time.Second, HardTimeout: 5 * time.Second}
	ea, a := openLayer(t, o)
	eb, b := openLayer(t, o)
	for i := range 600 {
		for _, l := range []*cache.Layer[string]{a, b} {
			if v, err := l.Get(t.Context(), fmt.Sprint(i%3), load); v != "v" || err != nil {
				t.Fatal(v, err)
			}
		}
	}
	text := scrape(t, cacheprom.New(ea, cacheprom.Options{Timeout: time.Minute}))
	for _, line := range []string{
		`deja_cache_hits_total{layer="thing",source="memory"} 597`,
		`deja_cache_hits_total{layer="thing",source="shared"} 0`,
		`deja_cache_misses_total{layer="thing"} 3`,
		`deja_cache_loads_total{layer="thing"} 3`,
		`deja_cache_load_duration_seconds_count{layer="thing"} 3`,
		`deja_cache_load_duration_seconds_bucket{layer="thing",le="128"} 3`,
		`deja_cache_memory_items{layer="thing"} 3`,
		`deja_cache_memory_limit_bytes 6.7108864e+07`,
		`deja_cache_redis_up 1`,
		`deja_cache_breaker_state{state="closed"} 1`,
		`deja_cache_breaker_state{state="open"} 0`,
		`deja_cache_redis_memory_max_bytes 1.048576e+08`,
		`deja_cache_nodes{state="lost"} 0`,
		`auth="yes",eviction_policy="allkeys-lfu"`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s", line)
		}
	}
	if strings.Contains(text, "hunter2") {
		t.Error("a secret")
	}
	if text := scrape(t, cacheprom.New(eb, cacheprom.Options{})); !strings.Contains(text, `deja_cache_hits_total{layer="thing",source="redis"} 3`) {
		t.Error(text)
	}
	if text := scrape(t, cacheprom.New(otherType(t, o), cacheprom.Options{})); !strings.Contains(text, `deja_cache_decode_errors_total{layer="thing"} 1`) {
		t.Error(text)
	}
	if problems, err := promlint.New(strings.NewReader(text)).Lint(); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	srv.Kill()
	text = scrape(t, cacheprom.New(ea, cacheprom.Options{}))
	if !strings.Contains(text, "deja_cache_redis_up 0") || strings.Contains(text, "deja_cache_redis_latency_seconds ") {
		t.Errorf("Redis is away:\n%s", text)
	}
}

// The native form has every bucket, and its sums are the engine's.
func TestHistogramsInBothForms(t *testing.T) {
	t.Parallel()
	e, l := openLayer(t, cache.Options{})
	for i := range 50 {
		if _, err := l.Get(t.Context(), fmt.Sprint(i), load); err != nil {
			t.Fatal(err)
		}
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(cacheprom.New(e, cacheprom.Options{StatsOnly: true, ConstLabels: prometheus.Labels{"node": "n"}}))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var h *dto.Histogram
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "deja_cache_redis") && f.GetName() != "deja_cache_redis_errors_total" {
			t.Errorf("%s, without Redis", f.GetName())
		}
		if f.GetName() == "deja_cache_load_duration_seconds" {
			h = f.GetMetric()[0].GetHistogram()
		}
	}
	want := e.Stats().Layers[0].LoadTimes
	if h.GetSampleCount() != 50 || h.GetSampleSum() != want.Sum.Seconds() || h.GetSchema() != cache.HistogramSchema {
		t.Fatalf("%v, want %+v", h, want)
	}
	var native, at int64
	for _, d := range h.GetPositiveDelta() {
		at += d
		native += at
	}
	if native != 50 {
		t.Errorf("%d in the native buckets", native)
	}
	buckets := h.GetBucket()
	last := uint64(0)
	for _, b := range buckets {
		if b.GetCumulativeCount() < last {
			t.Errorf("bucket %v: %d after %d", b.GetUpperBound(), b.GetCumulativeCount(), last)
		}
		last = b.GetCumulativeCount()
	}
	if last != 50 || len(buckets) != 22 {
		t.Errorf("%d in %d classic buckets", last, len(buckets))
	}
}

func Example() {
	engine, err := cache.Open(context.Background(), cache.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Close()
	users, err := cache.NewLayer(engine, cache.LayerOptions[string]{Name: "user", TTL: time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		_, _ = users.Get(context.Background(), "42", func(context.Context, *cache.Fill) (string, error) { return "Ada", nil })
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(cacheprom.New(engine, cacheprom.Options{}))
	families, _ := registry.Gather() // in a server: promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	for _, f := range families {
		if f.GetName() == "deja_cache_misses_total" {
			m := f.GetMetric()[0]
			fmt.Println(m.GetLabel()[0].GetValue(), m.GetCounter().GetValue())
		}
	}
	// Output:
	// user 1
}
