package redistest

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestStandstill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Nobody is ever late in a bubble.
		if late := Standstill(func() { time.Sleep(time.Second) }); late != 0 {
			t.Errorf("late by %v", late)
		}
		for _, pauses := range [][]time.Duration{{beat, 310 * time.Millisecond, beat}, {beat, beat, 310 * time.Millisecond}} {
			ticks, over, found := make(chan time.Time), make(chan struct{}), make(chan time.Duration, 1)
			go func() { found <- lateness(ticks, over) }()
			for i, pause := range pauses {
				time.Sleep(pause)
				if i < len(pauses)-1 {
					ticks <- time.Now()
				}
			}
			close(over)
			if late := <-found; late != 300*time.Millisecond {
				t.Errorf("%v: late by %v", pauses, late)
			}
		}
	})
}
