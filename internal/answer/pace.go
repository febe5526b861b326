package answer

import (
	"context"
	"time"

	"github.com/dejahq/deja"
)

// pacer lets the pieces of a cached answer through at a steady rate, so that it
// reads like one that is being made. nil lets all through at once.
type pacer struct {
	every time.Duration
	next  time.Time // when the next piece may go; zero: at once
}

// newPacer lets rate pieces a second through; 0 or less: all at once.
func newPacer(rate float64) *pacer {
	if rate <= 0 {
		return nil
	}
	return &pacer{every: max(time.Duration(float64(time.Second)/rate), 1)}
}

// wait waits for the next piece's turn, as feed.read waits for the next item. The
// first goes at once, and a reader that was slow is not made to wait for what it
// has missed.
func (p *pacer) wait(ctx context.Context, idle func() error) error {
	if p == nil {
		return nil
	}
	now := time.Now()
	if idle != nil && p.next.After(now) {
		if err := idle(); err != nil {
			return err
		}
		now = time.Now()
	}
	if d := p.next.Sub(now); d > 0 {
		if !pause(ctx, d) {
			return context.Cause(ctx)
		}
		now = p.next
	}
	p.next = now.Add(p.every)
	return nil
}

// replayRate is how many pieces a second a cached answer of an assistant is
// told in.
func (a *Answerer) replayRate(asst *deja.Assistant) float64 {
	if r := asst.Caching.ReplayRate; r != nil {
		return *r
	}
	return a.o.ReplayRate
}
