package monitor

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestBucketHoldsItsDurations(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, 1<<maxBits-1).Draw(t, "d"))
		i := bucketOf(d)
		from, to := bucketStart(i), bucketStart(i+1)
		if d < from || d >= to {
			t.Fatalf("%v is in bucket %d, which is %v to %v", int64(d), i, int64(from), int64(to))
		}
		if width := to - from; d >= 1<<minBits && width*steps > from {
			t.Fatalf("bucket %d (%v to %v) is wider than 1/%d of its start", i, from, to, steps)
		}
	})
}

func TestBucketsAreInOrder(t *testing.T) {
	t.Parallel()
	for i := range buckets - 1 {
		if bucketStart(i) >= bucketStart(i+1) {
			t.Fatalf("bucket %d begins at %v, the next at %v", i, bucketStart(i), bucketStart(i+1))
		}
		if got := bucketOf(bucketStart(i)); got != i {
			t.Fatalf("the start of bucket %d is put into %d", i, got)
		}
		if got := bucketOf(bucketStart(i+1) - 1); got != i {
			t.Fatalf("the end of bucket %d is put into %d", i, got)
		}
	}
}

func TestHistogramTakesAnyDuration(t *testing.T) {
	t.Parallel()
	var h histogram
	for _, d := range []time.Duration{math.MinInt64, -1, 0, 1, math.MaxInt64} {
		h.record(d)
	}
	l := h.latency()
	if d := cmp.Diff([]Bucket{{0, 4}, {buckets - 1, 1}}, l.Buckets); d != "" || l.Count != 5 {
		t.Errorf("%d counted: %s", l.Count, d)
	}
	if got := l.Quantile(99); got != bucketStart(buckets-1) {
		t.Errorf("p99 = %v, want the start of the open bucket", got)
	}
}

// The percentiles are those of the sorted durations, but for the width of a
// bucket.
func TestQuantiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ds := rapid.SliceOfN(rapid.Int64Range(1<<minBits, 1<<36), 1, 300).Draw(t, "ns")
		var h histogram
		for _, d := range ds {
			h.record(time.Duration(d))
		}
		l := h.latency()
		slices.Sort(ds)
		for _, p := range []int{50, 95, 99} {
			exact := ds[int(math.Ceil(float64(len(ds)*p)/100))-1]
			got := l.Quantile(uint64(p))
			if math.Abs(float64(int64(got)-exact)) > 0.032*float64(exact) {
				t.Fatalf("p%d of %d durations = %d, exactly it is %d", p, len(ds), got, exact)
			}
		}
	})
}
