//go:build !race

// The race detector's own memory would be measured.

package cache_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/dejahq/deja/cache"
)

// The weight that entries are given is what they take: the heap stays within
// the budget and a tenth when a million keys are put in, whether all of them
// fit or most of them have to go.
func TestMemoryBudget(t *testing.T) {
	for _, c := range []struct{ budget, atLeast int64 }{{64 << 20, 100_000}, {400 << 20, 1_000_000}} {
		t.Run(fmt.Sprint(c.budget>>20, " MiB"), func(t *testing.T) { memoryBudget(t, c.budget, c.atLeast) })
	}
}

func memoryBudget(t *testing.T, budget, atLeast int64) {
	e := open(t, cache.Options{MemoryBytes: budget})
	l := layer(t, e, cache.LayerOptions[string]{Codec: cache.Text{}})
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const keys = 1_000_000
	for i := range keys {
		_, err := l.Get(t.Context(), fmt.Sprint("key-", i), func(context.Context, *cache.Fill) (string, error) {
			return fmt.Sprintf("value %d of some length, as short values have", i), nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "evictions are done", func() bool { return e.Stats().MemoryBytes <= budget*11/10 })
	used := int64(heap() - before)
	st := e.Stats()
	t.Logf("%d entries, weight %d, heap %d: %d per entry", st.MemoryItems, st.MemoryBytes, used, used/max(st.MemoryItems, 1))
	if st.MemoryItems < atLeast {
		t.Fatalf("%d entries are kept of %d, %d expected", st.MemoryItems, keys, atLeast)
	}
	if used > budget*11/10 {
		t.Fatalf("%d bytes used of a budget of %d", used, budget)
	}
}
