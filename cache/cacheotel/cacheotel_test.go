package cacheotel_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/cacheotel"
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

// collect gives all metrics by name.
func collect(t *testing.T, e *cache.Engine) map[string]metricdata.Aggregation {
	t.Helper()
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(cacheotel.NewProducer(e)))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	if _, err := cacheotel.Register(provider.Meter("test"), e); err != nil {
		t.Fatal(err)
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]metricdata.Aggregation)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			byName[m.Name] = m.Data
		}
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	return byName
}

// value gives the number of a counter or gauge with an attribute's value.
func value(t *testing.T, data metricdata.Aggregation, attribute string) int64 {
	t.Helper()
	var points []metricdata.DataPoint[int64]
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		points = d.DataPoints
	case metricdata.Gauge[int64]:
		points = d.DataPoints
	}
	for _, p := range points {
		for _, kv := range p.Attributes.ToSlice() {
			if kv.Value.AsString() == attribute {
				return p.Value
			}
		}
		if attribute == "" {
			return p.Value
		}
	}
	t.Fatalf("nothing for %q in %+v", attribute, data)
	return 0
}

func TestMetricsOfARealEngine(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	o := cache.Options{Redis: &cache.RedisOptions{URL: srv.URL()}, SoftTimeout: 5 * time.Second, HardTimeout: 5 * time.Second}
	ea, a := openLayer(t, o)
	eb, b := openLayer(t, o)
	for i := range 600 {
		for _, l := range []*cache.Layer[string]{a, b} {
			v, err := l.Get(t.Context(), fmt.Sprint(i%3), func(context.Context, *cache.Fill) (string, error) { return "v", nil })
			if v != "v" || err != nil {
				t.Fatal(v, err)
			}
		}
	}
	m := collect(t, ea)
	for name, want := range map[string]int64{"misses": 3, "loads": 3, "fills": 3, "loads.failed": 0, "memory.items": 3} {
		if got := value(t, m["deja.cache."+name], "thing"); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	if n := value(t, m["deja.cache.hits"], "memory"); n != 597 {
		t.Errorf("%d hits in memory", n)
	}
	if value(t, m["deja.cache.redis.up"], "") != 1 || value(t, m["deja.cache.breaker.state"], "closed") != 1 || value(t, m["deja.cache.memory.limit"], "") != 64<<20 {
		t.Error("redis or the budget")
	}
	if n := value(t, collect(t, eb)["deja.cache.hits"], "redis"); n != 3 {
		t.Errorf("%d hits in Redis", n)
	}
	ec, err := cache.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ec.Close() }()
	c, err := cache.NewLayer(ec, cache.LayerOptions[int]{Name: "thing", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if en, ok := c.Peek(t.Context(), "0"); ok {
		t.Fatalf("a text was read as the number %d", en.Value)
	}
	if n := value(t, collect(t, ec)["deja.cache.decode.errors"], "thing"); n != 1 {
		t.Errorf("%d entries that can't be decoded", n)
	}

	h, ok := m["deja.cache.load.duration"].(metricdata.ExponentialHistogram[float64])
	if !ok || len(h.DataPoints) != 1 {
		t.Fatalf("loads: %+v", m["deja.cache.load.duration"])
	}
	p, want := h.DataPoints[0], ea.Stats().Layers[0].LoadTimes
	if p.Count != 3 || p.Sum != want.Sum.Seconds() || p.Scale != 3 {
		t.Errorf("%+v, want %+v", p, want)
	}
	// The mean lies between the bounds of the lowest and the highest bucket.
	base := math.Exp2(1.0 / 8)
	low := math.Pow(base, float64(p.PositiveBucket.Offset))
	high := math.Pow(base, float64(int(p.PositiveBucket.Offset)+len(p.PositiveBucket.Counts)))
	if mean := p.Sum / 3; mean < low || mean > high {
		t.Errorf("a mean of %v, in buckets from %v to %v", mean, low, high)
	}

	srv.Kill()
	m = collect(t, ea)
	if value(t, m["deja.cache.redis.up"], "") != 0 || value(t, m["deja.cache.misses"], "thing") != 3 {
		t.Error("while Redis is away")
	}
}

func Example() {
	ctx := context.Background()
	engine, err := cache.Open(ctx, cache.Options{})
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
	// In a server: a periodic reader with an exporter.
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(cacheotel.NewProducer(engine)))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	if _, err := cacheotel.Register(provider.Meter("cache"), engine); err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		_, _ = users.Get(ctx, "42", func(context.Context, *cache.Fill) (string, error) { return "Ada", nil })
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		fmt.Println(err)
		return
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == "deja.cache.misses" {
				sum, _ := m.Data.(metricdata.Sum[int64])
				fmt.Println(m.Name, sum.DataPoints[0].Value)
			}
		}
	}
	// Output:
	// deja.cache.misses 1
}
