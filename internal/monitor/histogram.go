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

// latency copies the histogram.
func (h *histogram) latency() Latency {
	l := Latency{Sum: time.Duration(h.sum.Load())}
	for i := range h.count {
		if n := h.count[i].Load(); n > 0 {
			l.Count += n
			l.Buckets = append(l.Buckets, Bucket{i, n})
		}
	}
	return l
}
