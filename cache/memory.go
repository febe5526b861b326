package cache

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// memKey names an entry in memory. It holds the id and not the whole key, so
// that a lookup builds no string.
type memKey struct {
	layer *layer
	id    string
}

// item is an entry in memory, or one on its way to callers. It never changes
// once it can be seen by more than one goroutine.
type item struct {
	// What every hit looks at comes first.
	layer    *layer
	id       string
	epoch    uint64
	early    int64       // from then on, a hit may be the one to refresh it, or too late for this memory
	gone     atomic.Bool // the table has let go of it
	negative bool
	gens     []*generation
	value    any // nil when negative
	cost     int64

	version int64
	created int64  // Unix nanoseconds, as all times here
	fresh   int64  // until then it is served as it is
	dead    int64  // until then it may be served stale; see stale.go
	kept    int64  // until then it may be served from this memory
	delta   int64  // how long its load took
	size    uint32 // of the encoded value
	mark    uint32 // the checksum in Redis; 0: it isn't from there
}

// itemOverhead is what an entry takes in memory beyond its value and id:
// the item, otter's node, table slot and policy, the generation list.
// Measured with a million entries, see TestMemoryBudget.
const itemOverhead = 356

func (it *item) weight(id string) uint32 {
	return uint32(itemOverhead + int64(it.size) + int64(len(id)))
}

// in says whether the entry is in exactly these groups.
func (it *item) in(groups []string) bool {
	if len(it.gens) != len(groups)+1 {
		return len(it.gens) == 0 && len(groups) == 0
	}
	for i, g := range groups {
		if it.gens[i+1].name != g {
			return it.inAnyOrder(groups)
		}
	}
	return true
}

// inAnyOrder is in for groups that a call names in another order than the
// entry has them, which is the alphabet's. There are as many.
func (it *item) inAnyOrder(groups []string) bool {
	for _, g := range it.gens[1:] {
		if !slices.Contains(groups, g.name) {
			return false
		}
	}
	return true
}

// stands says whether the entry is in exactly these groups, and none of them
// was invalidated since.
func (it *item) stands(groups []string) bool {
	gens := it.gens
	if len(gens) == 0 {
		return len(groups) == 0
	}
	if len(gens) != len(groups)+1 || guardGeneration && gens[0].dead.Load() {
		return false
	}
	for i, g := range gens[1:] {
		if guardGeneration && g.dead.Load() {
			return false
		}
		if groups[i] != g.name {
			return it.inAnyOrder(groups) && it.current(it.layer.engine)
		}
	}
	return true
}

// current says whether nothing that the item depends on has been invalidated.
func (it *item) current(e *Engine) bool {
	if it.epoch != e.epoch.Load() {
		return false
	}
	for _, g := range it.gens {
		if guardGeneration && g.dead.Load() {
			return false
		}
	}
	return true
}

// memory is the part of the engine that holds items, and sees to it that an
// invalidation always wins over an insertion that began before it.
type memory struct {
	items  table
	front  front
	floors *otter.Cache[memKey, int64]
	clock  *otter.CoarseClock
	seed   maphash.Seed
	shards [64]shard

	bytes     atomic.Int64 // what the items weigh
	admission admission

	// epoch rises when nothing in memory can be vouched for any more: the
	// connection that pushes invalidations was lost, or Redis came back.
	epoch atomic.Uint64
}

type shard struct {
	mu      sync.Mutex
	watches map[memKey]*watch
}

// clockStep is how coarse the clock of memory hits is. Expiry is late by at
// most this.
const clockStep = 5 * time.Millisecond

// floorTTL is how long a floor outlives the invalidation that raised it: as
// long as a source's replica may reasonably lag behind.
const floorTTL = 10 * time.Minute

const maxFloors = 1 << 16

func (m *memory) open(bytes int64) error {
	m.clock = otter.NewCoarseClock(clockStep)
	m.seed = maphash.MakeSeed()
	for i := range m.shards {
		m.shards[i].watches = make(map[memKey]*watch)
	}
	var err error
	m.admission.open(bytes)
	m.front.open(bytes)
	if err = m.items.open(bytes, m.clock, m.left); err != nil {
		return err
	}
	m.floors, err = otter.New(&otter.Options[memKey, int64]{
		MaximumSize:      maxFloors,
		ExpiryCalculator: otter.ExpiryWriting[memKey, int64](floorTTL),
		Clock:            m.clock,
		Logger:           &otter.NoopLogger{},
	})
	return err
}

