package monitor

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// Hot is what was asked for most often lately. Counts are halved every
// HotHalfLife, so that what is no longer asked for gives way.
type Hot struct {
	Keys       []HotItem `json:"keys"`       // the most asked first
	Assistants []HotItem `json:"assistants"` // without a layer
}

// HotItem is one of the most asked.
type HotItem struct {
	Name  string `json:"name"`
	Layer string `json:"layer,omitempty"`
	Count uint64 `json:"count"`
	Error uint64 `json:"error"` // Count is at most so much too high
}

// HotHalfLife is how long it takes until a request weighs half as much.
const HotHalfLife = 10 * time.Minute

// The size of a sketch: what has more than one request in a thousand or two is
// certain to be in it, if the shards get about the same.
const (
	sketchShards   = 16
	sketchCounters = 64 // of one shard
)

// sketch finds the most frequent names in a stream that may have any number
// of them, in bounded space: Space-Saving (Metwally, Agrawal, El Abbadi:
// Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005).
// A name that has no counter takes the lowest one over, and its count, which
// is the most by which the new name's count can be too high.
type sketch struct {
	seed   maphash.Seed
	shards [sketchShards]sketchShard
}

// sketchShard counts the names whose hashes fall to it. Names of one shard
// only compete with each other.
type sketchShard struct {
	mu     sync.Mutex
	counts map[uint64]*counter // by the hash of the name
	heap   []*counter          // the lowest count first
	_      [64]byte
}

type counter struct {
	hash        uint64
	layer, name string
	count, err  uint64
	at          int // in the heap
}

func newSketch() *sketch {
	s := &sketch{seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].counts = make(map[uint64]*counter, sketchCounters)
	}
	return s
}

// add counts a name. Two names of one hash, which a random seed of 64 bits
// makes as good as impossible, would count as one.
func (s *sketch) add(layer, name string) {
	hash := maphash.String(s.seed, name)
	h := &s.shards[hash%sketchShards]
	h.mu.Lock()
	c := h.counts[hash]
	switch {
	case c != nil:
	case len(h.heap) < sketchCounters:
		c = &counter{hash: hash, layer: layer, name: name, at: len(h.heap)}
		h.heap = append(h.heap, c)
		h.counts[hash] = c
		h.rise(c)
	default:
		c = h.heap[0]
		delete(h.counts, c.hash)
		c.hash, c.layer, c.name, c.err = hash, layer, name, c.count
		h.counts[hash] = c
	}
	c.count++
	h.sink(c)
	h.mu.Unlock()
}

// rise and sink put a counter into its place after its count changed.
func (h *sketchShard) rise(c *counter) {
	for c.at > 0 {
		up := h.heap[(c.at-1)/2]
		if up.count <= c.count {
			return
		}
		h.swap(c, up)
	}
}

func (h *sketchShard) sink(c *counter) {
	for {
		i := 2*c.at + 1
		if i >= len(h.heap) {
			return
		}
		low := h.heap[i]
		if i+1 < len(h.heap) && h.heap[i+1].count < low.count {
			low = h.heap[i+1]
		}
		if c.count <= low.count {
			return
		}
		h.swap(low, c)
	}
}

func (h *sketchShard) swap(a, b *counter) {
	a.at, b.at = b.at, a.at
	h.heap[a.at], h.heap[b.at] = a, b
}

// halve makes what was counted weigh half. Halves are rounded up, so that an
// error stays a bound; what is left with 1 and has been before goes.
func (s *sketch) halve() {
	for i := range s.shards {
		h := &s.shards[i]
		h.mu.Lock()
		keep := h.heap[:0]
		for _, c := range h.heap {
			if c.count == 1 {
				delete(h.counts, c.hash)
				continue
			}
			c.count, c.err = (c.count+1)/2, (c.err+1)/2
			c.at = len(keep)
			keep = append(keep, c)
		}
		clear(h.heap[len(keep):])
		h.heap = keep
		for _, c := range slices.Backward(slices.Clone(keep)) {
			h.sink(c) // leaving some out has put others into their places
		}
		h.mu.Unlock()
	}
}

// top gives the n highest counts.
func (s *sketch) top(n int) []HotItem {
	var all []HotItem
	for i := range s.shards {
		h := &s.shards[i]
		h.mu.Lock()
		for _, c := range h.heap {
			all = append(all, HotItem{Name: c.name, Layer: c.layer, Count: c.count, Error: c.err})
		}
		h.mu.Unlock()
	}
	return hottest(all, n)
}

func hottest(all []HotItem, n int) []HotItem {
	slices.SortFunc(all, func(a, b HotItem) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Error, b.Error), cmp.Compare(a.Name, b.Name))
	})
	return slices.Clip(all[:min(n, len(all))])
}

// mergeHot adds two lists up. A name that is missing in one of them counts
// there as nothing: it was not among its highest.
func mergeHot(a, b []HotItem, n int) []HotItem {
	sum := slices.Clone(a)
	at := make(map[string]int, len(sum))
	for i, item := range sum {
		at[item.Name] = i
	}
	for _, item := range b {
		if i, ok := at[item.Name]; ok {
			sum[i].Count += item.Count
			sum[i].Error += item.Error
			continue
		}
		sum = append(sum, item)
	}
	return hottest(sum, n)
}
