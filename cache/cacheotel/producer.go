package cacheotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/dejahq/deja/cache"
)

// Producer gives how long hits and loads of an engine take, as exponential
// histograms (scale 3), cumulative since the Producer was made. It is safe
// for concurrent use.
type Producer struct {
	engine *cache.Engine
	began  time.Time
}

var _ sdkmetric.Producer = (*Producer)(nil)

// NewProducer makes a producer of an engine.
func NewProducer(e *cache.Engine) *Producer { return &Producer{engine: e, began: time.Now()} }

// Produce implements metric.Producer of the SDK.
func (p *Producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	now := time.Now()
	var hits, loads []metricdata.ExponentialHistogramDataPoint[float64]
	for _, l := range p.engine.Stats().Layers {
		hits = append(hits, p.point(l.Name, l.HitTimes, now))
		loads = append(loads, p.point(l.Name, l.LoadTimes, now))
	}
	histogram := func(name, help string, points []metricdata.ExponentialHistogramDataPoint[float64]) metricdata.Metrics {
		return metricdata.Metrics{
			Name: "deja.cache." + name, Description: help, Unit: "s",
			Data: metricdata.ExponentialHistogram[float64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality},
		}
	}
	return []metricdata.ScopeMetrics{{
		Scope: instrumentation.Scope{Name: "github.com/dejahq/deja/cache/cacheotel"},
		Metrics: []metricdata.Metrics{
			histogram("hit.duration", "How long hits took to look up; of those in memory one in 256 is timed and counts for all.", hits),
			histogram("load.duration", "How long loads from the source took, failed ones included.", loads),
		},
	}}, nil
}

// point turns a layer's histogram into OpenTelemetry's form, whose buckets
// are numbered by their lower bounds, and ours by their upper ones.
func (p *Producer) point(layer string, h cache.Histogram, now time.Time) metricdata.ExponentialHistogramDataPoint[float64] {
	point := metricdata.ExponentialHistogramDataPoint[float64]{
		Attributes: attribute.NewSet(LayerKey.String(layer)),
		StartTime:  p.began, Time: now,
		Count: h.Count(), Sum: h.Sum.Seconds(),
		Scale: cache.HistogramSchema,
	}
	first := 0
	for first < len(h.Counts) && h.Counts[first] == 0 {
		first++
	}
	if first < len(h.Counts) {
		point.PositiveBucket = metricdata.ExponentialBucket{Offset: int32(cache.HistogramMin + first - 1), Counts: h.Counts[first:]}
	}
	return point
}
