package cache

import (
	"sync/atomic"
	"time"
)

// breaker decides whether Redis is asked at all. Failures and slow answers
// raise a score that good answers lower; at the limit it opens, and requests
// no longer wait for Redis. Only the one background probe (see recover.go)
// closes it, after it has replayed what Redis missed.
//
// It isn't a general breaker library's: those let a request of some caller be
// the probe, and take a lock on each success; here a success costs one load.
type breaker struct {
	open  atomic.Bool
	probe atomic.Bool // a probe is under way: half-open
	score atomic.Int64
	slow  time.Duration
}

const (
	breakerLimit   = 40
	breakerFailure = 8 // five in a row open it
	breakerSlow    = 2 // twenty in a row do
)

// good notes an answer and whether it was slow. It reports that the breaker
// should open.
func (b *breaker) good(took time.Duration) bool {
	if took > b.slow {
		return b.score.Add(breakerSlow) >= breakerLimit
	}
	if s := b.score.Load(); s > 0 {
		b.score.CompareAndSwap(s, s-1)
	}
	return false
}

// bad notes a failure. It reports that the breaker should open.
func (b *breaker) bad() bool { return b.score.Add(breakerFailure) >= breakerLimit }

func (b *breaker) state() string {
	switch {
	case !b.open.Load():
		return "closed"
	case b.probe.Load():
		return "half-open"
	default:
		return "open"
	}
}
