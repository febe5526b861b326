package cache

import (
	"encoding/json"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Every duration is in the bucket whose bounds it lies between.
func TestHistogramBuckets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(100*time.Minute)).Draw(t, "d") >> rapid.IntRange(0, 40).Draw(t, "shift"))
		i := bucketOf(d)
		if i < HistogramMin || i > HistogramMax {
			t.Fatalf("%v is in bucket %d", d, i)
		}
		// A nanosecond for the rounding of the bounds.
		if d > BucketBound(i)+1 && i < HistogramMax || d <= BucketBound(i-1)-1 && i > HistogramMin {
			t.Fatalf("%v is in bucket %d: %v to %v", d, i, BucketBound(i-1), BucketBound(i))
		}
	})
	if bucketOf(-time.Second) != HistogramMin || bucketOf(math.MaxInt64) != HistogramMax {
		t.Fatal("the ends")
	}
}

func TestHistogramQuantiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var h histogram
		var all []time.Duration
		var sum time.Duration
		for _, n := range rapid.SliceOfN(rapid.Int64Range(100, int64(time.Minute)), 1, 200).Draw(t, "durations") {
			h.record(time.Duration(n))
			all, sum = append(all, time.Duration(n)), sum+time.Duration(n)
		}
		slices.Sort(all)
		s := h.snapshot()
		if s.Count() != uint64(len(all)) || s.Sum != sum || s.Mean() != sum/time.Duration(len(all)) {
			t.Fatalf("%d durations of %v: %+v", len(all), sum, s)
		}
		for _, q := range []float64{0.5, 0.95, 0.99, 1} {
			exact := float64(all[max(int(math.Ceil(q*float64(len(all))))-1, 0)])
			if got := float64(s.Quantile(q)); got < exact/1.1 || got > exact*1.1 { // a bucket is 9 % wide
				t.Fatalf("quantile %v of %v: %v, want about %v", q, all, time.Duration(got), time.Duration(exact))
			}
		}
	})
	if (Histogram{}).Quantile(0.5) != 0 || (Histogram{}).Mean() != 0 {
		t.Fatal("an empty one")
	}
}

func TestHistogramsAddUp(t *testing.T) {
	t.Parallel()
	var a, b, both histogram
	for i := range 1000 {
		d := time.Duration(i*i) * time.Microsecond
		both.record(d)
		if i%3 == 0 {
			a.record(d)
		} else {
			b.record(d)
		}
	}
	before := a.snapshot()
	merged := before
	merged.Merge(b.snapshot())
	if diff := cmp.Diff(both.snapshot(), merged); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff(a.snapshot(), before); diff != "" {
		t.Fatalf("merging changed what was copied: %s", diff)
	}
	rest := merged.Since(before)
	if rest.Count() != b.snapshot().Count() || rest.Sum != b.snapshot().Sum {
		t.Fatalf("%+v", rest)
	}
	var n uint64
	for i, c := range merged.Buckets() {
		if c != merged.Counts[i-HistogramMin] || c == 0 {
			t.Fatal(i, c)
		}
		n += c
	}
	if n != 1000 {
		t.Fatal(n)
	}
	text, err := json.Marshal(merged)
	if err != nil {
		t.Fatal(err)
	}
	var read Histogram
	if err := json.Unmarshal(text, &read); err != nil || !cmp.Equal(read, merged) {
		t.Fatalf("%s, %v", text, err)
	}
	read.Merge(Histogram{Counts: make([]uint64, 10_000)}) // damaged
	if len(read.Counts) > histogramSize {
		t.Fatal(len(read.Counts))
	}
	a.reset()
	if s := a.snapshot(); s.Count() != 0 || s.Sum != 0 {
		t.Fatal(s)
	}
}

func TestHistogramCountsConcurrently(t *testing.T) {
	t.Parallel()
	var h histogram
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				h.record(time.Duration(i) * time.Microsecond)
			}
		})
	}
	wg.Wait()
	if n := h.snapshot().Count(); n != 8000 {
		t.Fatal(n)
	}
}

func BenchmarkHistogram(b *testing.B) {
	var h histogram
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.record(time.Duration(i))
	}
}
