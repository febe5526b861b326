package answer_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// TestTwoThousandReaders: 2,000 identical streamed questions at once over four
// nodes are exactly one call, and every reader's text is the same.
func TestTwoThousandReaders(t *testing.T) {
	_, nodes := newFleet(t, 4)
	a := nodes[0].assistant(deja.ShareAssistant)
	model := nodes[0].model
	var want string
	var pieces []string
	for i := range 60 {
		pieces = append(pieces, fmt.Sprintf("word%d ", i))
		want += pieces[i]
	}
	everybody := make(chan struct{})
	model.On(llmtest.Any, llmtest.Text(pieces[:20]...), llmtest.Gate(everybody), llmtest.Text(pieces[20:]...))
	var all, asked sync.WaitGroup
	var coalesced atomic.Int64
	asked.Add(2000)
	for i := range 2000 {
		all.Go(func() {
			r, err := nodes[i%4].Ask(t.Context(), question(a.ID, "Everybody?"))
			asked.Done()
			if err != nil {
				t.Error(err)
				return
			}
			if r.Outcome == answer.Coalesced {
				coalesced.Add(1)
			}
			var text strings.Builder
			for d, err := range r.Deltas(t.Context(), nil) {
				if err != nil {
					t.Error(err)
					return
				}
				text.WriteString(d.Text)
			}
			if text.String() != want {
				t.Errorf("read %q", text.String())
			}
		})
	}
	asked.Wait()
	close(everybody)
	all.Wait()
	if model.Calls() != 1 || coalesced.Load() != 1999 {
		t.Errorf("%d calls, %d coalesced", model.Calls(), coalesced.Load())
	}
}
