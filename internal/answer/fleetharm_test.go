package answer_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// harmed asks on the first node, follows on the second, and does harm when the
// follower has read the first half; both must read all of it nevertheless.
func harmed(t *testing.T, nodes []*house, a *deja.Assistant, text string, half, rest []string, on chan struct{}, harm func(leader *answer.Reply)) {
	t.Helper()
	leader, err := nodes[0].Ask(t.Context(), question(a.ID, text))
	if err != nil || leader.Outcome != answer.Miss {
		t.Fatal(leader, err)
	}
	follower, err := nodes[1].Ask(t.Context(), question(a.ID, text))
	if err != nil || follower.Outcome != answer.Coalesced {
		t.Fatal(follower, err)
	}
	var all sync.WaitGroup
	var done sync.Once
	for _, r := range []*answer.Reply{leader, follower} {
		all.Go(func() {
			var got strings.Builder
			for d, err := range r.Deltas(t.Context(), nil) {
				if err != nil {
					t.Errorf("%s: %v after %d bytes", r.Outcome, err, got.Len())
					return
				}
				got.WriteString(d.Text)
				if r == follower && got.String() == strings.Join(half, "") {
					done.Do(func() {
						defer close(on)
						harm(leader)
					})
				}
			}
			if got.String() != strings.Join(half, "")+strings.Join(rest, "") {
				t.Errorf("%s: read %d bytes: %.60q", r.Outcome, got.Len(), got.String())
			}
		})
	}
	all.Wait()
}

// TestInvalidationMidStream: who reads when the assistant is invalidated reads
// on, on every node; the answer is not cached, and who asks from then on, on
// any node, gets a new one.
func TestInvalidationMidStream(t *testing.T) {
	t.Parallel()
	_, nodes := newFleet(t, 3)
	a := nodes[0].assistant(deja.ShareAssistant)
	model := nodes[0].model
	rest := make(chan struct{})
	model.Next(llmtest.Any, llmtest.Text("one "), llmtest.Gate(rest), llmtest.Text("two"))
	model.On(llmtest.Any, llmtest.Text("new"))
	harmed(t, nodes, a, "Still the same?", []string{"one "}, []string{"two"}, rest, func(*answer.Reply) {
		if _, err := nodes[2].layers.InvalidateAssistant(t.Context(), a.ID); err != nil {
			t.Error(err)
		}
		// A push takes a moment; the node that invalidates knows at once.
		if _, got := nodes[2].ask(question(a.ID, "Still the same?")); got.Text != "new" {
			t.Errorf("asked afterwards on the third node: %q", got.Text)
		}
		cached := question(a.ID, "Still the same?")
		cached.Control.OnlyIfCached = true
		for i, n := range nodes[:2] {
			n.wait("the new answer", func() bool {
				r, err := n.Ask(t.Context(), cached)
				if err != nil {
					return false
				}
				got, err := r.Wait(t.Context())
				return err == nil && got.Text == "new"
			})
			// The old answer is still being made, or followed, on this node.
			if _, got := n.ask(question(a.ID, "Still the same?")); got.Text != "new" {
				t.Errorf("asked afterwards on node %d: %q", i, got.Text)
			}
		}
	})
	for i, n := range nodes {
		if r, got := n.ask(question(a.ID, "Still the same?")); got.Text != "new" || r.Outcome != answer.Hit {
			t.Errorf("node %d: %s %q", i, r.Outcome, got.Text)
		}
	}
	if model.Calls() != 2 {
		t.Errorf("%d calls, want the old and the new", model.Calls())
	}
}

// TestFlushMidStream: somebody empties Redis in the middle. Everybody reads all
// of the answer, for at most one more call.
func TestFlushMidStream(t *testing.T) {
	t.Parallel()
	redis, nodes := newFleet(t, 2)
	a := nodes[0].assistant(deja.ShareAssistant)
	model := nodes[0].model
	rest := make(chan struct{})
	model.On(llmtest.Any, llmtest.Text("one "), llmtest.Gate(rest), llmtest.Text("two ", "three"))
	harmed(t, nodes, a, "Flushed?", []string{"one "}, []string{"two ", "three"}, rest, func(*answer.Reply) {
		if _, err := redis.Do("FLUSHALL"); err != nil {
			t.Error(err)
		}
	})
	if model.Calls() > 2 {
		t.Errorf("%d calls", model.Calls())
	}
}

// TestLongAnswersStream: what the stream in Redis no longer has, a follower
// takes from the whole answer at the end: here all that came before it, and a
// piece in the middle.
func TestLongAnswersStream(t *testing.T) {
	t.Parallel()
	redis, nodes := newFleet(t, 2)
	a := nodes[0].assistant(deja.ShareAssistant)
	model := nodes[0].model
	first, rest := make(chan struct{}), make(chan struct{})
	var pieces []string
	for i := range 200 {
		pieces = append(pieces, fmt.Sprintf("word%d ", i))
	}
	model.Next(llmtest.Any, llmtest.Text(pieces[:100]...), llmtest.Gate(first), llmtest.Text(pieces[100:150]...), llmtest.Gate(rest), llmtest.Text(pieces[150:]...))
	trim := func(key string) {
		if _, err := redis.Do("XTRIM", "{"+key+"}:live", "MAXLEN", "0"); err != nil {
			t.Error(err)
		}
	}
	// The first follower reads the first part; the second part is lost to it;
	// the second follower comes when both are gone.
	leader, err := nodes[0].Ask(t.Context(), question(a.ID, "Tell me more."))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	want := strings.Join(pieces, "")
	read := func(r *answer.Reply, at int, then func()) {
		var got strings.Builder
		for d, err := range r.Deltas(t.Context(), nil) {
			if err != nil {
				t.Error(err)
				return
			}
			got.WriteString(d.Text)
			if at > 0 && got.Len() == len(strings.Join(pieces[:at], "")) {
				then()
			}
		}
		if got.String() != want {
			t.Errorf("%s: read %d bytes of %d", r.Outcome, got.Len(), len(want))
		}
	}
	halfway := make(chan struct{})
	all.Go(func() { read(leader, 100, func() { close(halfway) }) })
	<-halfway
	trim(leader.Key)
	late, err := nodes[1].Ask(t.Context(), question(a.ID, "Tell me more."))
	if err != nil || late.Outcome != answer.Coalesced {
		t.Fatal(late, err)
	}
	all.Go(func() { read(late, 0, nil) })
	close(first)
	trim(leader.Key)
	close(rest)
	all.Wait()
	if model.Calls() != 1 {
		t.Errorf("%d calls", model.Calls())
	}
}
