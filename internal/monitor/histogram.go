package monitor

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// The buckets are log-linear: each power of two of nanoseconds is cut into
// steps of equal width, so that a bucket is never wider than 1/steps of its
// lower bound (the layout of HdrHistogram, with a fixed range). Reading a
// percentile from a bucket's middle is then off by 3.2 % at most.
const (
	stepBits = 4
	steps    = 1 << stepBits
	minBits  = 10                 // times below 2^10 ns share linear steps
	maxBits  = 42                 // times from 2^42 ns (73 minutes) on share the last bucket
	shift    = minBits - stepBits // width of a linear step, as a power of two
	buckets  = steps * (maxBits - minBits + 1)
)

// histogram counts durations. The number of recordings is the sum of the
// buckets: there is no counter beside them that could disagree.
type histogram struct {
	sum   atomic.Int64 // ns
	count [buckets]atomic.Uint64
}

func (h *histogram) record(d time.Duration) {
	d = max(d, 0)
	h.sum.Add(int64(d))
	h.count[bucketOf(d)].Add(1)
}

// bucketOf gives the bucket of a duration that is not negative.
func bucketOf(d time.Duration) int {
	n := bits.Len64(uint64(d)) // the position of the highest bit, from 1
	switch {
	case n <= minBits:
		return int(d >> shift)
	case n > maxBits:
		return buckets - 1
	}
	octave := n - minBits // from 1
	step := int(d>>(n-1-stepBits)) & (steps - 1)
	return octave*steps + step
}

// bucketStart gives the least duration of a bucket.
func bucketStart(i int) time.Duration {
	octave, step := i/steps, i%steps
	if octave == 0 {
		return time.Duration(step) << shift
	}
	return time.Duration(steps+step) << (octave - 1 + minBits - stepBits)
}

// Latency describes how long requests took.
type Latency struct {
	Count         uint64
	Sum           time.Duration
	P50, P95, P99 time.Duration // within 3.2 %; up to 32 ns below a microsecond
}

// Mean is the average time, 0 when there were no requests.
func (l Latency) Mean() time.Duration {
	if l.Count == 0 {
		return 0
	}
	return l.Sum / time.Duration(l.Count)
}

// sample is a copy of one histogram, or the sum of several.
type sample struct {
	sum   int64
	n     uint64
	count [buckets]uint64
}

func (s *sample) add(h *histogram) {
	s.sum += h.sum.Load()
	for i := range h.count {
		c := h.count[i].Load()
		s.count[i] += c
		s.n += c
	}
}

func (s *sample) merge(t *sample) {
	s.sum += t.sum
	s.n += t.n
	for i, c := range t.count {
		s.count[i] += c
	}
}

func (s *sample) latency() Latency {
	return Latency{
		Count: s.n, Sum: time.Duration(s.sum),
		P50: s.quantile(50), P95: s.quantile(95), P99: s.quantile(99),
	}
}

// quantile gives the middle of the bucket that holds the duration which
// percent of all do not exceed (the nearest-rank definition).
func (s *sample) quantile(percent uint64) time.Duration {
	if s.n == 0 {
		return 0
	}
	rank := (s.n*percent + 99) / 100
	var seen uint64
	for i, c := range s.count {
		if seen += c; seen >= rank {
			from := bucketStart(i)
			if i == buckets-1 {
				return from
			}
			return from + (bucketStart(i+1)-from)/2
		}
	}
	return bucketStart(buckets - 1)
}
