package answer

import (
	"testing"

	"github.com/dejahq/deja"
)

// TestRunGoesOnBeforeItRests: the end of a run's first part does not take the
// second off the runs that are driven here, however soon that began.
func TestRunGoesOnBeforeItRests(t *testing.T) {
	t.Parallel()
	a := &Answerer{runs: make(map[string]liveRun)}
	d := &driver{a: a, run: &deja.Run{ID: "run_1"}}
	first, second := &RunStream{}, &RunStream{}
	a.runs["run_1"] = liveRun{stream: second}
	d.done(first, func(error) {})
	if a.runs["run_1"].stream != second {
		t.Error("the second part is not known any more")
	}
	d.done(second, func(error) {})
	if len(a.runs) != 0 {
		t.Error("the second part is known after its end")
	}
}
