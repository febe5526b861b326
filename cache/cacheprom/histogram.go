package cacheprom

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/dejahq/deja/cache"
)

// The classic buckets end at powers of two seconds, which are bounds of the
// engine's own buckets: nothing needs to be guessed.
const (
	fastest     = -23 // 119 ns
	fastestLoad = -14 // 61 us
	slowest     = 7   // 128 s
)

// histogram is a metric in both of Prometheus' forms.
type histogram struct {
	classic, native prometheus.Metric
}

// newHistogram makes a metric of h, with classic buckets from 2^from seconds.
func newHistogram(desc *prometheus.Desc, h cache.Histogram, from int, labels ...string) prometheus.Metric {
	count, sum := h.Count(), h.Sum.Seconds()
	exact := make(map[int]int64)
	bounds := make(map[float64]uint64)
	for i, n := range h.Buckets() {
		exact[i] = int64(n)
	}
	for exponent := from; exponent <= slowest; exponent++ {
		var below uint64
		for i, n := range h.Buckets() {
			if i <= exponent<<cache.HistogramSchema {
				below += n
			}
		}
		bounds[math.Ldexp(1, exponent)] = below
	}
	return histogram{
		classic: prometheus.MustNewConstHistogram(desc, count, sum, bounds, labels...),
		native: prometheus.MustNewConstNativeHistogram(desc, count, sum, exact, nil, 0, cache.HistogramSchema,
			prometheus.DefNativeHistogramZeroThreshold, time.Time{}, labels...),
	}
}

// Desc implements prometheus.Metric.
func (h histogram) Desc() *prometheus.Desc { return h.classic.Desc() }

// Write implements prometheus.Metric.
func (h histogram) Write(out *dto.Metric) error {
	var classic dto.Metric
	if err := h.classic.Write(&classic); err != nil {
		return err
	}
	if err := h.native.Write(out); err != nil {
		return err
	}
	out.Histogram.Bucket = classic.GetHistogram().GetBucket()
	return nil
}
