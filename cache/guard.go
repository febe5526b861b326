//go:build !unguarded

package cache

// The guards that the history checker switches off one by one, in a build of
// its own (tag unguarded), to show that it would notice their absence. In
// every other build they are constants.
const (
	guardNonce      = true // a fill needs the lease that its load was given
	guardFloor      = true // a fill needs a version at or above the floor
	guardGeneration = true // an entry needs the present generations
	guardLease      = true // acknowledged reads from memory need a lease
	guardEpoch      = true // a new master is trusted only when everything from before is unreachable
	guardWatch      = true // an insertion needs that no invalidation came since its read
	guardGone       = true // what is found past the table needs to be in it still
)
