package main

import (
	"slices"
	"sync"
	"testing"
)

// What the servers of a cluster, which start at the same time, leave to be
// cleaned up is all cleaned up, the last first.
func TestHostCleansUp(t *testing.T) {
	t.Parallel()
	var h host
	var all sync.WaitGroup
	cleaned := make([]int, 0, 100)
	for i := range cap(cleaned) {
		all.Go(func() { h.Cleanup(func() { cleaned = append(cleaned, i) }) })
	}
	all.Wait()
	h.Cleanup(func() { cleaned = append(cleaned, -1) })
	h.cleanup()
	if cleaned[0] != -1 {
		t.Errorf("first %d", cleaned[0])
	}
	slices.Sort(cleaned)
	if n := len(slices.Compact(cleaned)); n != 101 {
		t.Errorf("%d of 101", n)
	}
}
