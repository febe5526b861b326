package cachetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Opinion is what porcupine thinks of a history.
type Opinion struct {
	Windows   int      // that were looked at, of some hundred operations of one key each
	Undecided int      // windows for which the time was too short
	Broken    []string // keys whose operations nobody can put in an order that explains them
}

// String gives it in a few words.
func (o Opinion) String() string {
	s := fmt.Sprintf("linearizable in %d windows", o.Windows-o.Undecided)
	if len(o.Broken) > 0 {
		s = "NOT linearizable: " + strings.Join(o.Broken, ", ")
	}
	if o.Undecided > 0 {
		s += fmt.Sprintf(", %d undecided", o.Undecided)
	}
	return s
}

// windowSize is how many operations porcupine is given at once: what it needs
// for more grows faster than they do.
const windowSize = 400

// Linearizable has porcupine search for an order of the operations of each key
// in which every read gives at least the version of every write before it; a
// second opinion beside Check, which compares times and searches nothing.
// Operations that overlap in time may come in any order. It gives up when the
// time is over; whatever is undecided then is said.
func Linearizable(history []Op, within time.Duration) Opinion {
	return linearizable(history, within, windowSize)
}

func linearizable(history []Op, within time.Duration, size int) Opinion {
	late := time.Now().Add(within)
	keys := make(map[string][]Op)
	for _, op := range history {
		keys[op.Key] = append(keys[op.Key], op)
	}
	var o Opinion
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		for _, w := range windowsOf(keys[key], size) {
			o.Windows++
			result := porcupine.Unknown
			if left := time.Until(late); left > 0 {
				result = porcupine.CheckOperationsTimeout(register(w.newest), w.operations, left)
			}
			switch result {
			case porcupine.Unknown:
				o.Undecided++
			case porcupine.Illegal:
				if !slices.Contains(o.Broken, key) {
					o.Broken = append(o.Broken, key)
				}
			}
		}
	}
	return o
}

// register is porcupine's model: a register of the newest version written,
// below which no read may be. Reads may be above: the source has a version
// before it is acknowledged.
func register(newest int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return newest },
		Step: func(state, input, _ any) (bool, any) {
			newest, op := state.(int64), input.(Op)
			if op.Write {
				return true, max(newest, op.Version)
			}
			return op.Version >= newest, newest
		},
	}
}

// window is a part of a key's history that can be judged by itself.
type window struct {
	newest     int64 // of the writes that had ended when it begins
	operations []porcupine.Operation
}

// windowsOf takes a history of one key apart, by the times at which operations
// start. Writes that have not ended when a window begins are in it, too; those
// that have are what its register begins with. So nothing is lost: whatever
// forbids a read ended before it started.
func windowsOf(ops []Op, size int) []window {
	slices.SortFunc(ops, func(a, b Op) int { return cmp.Compare(a.Start, b.Start) })
	var all []window
	var open []Op // writes of earlier windows that have not ended
	newest := int64(0)
	for part := range slices.Chunk(ops, size) {
		begins := part[0].Start
		open = slices.DeleteFunc(open, func(w Op) bool {
			over := w.End < begins
			if over {
				newest = max(newest, w.Version)
			}
			return over
		})
		w := window{newest: newest}
		for _, op := range slices.Concat(open, part) {
			w.operations = append(w.operations, porcupine.Operation{ClientId: op.Node, Input: op, Call: int64(op.Start), Return: int64(op.End)})
		}
		all = append(all, w)
		for _, op := range part {
			if op.Write {
				open = append(open, op)
			}
		}
	}
	return all
}
