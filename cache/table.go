package cache

import (
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// table holds the items of all layers, within one budget of bytes.
type table struct {
	cache   *otter.Cache[tableKey, *item]
	writing atomic.Int64
}

// tableKey is a memKey by its layer's name: strings are hashed where they are.
// Hashing a pointer in the key itself would read back at once what was just
// written, in another width, for which processors wait: measured, a tenth of
// a hit.
type tableKey struct {
	layer, id string
}

func (k memKey) inTable() tableKey { return tableKey{k.layer.name, k.id} }

// open makes the table. left is told of each item that it lets go of.
func (t *table) open(bytes int64, clock *otter.CoarseClock, left func(*item)) (err error) {
	t.cache, err = otter.New(&otter.Options[tableKey, *item]{
		MaximumWeight: uint64(bytes),
		Weigher:       func(k tableKey, it *item) uint32 { return it.weight(k.id) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(en otter.Entry[tableKey, *item]) time.Duration {
			return time.Duration(max(en.Value.kept-clock.NowNano(), 1))
		}),
		OnAtomicDeletion: func(ev otter.DeletionEvent[tableKey, *item]) { left(ev.Value) },
		Executor:         t.maintain,
		Clock:            clock,
		Logger:           &otter.NoopLogger{},
	})
	return err
}

// maintain runs the upkeep that reads and writes set off. What a write sets
// off is done by who wrote: a goroutine for it would have to be started, and
// often a processor be woken, for each write. What reads set off is not theirs
// to wait for: while it is under way the table drops some of what it would
// note of other reads, which makes hits cheaper by half.
func (t *table) maintain(upkeep func()) {
	if t.writing.Load() > 0 {
		upkeep()
		return
	}
	go upkeep()
}

// GetIfPresent is a hit, if it finds something.
func (t *table) GetIfPresent(k memKey) (*item, bool) { return t.cache.GetIfPresent(k.inTable()) }

// GetEntry is a hit, if it finds something.
func (t *table) GetEntry(k memKey) (otter.Entry[tableKey, *item], bool) {
	return t.cache.GetEntry(k.inTable())
}

// GetEntryQuietly looks without leaving a trace.
func (t *table) GetEntryQuietly(k memKey) (otter.Entry[tableKey, *item], bool) {
	return t.cache.GetEntryQuietly(k.inTable())
}

func (t *table) Set(k memKey, it *item) {
	t.writing.Add(1)
	defer t.writing.Add(-1)
	t.cache.Set(k.inTable(), it)
}

func (t *table) Invalidate(k memKey) { t.cache.Invalidate(k.inTable()) }
func (t *table) InvalidateAll()      { t.cache.InvalidateAll() }
func (t *table) close()              { t.cache.StopAllGoroutines() }
