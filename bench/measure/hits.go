package measure

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dejahq/deja/bench/rivals"
)

// MemoryHits measures reads that memory answers.
func MemoryHits(o Options) (Section, error) {
	s := Section{
		Title: "Hit in memory",
		How: "1,000 keys of about 1 KB, all in memory, read in turn; Redis is connected. Time of one Get, the best of several runs. " +
			"Every loader is a closure over its id, as in life, unless the library takes a loader for all (deja, otter); where it can't stay on the stack, that is an allocation. " +
			"(otter lookup) is a bare lookup with the coarse clock that deja gives it, (otter) its Get with a loader, as one would use it.",
		Rivals: append([]rivals.Rival{rivals.LookupFloor(), rivals.MemoryFloor()}, rivals.All()...),
		Rows: []Row{
			newRow("1 caller", Lower, plain(" ns")),
			newRow("a caller per processor", Lower, plain(" ns")),
			newRow("processor time", Lower, plain(" ns")),
			newRow("allocations", Lower, plain("")),
		},
	}
	keys := ids(1000)
	caches := make([]rivals.Cache, len(s.Rivals))
	for i, r := range s.Rivals {
		c, err := r.Open(rivals.Setup{Redis: o.Redis, Prefix: prefix("memory", r), Entries: 10_000, TTL: time.Hour, Load: document})
		if err != nil {
			return s, fmt.Errorf("%s: %w", r.Name, err)
		}
		defer c.Close()
		for range 3 { // twice more, for those that write to memory in the background
			if err := fill(c, keys); err != nil {
				return s, fmt.Errorf("%s: %w", r.Name, err)
			}
		}
		caches[i] = c
	}
	for range o.Rounds { // rival after rival in each round, so that a busy moment hits all
		for i, r := range s.Rivals {
			one, many := readTimes(caches[i], keys)
			s.Rows[0].keep(r.Name, float64(one.T.Nanoseconds())/float64(one.N))
			s.Rows[1].keep(r.Name, float64(many.T.Nanoseconds())/float64(many.N))
			s.Rows[2].keep(r.Name, many.Extra["cpu-ns/op"])
			s.Rows[3].keep(r.Name, float64(one.AllocsPerOp()))
		}
	}
	return s, nil
}

// readTimes times reads by one caller, and by one per processor.
func readTimes(c rivals.Cache, keys []string) (one, many testing.BenchmarkResult) {
	one = testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_, _ = c.Get(context.Background(), keys[i%len(keys)])
		}
	})
	many = testing.Benchmark(func(b *testing.B) {
		before := processorTime()
		defer func() { b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op") }()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				_, _ = c.Get(context.Background(), keys[i%len(keys)])
			}
		})
	})
	return one, many
}

// RedisHits measures reads that Redis answers, memory being too small.
func RedisHits(o Options) (Section, error) {
	const keyCount, entries = 20_000, 200
	s := Section{
		Title:  "Hit in Redis",
		How:    "20,000 keys of about 1 KB in Redis, read at random, with room for 200 in memory: 99 % of the reads go to Redis. Reads per second, and the processor time that this process (not Redis) takes for one; the best of several runs.",
		Rivals: append([]rivals.Rival{rivals.RedisFloor()}, rivals.All()...),
	}
	callers := []int{1, 64, 512}
	for _, n := range callers {
		s.Rows = append(s.Rows, newRow(fmt.Sprintf("%d callers", n), Higher, thousands))
	}
	s.Rows[0].What = "1 caller"
	for _, n := range callers {
		s.Rows = append(s.Rows, newRow(fmt.Sprintf("processor time, %d", n), Lower, plain(" us")))
	}
	keys := ids(keyCount)
	caches := make([]rivals.Cache, len(s.Rivals))
	for i, r := range s.Rivals {
		c, err := r.Open(rivals.Setup{Redis: o.Redis, Prefix: prefix("redis", r), Entries: entries, TTL: time.Hour, Load: document})
		if err != nil {
			return s, fmt.Errorf("%s: %w", r.Name, err)
		}
		defer c.Close()
		if err := fill(c, keys); err != nil {
			return s, fmt.Errorf("%s: %w", r.Name, err)
		}
		caches[i] = c
	}
	for range o.Rounds {
		for i, r := range s.Rivals {
			for row, n := range callers {
				rate, cpu, err := readRate(caches[i], keys, n, o.Length)
				if err != nil {
					return s, fmt.Errorf("%s: %w", r.Name, err)
				}
				s.Rows[row].keep(r.Name, rate)
				s.Rows[row+len(callers)].keep(r.Name, cpu)
			}
		}
	}
	return s, nil
}

// readRate gives the reads per second, and the processor time of one in
// microseconds.
func readRate(c rivals.Cache, keys []string, callers int, length time.Duration) (rate, cpu float64, err error) {
	var reads atomic.Int64
	var fault atomic.Pointer[error]
	var all sync.WaitGroup
	began, cpuBefore := time.Now(), processorTime()
	deadline := began.Add(length)
	for range callers {
		all.Go(func() {
			n := int64(0)
			for ; time.Now().Before(deadline); n++ {
				id := keys[rand.N(len(keys))]
				v, err := c.Get(context.Background(), id)
				if err == nil && v.ID != id {
					err = fmt.Errorf("asked for %s, got %q", id, v.ID)
				}
				if err != nil {
					fault.Store(&err)
					return
				}
			}
			reads.Add(n)
		})
	}
	all.Wait()
	if err := fault.Load(); err != nil {
		return 0, 0, *err
	}
	n := float64(reads.Load())
	return n / time.Since(began).Seconds(), float64((processorTime() - cpuBefore).Microseconds()) / n, nil
}

// processorTime gives what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
