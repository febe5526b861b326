//go:build unguarded

package cache

import "os"

// See guard.go. DEJA_UNGUARDED names the guard that is off.
var (
	guardNonce      = os.Getenv("DEJA_UNGUARDED") != "nonce"
	guardFloor      = os.Getenv("DEJA_UNGUARDED") != "floor"
	guardGeneration = os.Getenv("DEJA_UNGUARDED") != "generation"
	guardLease      = os.Getenv("DEJA_UNGUARDED") != "lease"
	guardEpoch      = os.Getenv("DEJA_UNGUARDED") != "epoch"
	guardWatch      = os.Getenv("DEJA_UNGUARDED") != "watch"
	guardGone       = os.Getenv("DEJA_UNGUARDED") != "gone"
)
