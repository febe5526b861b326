package cachetest

import (
	"cmp"
	"slices"
	"time"
)

// Op is an operation of a history. Times are counted from the start of the
// run, on one clock.
type Op struct {
	Node       int
	Key        string
	Write      bool  // the source has Version, and every older one was invalidated, acknowledged at End
	Version    int64 // what was written or read
	Start, End time.Duration
	Source     string // of a read: memory, redis, shared, load, or batch for one of GetMany
}

// Stale is a read that gave an older version than the promise allows.
type Stale struct {
	Read Op
	// Write is the first write of a newer version that was acknowledged before
	// the read began.
	Write Op
	Age   time.Duration // from the write's end to the read's start
}

// Check finds the reads that began after a newer version than theirs had been
// acknowledged. A history without any is linearizable for a register of which
// reads may run ahead of writes: the source has a version before it is
// acknowledged.
func Check(history []Op) []Stale {
	writes := make(map[string][]Op)
	for _, op := range history {
		if op.Write {
			writes[op.Key] = append(writes[op.Key], op)
		}
	}
	// By version; earliest[i] is the first end among writes[i:].
	earliest := make(map[string][]Op, len(writes))
	for key, w := range writes {
		slices.SortFunc(w, func(a, b Op) int { return cmp.Compare(a.Version, b.Version) })
		e := slices.Clone(w)
		for i := len(e) - 2; i >= 0; i-- {
			if e[i+1].End < e[i].End {
				e[i] = e[i+1]
			}
		}
		earliest[key] = e
	}
	var stale []Stale
	for _, op := range history {
		if op.Write {
			continue
		}
		w := writes[op.Key]
		i, _ := slices.BinarySearchFunc(w, op.Version+1, func(o Op, v int64) int { return cmp.Compare(o.Version, v) })
		if i == len(w) {
			continue
		}
		if first := earliest[op.Key][i]; first.End < op.Start {
			stale = append(stale, Stale{Read: op, Write: first, Age: op.Start - first.End})
		}
	}
	return stale
}
