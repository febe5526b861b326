package monitor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestHot(t *testing.T) {
	t.Parallel()
	m := New(Options{})
	for i, name := range []string{"a", "b", "c"} {
		for range 10 - i {
			m.RecordKey("x", name)
		}
	}
	m.RecordKey("y", "d")
	m.RecordAssistant("asst")
	want := Hot{
		Keys:       []HotItem{{"a", "x", 10, 0}, {"b", "x", 9, 0}, {"c", "x", 8, 0}, {"d", "y", 1, 0}},
		Assistants: []HotItem{{"asst", "", 1, 0}},
	}
	if d := cmp.Diff(want, m.Snapshot().Hot); d != "" {
		t.Error(d)
	}
	m.Reset()
	if got := m.Snapshot().Hot; len(got.Keys)+len(got.Assistants) != 0 {
		t.Errorf("after a reset: %+v", got)
	}
}

// However many names come: a count is never too low, at most its error too
// high, and whatever is frequent enough in its shard is there.
func TestSketchBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newSketch()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		zipf := rand.NewZipf(random, 1.1, 1, uint64(rapid.IntRange(1, 4000).Draw(t, "names")))
		exact := make(map[string]uint64)
		for range rapid.IntRange(0, 4000).Draw(t, "requests") {
			name := fmt.Sprint(zipf.Uint64())
			exact[name]++
			s.add("x", name)
		}
		var total uint64
		for i := range s.shards {
			h := &s.shards[i]
			var sum uint64
			for at, c := range h.heap {
				sum += c.count
				if c.at != at || h.counts[c.hash] != c || at > 0 && h.heap[(at-1)/2].count > c.count {
					t.Fatalf("the heap of shard %d is broken at %d", i, at)
				}
				if n := exact[c.name]; c.count < n || c.count-c.err > n {
					t.Fatalf("%s: %d requests, counted %d with an error of %d", c.name, n, c.count, c.err)
				}
			}
			if len(h.heap) > sketchCounters || len(h.counts) != len(h.heap) {
				t.Fatalf("%d counters, %d names", len(h.heap), len(h.counts))
			}
			total += sum
		}
		var requests, most uint64
		for _, n := range exact {
			requests += n
			most = max(most, n)
		}
		if total != requests {
			t.Fatalf("%d requests, counted %d", requests, total)
		}
		for name, n := range exact {
			if n <= requests/sketchCounters {
				continue
			}
			found := false
			for _, item := range s.top(sketchShards * sketchCounters) {
				found = found || item.Name == name
			}
			if !found {
				t.Fatalf("%s had %d of %d requests and is not there", name, n, requests)
			}
		}
	})
}

// What was hot gives way to what is.
func TestHotFades(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go m.Run(ctx)
		for range 100 {
			m.RecordKey("x", "old")
		}
		m.RecordKey("x", "once")
		time.Sleep(2*HotHalfLife + time.Second)
		synctest.Wait()
		for range 30 {
			m.RecordKey("x", "new")
		}
		if d := cmp.Diff([]HotItem{{"new", "x", 30, 0}, {"old", "x", 25, 0}}, m.Snapshot().Hot.Keys); d != "" {
			t.Error(d)
		}
		time.Sleep(10 * HotHalfLife)
		synctest.Wait()
		if got := m.Snapshot().Hot.Keys; len(got) != 0 {
			t.Errorf("after a long time: %+v", got)
		}
	})
}

// Halving keeps the heaps, and the bounds.
func TestHalving(t *testing.T) {
	t.Parallel()
	s := newSketch()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		for range 2000 {
			s.add("x", fmt.Sprint(int(random.ExpFloat64()*500)))
		}
		s.halve()
		for i := range s.shards {
			h := &s.shards[i]
			for at, c := range h.heap {
				if c.at != at || c.err > c.count || h.counts[c.hash] != c || at > 0 && h.heap[(at-1)/2].count > c.count {
					t.Fatalf("the heap of shard %d is broken at %d: %+v", i, at, c)
				}
			}
			if len(h.counts) != len(h.heap) {
				t.Fatalf("%d counters, %d names", len(h.heap), len(h.counts))
			}
		}
	}
}

func TestSketchAtOnce(t *testing.T) {
	t.Parallel()
	m := New(Options{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				m.RecordKey("x", fmt.Sprint((i*7+g)%300))
				if i%500 == 0 {
					m.Snapshot()
				}
			}
		})
	}
	wg.Wait()
	var sum uint64
	for _, item := range m.period.Load().keys.top(sketchShards * sketchCounters) {
		sum += item.Count
	}
	if sum != 16_000 {
		t.Errorf("%d of 16000 are counted", sum)
	}
}

// What one request that is answered from memory costs in all.
func BenchmarkMemoryHit(b *testing.B) {
	m := New(Options{})
	b.ReportAllocs()
	for b.Loop() {
		m.RecordHit("GET /v1/assistants/{assistant_id}", time.Millisecond)
		m.RecordKey("assistant_data", "assistant_data:asst_0123456789abcdef01234567")
	}
}

func BenchmarkRecordKey(b *testing.B) {
	for _, names := range []int{100, 100_000} {
		b.Run(fmt.Sprint(names), func(b *testing.B) {
			m := New(Options{})
			keys := make([]string, names)
			for i := range keys {
				keys[i] = fmt.Sprintf("assistant_data:asst_%024d", i)
			}
			zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, uint64(names-1))
			order := make([]string, 1<<16)
			for i := range order {
				order[i] = keys[zipf.Uint64()]
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				m.RecordKey("assistant_data", order[i%len(order)])
			}
		})
	}
}

func BenchmarkRecordKeyParallel(b *testing.B) {
	m := New(Options{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			m.RecordKey("assistant_data", hundred[i%len(hundred)])
		}
	})
}

var hundred = func() (keys [100]string) {
	for i := range keys {
		keys[i] = fmt.Sprintf("assistant_data:asst_%024d", i)
	}
	return keys
}()

func BenchmarkModelCallAvoided(b *testing.B) {
	m := New(Options{Prices: priced()})
	b.ReportAllocs()
	for b.Loop() {
		m.ModelCallAvoided(Avoided{Call: Call{AssistantID: "asst_0123456789abcdef01234567", Model: "m-2"}, Calls: 1, Took: 2, Waited: 1})
	}
}
