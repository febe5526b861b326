package cachetest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"github.com/dejahq/deja/cache/cachetest"
)

// The model that Check decides by sorting, for porcupine, which decides by
// search: a register of the newest version written, below which no read may be.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, output any) (bool, any) {
			newest, op := state.(int64), input.(cachetest.Op)
			if op.Write {
				return true, max(newest, op.Version)
			}
			return op.Version >= newest, newest
		},
		DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
	}
}

func TestCheckAgreesWithPorcupine(t *testing.T) {
	t.Parallel()
	both := [2]int{}
	rapid.Check(t, func(t *rapid.T) {
		var history []cachetest.Op
		for i := range rapid.IntRange(1, 12).Draw(t, "operations") {
			start := time.Duration(rapid.IntRange(0, 40).Draw(t, "start"))
			history = append(history, cachetest.Op{
				Node: i, Key: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key"),
				Write: rapid.Bool().Draw(t, "write"), Version: rapid.Int64Range(1, 5).Draw(t, "version"),
				Start: start, End: start + 1 + time.Duration(rapid.IntRange(0, 20).Draw(t, "length")),
			})
		}
		good := true
		for _, key := range []string{"a", "b"} {
			var ops []porcupine.Operation
			for _, op := range history {
				if op.Key == key {
					// Porcupine lets operations that touch swap; Check asks for
					// an end strictly before the start, which is the same.
					ops = append(ops, porcupine.Operation{ClientId: op.Node, Input: op, Call: int64(op.Start), Return: int64(op.End)})
				}
			}
			good = good && porcupine.CheckOperations(model(), ops)
		}
		if stale := cachetest.Check(history); good != (len(stale) == 0) {
			t.Fatalf("porcupine: %v, Check: %v\n%v", good, stale, history)
		}
		if good {
			both[0]++
		} else {
			both[1]++
		}
	})
	if both[0] == 0 || both[1] == 0 {
		t.Fatalf("one-sided histories: %v", both)
	}
}
