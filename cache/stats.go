package cache

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// Stats are an engine's counters since start or ResetStats.
type Stats struct {
	Node        string
	MemoryBytes int64
	MemoryLimit int64
	MemoryItems int64
	Layers      []LayerStats // in order of creation
}

// LayerStats are one layer's counters. A Get is one of the first four, and so is
// each id of a GetMany.
type LayerStats struct {
	Name                                  string
	MemoryHits, RedisHits, Shared, Misses uint64 // Shared: waited for a load that another caller began
	NegativeHits, StaleHits               uint64 // included in the hits above
	// Loads are calls of a loader: one of a GetMany is one, however many ids.
	Loads, LoadErrors                  uint64
	Fills, FillsRefused, Invalidations uint64
	RedisErrors                        uint64
	DecodeErrors                       uint64 // entries in Redis that were misses because their value can't be decoded
	CostAvoided                        uint64 // sum of Fill.Cost over hits and Shared
	CostPaid                           uint64 // sum of Fill.Cost over loads
	LoadTime                           time.Duration
	MemoryItems, MemoryBytes           int64

	// HitTimes is how long hits took to look up. Hits in Redis are all timed,
	// but for those that a GetMany shares with another call; of the hits in
	// memory, where the clock would cost as much as the lookup, one in 256 is,
	// and counts for all of them.
	HitTimes Histogram
	// LoadTimes is how long loads took, those that failed included.
	LoadTimes Histogram
}

// counters are what a layer counts; adding to one never allocates or waits.
type counters struct {
	memory                                                [16]stripe
	redisHits, shared, misses                             atomic.Uint64
	negativeHits, staleHits                               atomic.Uint64
	loads, loadErrors, fills, fillsRefused, invalidations atomic.Uint64
	redisErrors, decodeErrors                             atomic.Uint64
	costAvoided, costPaid                                 atomic.Uint64
	loadTime                                              atomic.Int64
	memoryItems, memoryBytes                              atomic.Int64 // gauges: not reset
	hitTimes, loadTimes                                   histogram
}

// stripe is a share of the counters that hits in memory raise: one counter
// that all cores write would cost more than the lookup.
type stripe struct {
	hits, cost atomic.Uint64
	_          [48]byte // to a cache line
}

// timedHits is how many hits in memory one that is timed stands for.
const timedHits = 256

// lane gives a number from 0 to 255 that mostly differs between goroutines
// that run at the same time, by where their stacks lie: nothing needs to be
// drawn or looked up. Stacks are 2 KB or more, mostly 8, and begin at multiples
// of that; the product spreads these.
func lane() int {
	var here byte
	return int(uint64(uintptr(unsafe.Pointer(&here))>>11) * golden >> 56)
}

// memoryHit counts a hit, and gives its number.
func (c *counters) memoryHit(it *item) uint64 {
	s := &c.memory[lane()%len(c.memory)]
	n := s.hits.Add(1)
	if it.cost > 0 {
		s.cost.Add(uint64(it.cost))
	}
	if it.negative {
		c.negativeHits.Add(1)
	}
	return n
}

// memoryHit counts a hit, and now and then times one, or tells the table.
func (l *layer) memoryHit(it *item) {
	n := l.stats.memoryHit(it)
	if n%timedHits == 0 {
		l.timeHit(it.id)
	}
	if due(n) {
		l.engine.items.GetIfPresent(memKey{l, it.id})
	}
}

// timeHit looks a key that was just hit up once more, against the clock.
func (l *layer) timeHit(id string) {
	began := time.Now()
	l.engine.find(l, id)
	l.stats.hitTimes.add(time.Since(began), timedHits)
}

func (c *counters) hit(source *atomic.Uint64, it *item) {
	source.Add(1)
	if it.cost > 0 {
		c.costAvoided.Add(uint64(it.cost))
	}
	if it.negative {
		c.negativeHits.Add(1)
	}
}

func (c *counters) snapshot(name string) LayerStats {
	var hits, cost uint64
	for i := range c.memory {
		hits += c.memory[i].hits.Load()
		cost += c.memory[i].cost.Load()
	}
	return LayerStats{
		Name:          name,
		MemoryHits:    hits,
		RedisHits:     c.redisHits.Load(),
		Shared:        c.shared.Load(),
		Misses:        c.misses.Load(),
		NegativeHits:  c.negativeHits.Load(),
		StaleHits:     c.staleHits.Load(),
		Loads:         c.loads.Load(),
		LoadErrors:    c.loadErrors.Load(),
		Fills:         c.fills.Load(),
		FillsRefused:  c.fillsRefused.Load(),
		Invalidations: c.invalidations.Load(),
		RedisErrors:   c.redisErrors.Load(),
		DecodeErrors:  c.decodeErrors.Load(),
		CostAvoided:   cost + c.costAvoided.Load(),
		CostPaid:      c.costPaid.Load(),
		LoadTime:      time.Duration(c.loadTime.Load()),
		MemoryItems:   c.memoryItems.Load(),
		MemoryBytes:   c.memoryBytes.Load(),
		HitTimes:      c.hitTimes.snapshot(),
		LoadTimes:     c.loadTimes.snapshot(),
	}
}

func (c *counters) reset() {
	for _, n := range []*atomic.Uint64{
		&c.redisHits, &c.shared, &c.misses, &c.negativeHits, &c.staleHits,
		&c.loads, &c.loadErrors, &c.fills, &c.fillsRefused, &c.invalidations, &c.redisErrors, &c.decodeErrors,
		&c.costAvoided, &c.costPaid,
	} {
		n.Store(0)
	}
	for i := range c.memory {
		c.memory[i].hits.Store(0)
		c.memory[i].cost.Store(0)
	}
	c.loadTime.Store(0)
	c.hitTimes.reset()
	c.loadTimes.reset()
}

// Stats gives the counters since start (or since ResetStats). It may be
// called at any time; the numbers are read one by one, not all at one moment.
func (e *Engine) Stats() Stats {
	s := Stats{Node: e.o.Node, MemoryLimit: e.o.MemoryBytes}
	for _, l := range e.layerList() {
		ls := l.stats.snapshot(l.name)
		s.MemoryBytes += ls.MemoryBytes
		s.MemoryItems += ls.MemoryItems
		s.Layers = append(s.Layers, ls)
	}
	return s
}

// ResetStats sets the counters to zero; what is in memory stays counted.
func (e *Engine) ResetStats() {
	for _, l := range e.layerList() {
		l.stats.reset()
	}
}
