package layers

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja"
)

func TestMarksAreGivenTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r repairs
		early, late, cleared := deja.Mark{AssistantID: "early", Version: 2}, deja.Mark{AssistantID: "late", Version: 2}, deja.Mark{AssistantID: "cleared", Version: 2}
		there := func(m deja.Mark) bool { return m != cleared }
		r.see(early, cleared)
		if due := r.due(there, markPatience); len(due) != 0 {
			t.Errorf("at once: %v", due)
		}
		time.Sleep(markPatience - time.Second)
		r.see(early, late) // what is seen again keeps its time
		time.Sleep(time.Second)
		if due := r.due(there, markPatience); len(due) != 1 || due[0] != early {
			t.Errorf("after the time given: %v", due)
		}
		// A later change of the same assistant begins anew.
		again := early
		again.Version++
		r.see(again)
		if due := r.due(func(m deja.Mark) bool { return m == again }, markPatience); len(due) != 0 {
			t.Errorf("changed again: %v", due)
		}
		if len(r.seen) != 1 {
			t.Errorf("remembered: %v", r.seen)
		}
	})
}
