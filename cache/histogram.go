package cache

import (
	"iter"
	"math"
	"sync/atomic"
	"time"
)

// Histogram counts durations in buckets whose bounds grow by an eighth of a
// doubling each: bucket i ends at 2^(i/8) seconds. These are the buckets of
// Prometheus' native histograms of schema 3 and of OpenTelemetry's
// exponential histograms of scale 3, so both can show it without loss, and
// the histograms of several nodes can be added up. What is under 60 ns counts
// in the first bucket, what is over 68 minutes in the last.
//
// The zero value is empty. It marshals to JSON as it is.
type Histogram struct {
	// Counts has the count of bucket HistogramMin+i at i, up to the last one
	// that isn't zero.
	Counts []uint64      `json:"counts,omitempty"`
	Sum    time.Duration `json:"sum"` // of all durations
}

// The form of every Histogram.
const (
	HistogramSchema = 3                      // 2^HistogramSchema buckets per doubling
	HistogramMin    = -24 << HistogramSchema // the first bucket: up to 2^-24 s
	HistogramMax    = 12 << HistogramSchema  // the last one: up to 2^12 s
	histogramSize   = HistogramMax - HistogramMin + 1
	histogramStep   = 1.0 / (1 << HistogramSchema)
)

// BucketBound gives the upper bound of bucket i, which it includes.
func BucketBound(i int) time.Duration {
	return time.Duration(math.Exp2(float64(i)*histogramStep) * float64(time.Second))
}

// Count gives how many durations were counted.
func (h Histogram) Count() (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Mean gives the mean of the durations, 0 when there are none.
func (h Histogram) Mean() time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	return h.Sum / time.Duration(min(n, math.MaxInt64))
}

// Quantile gives the duration that a share q of the durations, from 0 to 1,
// don't exceed: within 5 % of the true one, and 0 when there are none.
func (h Histogram) Quantile(q float64) time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	rank := max(q, 0) * float64(n)
	below := 0.0
	last := 0
	for i, c := range h.Counts {
		if c == 0 {
			continue
		}
		last = i
		if below+float64(c) >= rank {
			break
		}
		below += float64(c)
	}
	// Within the bucket as if its logarithms were evenly spread.
	part := min(max((rank-below)/float64(h.Counts[last]), 0), 1)
	return time.Duration(math.Exp2((float64(HistogramMin+last-1)+part)*histogramStep) * float64(time.Second))
}

// Buckets gives the buckets that aren't empty, lowest first, by their index
// as BucketBound takes it.
func (h Histogram) Buckets() iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		for i, c := range h.Counts {
			if c > 0 && !yield(HistogramMin+i, c) {
				return
			}
		}
	}
}

// Merge adds another histogram, that of another node or layer, to this one.
// Counts beyond the last bucket, which only damaged data has, are ignored.
func (h *Histogram) Merge(o Histogram) {
	counts := o.Counts[:min(len(o.Counts), histogramSize)]
	sum := make([]uint64, max(len(h.Counts), len(counts))) // h may share its counts with others
	copy(sum, h.Counts)
	for i, c := range counts {
		sum[i] += c
	}
	h.Counts = sum
	h.Sum += o.Sum
}

// Since gives what was counted after o was taken of the same counters. What a
// reset in between took away counts as nothing.
func (h Histogram) Since(o Histogram) Histogram {
	d := Histogram{Counts: make([]uint64, len(h.Counts)), Sum: max(h.Sum-o.Sum, 0)}
	for i, c := range h.Counts {
		if i < len(o.Counts) {
			c -= min(c, o.Counts[i])
		}
		d.Counts[i] = c
	}
	return d
}

// histogram is a Histogram that counts. Recording takes two atomic additions.
type histogram struct {
	counts [histogramSize]atomic.Uint64
	sum    atomic.Int64
}

// eighths are the bounds of the buckets between a half and one.
//
//nolint:gochecknoglobals // a compiled table
var eighths = [1 << HistogramSchema]float64{
	0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048,
	0.7071067811865475, 0.7711054127039704, 0.8408964152537144, 0.9170040432046711,
}

// record counts a duration.
func (h *histogram) record(d time.Duration) { h.add(d, 1) }

// add counts a duration that stands for n.
func (h *histogram) add(d time.Duration, n uint64) {
	h.counts[bucketOf(d)-HistogramMin].Add(n)
	h.sum.Add(int64(d) * int64(n))
}

// bucketOf gives the bucket of a duration.
func bucketOf(d time.Duration) int {
	if d <= 0 {
		return HistogramMin
	}
	part, exponent := math.Frexp(d.Seconds())
	i := 0
	for i < len(eighths) && eighths[i] < part {
		i++
	}
	return min(max((exponent-1)<<HistogramSchema+i, HistogramMin), HistogramMax)
}

// snapshot copies the counts.
func (h *histogram) snapshot() Histogram {
	s := Histogram{Sum: time.Duration(h.sum.Load())}
	last := -1
	var counts [histogramSize]uint64
	for i := range counts {
		if counts[i] = h.counts[i].Load(); counts[i] > 0 {
			last = i
		}
	}
	if last >= 0 {
		s.Counts = append([]uint64(nil), counts[:last+1]...)
	}
	return s
}

func (h *histogram) reset() {
	for i := range h.counts {
		h.counts[i].Store(0)
	}
	h.sum.Store(0)
}
