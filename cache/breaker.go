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
//
// A slow answer, or one that did not come in time, may be this process's own
// fault: without a processor, or in a long pause, nobody reads the answer that
// has long been there. To take that for a slow Redis would make a node that is
// short of time do more: load, and ask models, what others have. So such a
// verdict waits a moment, and does not count if the moment, too, took far
// longer than it should have.
type breaker struct {
	open  atomic.Bool
	probe atomic.Bool // a probe is under way: half-open
	score atomic.Int64
	slow  time.Duration
	tell  func(error) // that the breaker should open

	pending  atomic.Int64 // what verdicts that wait come to
	deciding atomic.Bool  // a timer runs for them
}

const (
	breakerLimit   = 40
	breakerFailure = 8 // five in a row open it
	breakerSlow    = 2 // twenty in a row do

	breakerMoment = 5 * time.Millisecond
)

// good notes an answer and how long it took.
func (b *breaker) good(took time.Duration) {
	if took > b.slow {
		b.suspect(breakerSlow, errSlow)
		return
	}
	if s := b.score.Load(); s > 0 {
		b.score.CompareAndSwap(s, s-1)
	}
}

// bad notes a failure.
func (b *breaker) bad(err error) { b.add(breakerFailure, err) }

// late notes that there was no answer in time.
func (b *breaker) late(err error) { b.suspect(breakerFailure, err) }

func (b *breaker) add(n int64, err error) {
	if b.score.Add(n) >= breakerLimit {
		b.tell(err)
	}
}

// suspect adds to the score unless this process turns out to be slow itself.
func (b *breaker) suspect(n int64, err error) {
	b.pending.Add(n)
	if b.deciding.Swap(true) {
		return
	}
	began := time.Now()
	time.AfterFunc(breakerMoment, func() { b.decide(time.Since(began)-breakerMoment, err) })
}

// decide is told how late the moment was over.
func (b *breaker) decide(late time.Duration, err error) {
	b.deciding.Store(false)
	if n := b.pending.Swap(0); n > 0 && late < max(b.slow/4, breakerMoment) {
		b.add(n, err)
	}
}

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
