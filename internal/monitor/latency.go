package monitor

import (
	"slices"
	"time"
)

// Latency describes how long requests took. It is plain data: those of several
// nodes can be added up.
type Latency struct {
	Count   uint64        `json:"count"`
	Sum     time.Duration `json:"sum"`               // ns
	Buckets []Bucket      `json:"buckets,omitempty"` // those that are not empty, in order
}

// Bucket is a range of durations; BucketEnd tells which.
type Bucket struct {
	Index int    `json:"i"`
	Count uint64 `json:"n"`
}

// BucketEnd gives the duration below which all of a bucket's lie; the last
// bucket has no end, and counts as a whole from this on.
func BucketEnd(index int) time.Duration { return bucketStart(min(max(index, 0), buckets-2) + 1) }

// Mean is the average time, 0 when there were no requests.
func (l Latency) Mean() time.Duration {
	if l.Count == 0 {
		return 0
	}
	return l.Sum / time.Duration(l.Count)
}

// Quantile gives the duration which percent of all do not exceed (the
// nearest-rank definition), within 3.2 %, or up to 32 ns below a microsecond;
// 0 when there were no requests.
func (l Latency) Quantile(percent uint64) time.Duration {
	if l.Count == 0 {
		return 0
	}
	rank := (l.Count*percent + 99) / 100
	var seen uint64
	last := 0
	for _, b := range l.Buckets {
		last = min(max(b.Index, 0), buckets-1)
		if seen += b.Count; seen >= rank {
			break
		}
	}
	from := bucketStart(last)
	if last == buckets-1 {
		return from
	}
	return from + (bucketStart(last+1)-from)/2
}

// Merge gives the sum of two.
func (l Latency) Merge(o Latency) Latency {
	sum := Latency{Count: l.Count + o.Count, Sum: l.Sum + o.Sum}
	a, b := l.Buckets, o.Buckets
	sum.Buckets = make([]Bucket, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Index < b[0].Index:
			sum.Buckets, a = append(sum.Buckets, a[0]), a[1:]
		case len(a) == 0 || b[0].Index < a[0].Index:
			sum.Buckets, b = append(sum.Buckets, b[0]), b[1:]
		default:
			sum.Buckets = append(sum.Buckets, Bucket{a[0].Index, a[0].Count + b[0].Count})
			a, b = a[1:], b[1:]
		}
	}
	sum.Buckets = slices.Clip(sum.Buckets)
	return sum
}
