package cache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func newBreaker(opened *error) *breaker {
	return &breaker{slow: 50 * time.Millisecond, tell: func(err error) { *opened = err }}
}

// TestBreakerOpensOnSlowness: twenty slow answers open it, or five that don't
// come in time; quick ones in between hold it shut.
func TestBreakerOpensOnSlowness(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]struct {
		say  func(*breaker)
		many int
	}{
		"slow": {func(b *breaker) { b.good(time.Second) }, breakerLimit / breakerSlow},
		"late": {func(b *breaker) { b.late(context.DeadlineExceeded) }, breakerLimit / breakerFailure},
		"bad":  {func(b *breaker) { b.bad(errAway) }, breakerLimit / breakerFailure},
	} {
		synctest.Test(t, func(t *testing.T) { // in a bubble no timer is late
			var opened error
			b := newBreaker(&opened)
			for i := range verdict.many {
				if opened != nil {
					t.Errorf("%s: open after %d", name, i)
				}
				verdict.say(b)
				time.Sleep(2 * breakerMoment)
				synctest.Wait()
			}
			if opened == nil {
				t.Errorf("%s: shut after %d", name, verdict.many)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		var opened error
		b := newBreaker(&opened)
		for range 1000 {
			b.good(time.Second)
			time.Sleep(2 * breakerMoment)
			for range breakerSlow {
				b.good(time.Millisecond)
			}
		}
		if opened != nil {
			t.Error("open although most answers are quick")
		}
	})
}

// TestBreakerForgivesAStarvedProcess: what is slow because this process gets
// no time does not open it.
func TestBreakerForgivesAStarvedProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var opened error
		b := newBreaker(&opened)
		for range 3 * breakerLimit {
			b.good(time.Second)
			b.late(context.DeadlineExceeded)
			if !b.deciding.Load() {
				t.Fatal("nothing waits for a verdict")
			}
			b.decide(10*b.slow, context.DeadlineExceeded) // as the timer does when it runs late
		}
		if opened != nil || b.score.Load() != 0 {
			t.Errorf("open: %v, score %d", opened, b.score.Load())
		}
	})
}