func (m *memory) close() {
	m.items.close()
	m.floors.StopAllGoroutines()
	m.clock.Stop()
}

func (m *memory) shard(key memKey) *shard {
	return &m.shards[maphash.String(m.seed, key.id)%uint64(len(m.shards))]
}

// keep puts the item into memory unless an invalidation came since the watch
// was set, and says whether it did.
func (m *memory) keep(w *watch, it *item) bool {
	s := m.shard(w.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return m.keepLocked(w, it)
}

// publish keeps an item that this node has just written to Redis, and voids
// everything else under way for the key: Redis doesn't push to a node what it
// wrote itself, so whoever read before the write must hear it here.
func (m *memory) publish(w *watch, it *item) bool {
	s := m.shard(w.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	for o := s.watches[w.key]; o != nil; o = o.next {
		if o != w {
			o.void = true
			o.tell()
		}
	}
	if m.keepLocked(w, it) {
		return true
	}
	m.items.Invalidate(w.key)
	return false
}

func (m *memory) keepLocked(w *watch, it *item) bool {
	if guardWatch && (w.void || w.epoch != m.epoch.Load()) || guardFloor && m.under(w.key, it.version) {
		return false
	}
	for _, g := range it.gens {
		if guardGeneration && g.dead.Load() {
			return false
		}
	}
	it.epoch = w.epoch // and not today's: everything may just have been dropped
	if !guardWatch {
		it.epoch = m.epoch.Load()
	}
	m.put(w.key, it)
	return true
}

// under says whether a version is below the key's local floor.
func (m *memory) under(key memKey, version int64) bool {
	if version == 0 {
		return false
	}
	floor, ok := m.floors.GetIfPresent(key)
	return ok && version < floor
}

func (m *memory) put(key memKey, it *item) {
	weight := int64(it.weight(key.id))
	m.bytes.Add(weight)
	key.layer.stats.memoryItems.Add(1)
	key.layer.stats.memoryBytes.Add(weight)
	it.layer, it.id, it.early = key.layer, key.id, min(it.early, it.kept)
	m.items.Set(key, it)
}

// drop removes a key, and voids what is under way for it. Callers that come
// later find nothing to join.
func (m *memory) drop(key memKey) {
	s := m.shard(key)
	s.mu.Lock()
	for w := s.watches[key]; w != nil; w = w.next {
		w.void = true
		w.tell()
	}
	m.items.Invalidate(key)
	s.mu.Unlock()
}

// dropLease says that a key's lease in Redis changed, which voids its holder
// and wakes those who wait for it.
func (m *memory) dropLease(key memKey) {
	s := m.shard(key)
	s.mu.Lock()
	for w := s.watches[key]; w != nil; w = w.next {
		w.void = w.void || w.holding
		w.tell()
	}
	s.mu.Unlock()
}

// stir wakes those who wait for a change of the key; nothing is void.
func (m *memory) stir(key memKey) {
	s := m.shard(key)
	s.mu.Lock()
	for w := s.watches[key]; w != nil; w = w.next {
		w.tell()
	}
	s.mu.Unlock()
}

// raise lifts the local floor of a key and gives the floor now in force.
func (m *memory) raise(key memKey, version int64) int64 {
	floor, _ := m.floors.Compute(key, func(old int64, found bool) (int64, otter.ComputeOp) {
		if found && old >= version || version == 0 {
			return old, otter.CancelOp
		}
		return version, otter.WriteOp
	})
	return floor
}

// dropAll makes everything in memory unreachable, and voids everything that
// is under way: O(1), the memory itself is freed in the background.
func (m *memory) dropAll() {
	m.epoch.Add(1)
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for _, w := range s.watches {
			for ; w != nil; w = w.next {
				w.tell()
			}
		}
		s.mu.Unlock()
	}
}
