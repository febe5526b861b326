package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/redistest"
)

// TestTwoNodes: two nodes on one MongoDB and one Redis are one service.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	model, flags := scriptedModel(t)
	flags = append(flags, sharedParts(t)...)
	_, a := startNode(t, flags...)
	_, b := startNode(t, flags...)
	id := shop(t, a)

	first, thread := turn(t, a, id, "What is there?")
	wantOutcome(t, first, client.Miss)
	again, _ := turn(t, b, id, "What is there?")
	wantOutcome(t, again, client.Hit)
	if again.Text != first.Text || model.Calls() != 1 {
		t.Errorf("node b said %q after %d model calls, node a %q", again.Text, model.Calls(), first.Text)
	}

	// A conversation can go on at another node, which must not use a context
	// that it remembers from before.
	wantOutcome(t, say(t, b, thread, id, "And then?"), client.Miss)
	wantOutcome(t, say(t, a, thread, id, "And after that?"), client.Miss)
	wantOutcome(t, say(t, b, thread, id, "At last?"), client.Miss)
	if got := transcript(t, a, thread); len(got) != 8 {
		t.Errorf("the thread has %d messages, want 8: %q", len(got), got)
	}
	last := model.LastRequest()
	if n := len(last.Messages); n != 8 { // the system message and seven of the thread
		t.Errorf("the last call saw %d messages, want 8", n)
	}

	// A change at one node reaches the other's memory.
	if _, err := a.ModifyAssistant(t.Context(), id, client.AssistantParams{Instructions: new("Be brief.")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "node b sees the new instructions", func() bool {
		answer, err := b.Ask(t.Context(), id, "What is there?")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := answer.Wait(); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(model.LastRequest().Messages[0].Text, "Be brief.")
	})

	// So does an invalidation through the cache API. (That of the change above
	// comes in steps, the last of which may take a moment to get here.)
	eventually(t, "node b remembers", func() bool {
		answer, _ := turn(t, b, id, "One more?")
		return answer.Outcome == client.Hit
	})
	calls := model.Calls()
	if _, err := a.InvalidateAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "node b forgets", func() bool {
		answer, _ := turn(t, b, id, "One more?")
		return answer.Outcome == client.Miss
	})
	if model.Calls() != calls+1 {
		t.Errorf("%d model calls, want %d", model.Calls(), calls+1)
	}
}

// TestRedisOutage: Redis can go away and come back at any time; it costs time,
// never an answer.
func TestRedisOutage(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	model, flags := scriptedModel(t)
	_, api := startNode(t, append(flags, "--redis-url="+redis.URL())...)
	id := shop(t, api)
	first, _ := turn(t, api, id, "Before?")

	redis.Kill()
	for range 5 {
		answer, _ := turn(t, api, id, "Before?")
		if answer.Text != first.Text {
			t.Errorf("without Redis: %q", answer.Text)
		}
	}
	during, _ := turn(t, api, id, "During?")
	if during.Text == "" {
		t.Error("no answer without Redis")
	}
	health, err := api.Health(t.Context())
	if health == nil || health.Cache.Connected {
		t.Errorf("health without Redis: %+v, %v", health, err)
	}

	redis.Restart()
	eventually(t, "Redis is used again", func() bool {
		health, err := api.Health(t.Context())
		return err == nil && health != nil && health.Cache.Connected
	})
	calls := model.Calls()
	after, _ := turn(t, api, id, "After?")
	wantOutcome(t, after, client.Miss)
	eventually(t, "answers are cached again", func() bool {
		answer, _ := turn(t, api, id, "After?")
		return answer.Outcome == client.Hit
	})
	if model.Calls() < calls+1 {
		t.Error("the new question cost no model call")
	}
}

// TestOneCallForMany: N identical questions at once cost one model call, and
// everyone reads the whole answer.
func TestOneCallForMany(t *testing.T) {
	t.Parallel()
	model, flags := scriptedModel(t)
	_, api := startNode(t, flags...)
	id := shop(t, api)
	const readers = 100
	answers := make([]*client.Answer, readers)
	var all sync.WaitGroup
	for i := range readers {
		all.Go(func() {
			s, err := api.Ask(t.Context(), id, "All at once?")
			if err != nil {
				t.Error(err)
				return
			}
			if answers[i], err = s.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if model.Calls() != 1 {
		t.Errorf("%d model calls", model.Calls())
	}
	for _, a := range answers {
		if a == nil || a.Text != answers[0].Text || a.Text == "" {
			t.Fatalf("an answer differs: %+v", a)
		}
	}
}

func second(a *client.Answer, _ string) *client.Answer { return a }
