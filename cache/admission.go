package cache

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// admission decides which entries that were read from Redis are worth a place
// in a memory that is full. An entry that nobody asks for again would only
// push out others, and taking it in costs more than reading it did. So while
// memory is full, an entry gets in when it is read a second time before about
// as many others were as memory has room for: a doorkeeper, as in TinyLFU
// (Einziger, Friedman, Manes: "TinyLFU: A Highly Efficient Cache Admission
// Policy", 2017), but one that forgets by being overwritten.
//
// What is turned away costs a further read of Redis, nothing else: it is never
// stale, because it isn't here.
type admission struct {
	seen  []atomic.Uint32 // what was last turned away, by slot
	shift int             // of a hash to its slot
	full  int64           // bytes from which memory counts as full
}

const (
	minSeen = 1 << 6
	maxSeen = 1 << 16
	// perSeen is how many bytes of memory there are for each slot: about what
	// an entry takes.
	perSeen = 1 << 10
)

func (a *admission) open(bytes int64) {
	width := bits.Len64(uint64(min(max(bytes/perSeen, minSeen), maxSeen)) - 1)
	a.seen = make([]atomic.Uint32, 1<<width)
	a.shift = 64 - width
	a.full = bytes - bytes/8
}

// admits says whether an entry with this hash may be taken in, when memory
// holds so many bytes.
func (a *admission) admits(hash uint64, held int64) bool {
	if held < a.full {
		return true
	}
	slot := &a.seen[hash>>a.shift]
	mark := uint32(hash) | 1 // 0 is an empty slot
	if slot.Load() == mark {
		return true
	}
	slot.Store(mark)
	return false
}

// worth says whether an entry that Redis has should be taken into memory. One
// that takes the place of an older one always is: else that would stay.
func (m *memory) worth(key memKey) bool {
	if m.admission.admits(maphash.String(m.seed, key.id), m.bytes.Load()) {
		return true
	}
	_, there := m.items.GetEntryQuietly(key)
	return there
}
