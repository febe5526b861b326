package redistest

import "time"

const beat = 10 * time.Millisecond

// Standstill runs f and gives the longest time in which this process did
// nothing though it should have: how late it came to what it wanted to do
// every 10 ms meanwhile. A test of what happens in time may try again when the
// machine stood still, and only then.
func Standstill(f func()) time.Duration {
	ticks := time.NewTicker(beat)
	defer ticks.Stop()
	over, longest := make(chan struct{}), make(chan time.Duration)
	go func() { longest <- lateness(ticks.C, over) }()
	f()
	close(over)
	return <-longest
}

// lateness gives by how much the latest beat was late.
func lateness(ticks <-chan time.Time, over <-chan struct{}) time.Duration {
	last, late := time.Now(), time.Duration(0)
	for {
		select {
		case <-over:
			return max(late, time.Since(last)-beat)
		case <-ticks:
			now := time.Now()
			late, last = max(late, now.Sub(last)-beat), now
		}
	}
}
