package monitor

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// flow counts requests by kind since the process began, for the totals and the
// windows. Like the engine's counters it is cut into stripes: requests that end
// at the same time on several cores would else wait for one cache line.
type flow [8]stripe

type stripe struct {
	count [kinds]atomic.Uint64
	time  atomic.Int64
	_     [128 - 8*kinds - 8]byte
}

func (f *flow) record(k kind, d time.Duration) {
	// Goroutines that run at the same time have different stacks.
	var here byte
	s := &f[uintptr(unsafe.Pointer(&here))>>11%uintptr(len(f))]
	s.count[k].Add(1)
	s.time.Add(int64(max(d, 0)))
}

// totals adds the stripes up. What is being recorded may be in some of it.
func (f *flow) totals() Totals {
	var t Totals
	for i := range f {
		s := &f[i]
		hits, misses, others := s.count[hit].Load(), s.count[miss].Load(), s.count[uncached].Load()
		t.Hits += hits
		t.Misses += misses
		t.Requests += hits + misses + others
		t.ResponseTime += time.Duration(s.time.Load())
	}
	return t
}
