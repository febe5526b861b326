package cachetest

import (
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"
)

// Check decides by comparing, porcupine by searching, whole histories and
// windows of them: all three are of one opinion.
func TestCheckAgreesWithPorcupine(t *testing.T) {
	t.Parallel()
	both := [2]int{}
	rapid.Check(t, func(t *rapid.T) {
		var history []Op
		keys := []string{"a", "b"}
		for i := range rapid.IntRange(1, 12).Draw(t, "operations") {
			start := time.Duration(rapid.IntRange(0, 40).Draw(t, "start"))
			history = append(history, Op{
				Node: i, Key: rapid.SampledFrom(keys).Draw(t, "key"),
				Write: rapid.Bool().Draw(t, "write"), Version: rapid.Int64Range(1, 5).Draw(t, "version"),
				Start: start, End: start + 1 + time.Duration(rapid.IntRange(0, 20).Draw(t, "length")),
			})
		}
		var broken []string
		for _, key := range keys {
			var ops []porcupine.Operation
			for _, op := range history {
				if op.Key == key {
					// Porcupine lets operations that touch swap; Check asks for
					// an end strictly before the start, which is the same.
					ops = append(ops, porcupine.Operation{ClientId: op.Node, Input: op, Call: int64(op.Start), Return: int64(op.End)})
				}
			}
			if !porcupine.CheckOperations(register(0), ops) {
				broken = append(broken, key)
			}
		}
		stale := make(map[string]bool)
		for _, s := range Check(history) {
			stale[s.Read.Key] = true
		}
		if len(stale) != len(broken) || slices.ContainsFunc(broken, func(key string) bool { return !stale[key] }) {
			t.Fatalf("porcupine: %v, Check: %v\n%v", broken, stale, history)
		}
		for _, size := range []int{1, 3, windowSize} {
			if o := linearizable(history, time.Minute, size); o.Undecided != 0 || !slices.Equal(o.Broken, broken) {
				t.Fatalf("windows of %d: %v, whole: %v\n%v", size, o, broken, history)
			}
		}
		both[min(len(broken), 1)]++
	})
	if both[0] == 0 || both[1] == 0 {
		t.Fatalf("one-sided histories: %v", both)
	}
}

func TestFewAreNotEnough(t *testing.T) {
	t.Parallel()
	enough := Report{Reads: fewReads, Acknowledged: fewWrites, Faults: map[string]int{"cut": 1}}
	for _, asked := range [][]string{nil, {"none"}, {"cut"}} {
		if s := enough.lacks(asked); s != "" {
			t.Errorf("%v: %s", asked, s)
		}
	}
	if s := enough.lacks([]string{"cut", "stall", "flush"}); s != "no stall, no flush" {
		t.Error(s)
	}
	for _, r := range []Report{
		{},
		{Reads: fewReads - 1, Acknowledged: fewWrites, Faults: enough.Faults},
		{Reads: fewReads, Acknowledged: fewWrites - 1, Faults: enough.Faults},
		{Reads: fewReads, Acknowledged: fewWrites},
	} {
		if r.lacks(nil) == "" {
			t.Errorf("%+v is taken for enough", r)
		}
	}
}

func TestExplorationsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, x := range []Exploration{
		{Nodes: -1},
		{Workers: -1},
		{Keys: -2},
		{Enough: -1},
		{Duration: -1},
		{Promise: 9},
		{Topology: "ring"},
		{Faults: []string{"connection-cut"}},
		{Faults: []string{"cut", "none"}},
		{Faults: []string{""}},
		{Topology: TLS, Faults: []string{"failover"}},
		{Lag: true, Faults: []string{"cut", "flush"}},
	} {
		if _, err := Explore(t.Context(), t, x); err == nil {
			t.Errorf("%+v passes", x)
		}
	}
	x, err := Exploration{Topology: Cluster}.resolve()
	if err != nil || !slices.Equal(x.Faults, FaultNames()) {
		t.Errorf("%+v, %v", x, err)
	}
	if x, err = (Exploration{Lag: true}).resolve(); err != nil || len(x.Faults) == 0 || slices.ContainsFunc(x.Faults, losesFloors) {
		t.Errorf("%+v, %v", x, err)
	}
	if x, err = (Exploration{Faults: []string{"stall", "cut", "stall"}}).resolve(); err != nil || !slices.Equal(x.Faults, []string{"cut", "stall"}) {
		t.Errorf("%+v, %v", x, err)
	}
	if x, err = (Exploration{Faults: []string{"none"}}).resolve(); err != nil || len(x.Faults) != 0 {
		t.Errorf("%+v, %v", x, err)
	}
}
