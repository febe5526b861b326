package answer_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// TestRunSentAgain: a run request with the id of one before starts nothing,
// whether that run is under way here, under way at another node, or done; and
// its messages are appended once.
func TestRunSentAgain(t *testing.T) {
	t.Parallel()
	_, nodes := newFleet(t, 2)
	a := nodes[0].assistant(deja.ShareThread)
	th := nodes[0].thread("One?")
	rest := make(chan struct{})
	nodes[0].model.On(llmtest.Any, llmtest.Text("It "), llmtest.Gate(rest), llmtest.Text("is."))
	request := func() answer.RunRequest {
		return answer.RunRequest{
			ID: deja.DerivedID(deja.RunPrefix, th.ID, "key"), ThreadID: th.ID, AssistantID: a.ID,
			Messages: []*deja.Message{userMessage(th.ID, "Two?")},
		}
	}
	var mu sync.Mutex
	var told [][]answer.RunEvent
	var started, all sync.WaitGroup
	for i := range 12 {
		started.Add(1)
		all.Go(func() {
			n := nodes[i%2]
			s, err := n.StartRun(t.Context(), request())
			started.Done()
			if err != nil {
				t.Error(err)
				return
			}
			events := n.follow(s)
			mu.Lock()
			told = append(told, events)
			mu.Unlock()
		})
	}
	started.Wait()
	close(rest)
	all.Wait()
	s, err := nodes[1].StartRun(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	told = append(told, nodes[1].follow(s))
	for i, events := range told {
		if got := names(events); !slices.Equal(got, usualOrder) {
			t.Errorf("telling %d: %v", i, got)
		}
		var text string
		for _, e := range events {
			text += e.Text
		}
		if text != "It is." {
			t.Errorf("telling %d: %q", i, text)
		}
	}
	if diff := cmp.Diff([]string{"user: One?", "user: Two?", "assistant: It is."}, nodes[0].texts(th.ID)); diff != "" {
		t.Error(diff)
	}
	if nodes[0].model.Calls() != 1 {
		t.Errorf("%d calls", nodes[0].model.Calls())
	}
	other := nodes[0].assistant(deja.ShareThread)
	wrong := request()
	wrong.AssistantID = other.ID
	if _, err := nodes[0].StartRun(t.Context(), wrong); deja.ErrorCode(err) != deja.CodeInvalid {
		t.Errorf("the key with another assistant: %v", err)
	}
}
