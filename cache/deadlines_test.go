package cache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

type exactClock struct{}

func (exactClock) NowNano() int64 { return time.Now().UnixNano() }

// What is handed out ends within the soft timeout, by no more than a tenth too
// soon, and is shared by calls that are close to each other.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const soft = time.Second
		d := &deadlines{clock: exactClock{}, after: soft}
		given := make(map[context.Context]bool)
		for range 1000 {
			ctx := d.context()
			given[ctx] = true
			ends, _ := ctx.Deadline()
			if left := time.Until(ends); left > soft || left < soft*9/10 || ctx.Err() != nil {
				t.Fatalf("ends in %v, %v", left, ctx.Err())
			}
			time.Sleep(7 * time.Millisecond)
		}
		// Seven seconds have 70 tenths; a goroutine whose stack moves changes to
		// another lane.
		if n := len(given); n > 200 || n < 60 {
			t.Errorf("%d contexts", n)
		}
		ctx := d.context()
		began := time.Now()
		<-ctx.Done()
		if took := time.Since(began); took > soft || took < soft*9/10 {
			t.Errorf("ended after %v", took)
		}
		time.Sleep(2 * soft) // the timers of the others
	})
}
