package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/client"
)

// TestConversation is the whole path, on every topology, with the local model.
func TestConversation(t *testing.T) {
	for name, setUp := range topologies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, api := startNode(t, setUp(t)...)
			ctx := t.Context()
			id := shop(t, api)

			schema, _, err := api.Schema(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if len(schema.Tables) != 1 || schema.Tables[0].RowCount != 4 || len(schema.Tables[0].Columns) != 4 {
				t.Fatalf("schema: %+v", schema)
			}

			first, thread := turn(t, api, id, "What is the price of the saw?")
			wantOutcome(t, first, client.Miss)
			if !strings.Contains(first.Text, "18") {
				t.Errorf("the price of the saw: %q", first.Text)
			}
			again, other := turn(t, api, id, "What is the price of the saw?")
			wantOutcome(t, again, client.Hit)
			if again.Text != first.Text || again.Usage != first.Usage {
				t.Errorf("the repeated answer differs: %+v\n%+v", again, first)
			}

			// A hit appends both messages to its thread, like a miss.
			for _, th := range []string{thread, other} {
				want := []string{"user: What is the price of the saw?", "assistant: " + first.Text}
				if got := transcript(t, api, th); !cmp.Equal(got, want) {
					t.Errorf("the thread: %s", cmp.Diff(want, got))
				}
			}

			// The same conversation goes the same way; the second turn has a
			// context, and its answer is found by it.
			second := say(t, api, thread, id, "How many items are there?")
			wantOutcome(t, second, client.Miss)
			wantOutcome(t, say(t, api, other, id, "How many items are there?"), client.Hit)

			// An invalidation voids answers; a change of the data does too.
			if _, err := api.InvalidateAssistant(ctx, id); err != nil {
				t.Fatal(err)
			}
			fresh, _ := turn(t, api, id, "What is the price of the saw?")
			wantOutcome(t, fresh, client.Miss)
			if _, err := api.UploadSource(ctx, id, "shelves", "shelves.csv", strings.NewReader("shelf,metres\nA,12\nB,8\n")); err != nil {
				t.Fatal(err)
			}
			changed, _ := turn(t, api, id, "What is the price of the saw?")
			wantOutcome(t, changed, client.Miss)
			if schema, _, err = api.Schema(ctx, id); err != nil || len(schema.Tables) != 2 {
				t.Fatalf("the schema after the second upload: %+v, %v", schema, err)
			}
		})
	}
}

func say(t *testing.T, api *client.Client, threadID, assistantID, text string) *client.Answer {
	t.Helper()
	if _, err := api.AddMessage(t.Context(), threadID, text); err != nil {
		t.Fatal(err)
	}
	return runOn(t, api, threadID, assistantID)
}

// transcript lists a thread, oldest first.
func transcript(t *testing.T, api *client.Client, threadID string) []string {
	t.Helper()
	var lines []string
	for m, err := range api.Messages(t.Context(), threadID) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, m.Role+": "+m.Text())
	}
	return lines
}

// TestCacheSteering: what a request says about the cache is done.
func TestCacheSteering(t *testing.T) {
	model, flags := scriptedModel(t)
	_, api := startNode(t, flags...)
	a, err := api.CreateAssistant(t.Context(), client.AssistantParams{Model: new("test-model")})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(directives string) (*client.Answer, error) {
		var opts []client.CallOption
		if directives != "" {
			opts = append(opts, client.CacheControl(directives))
		}
		s, err := api.Ask(t.Context(), a.ID, "Is it so?", opts...)
		if err != nil {
			return nil, err
		}
		return s.Wait()
	}
	steps := []struct {
		directives string
		outcome    client.Outcome
		calls      int
	}{
		{"", client.Miss, 1},
		{"", client.Hit, 1},
		{"max-age=3600", client.Hit, 1},
		{"only-if-cached", client.Hit, 1},
		{"no-cache", client.Refresh, 2},
		{"", client.Hit, 2},
		{"no-cache, no-store", client.Bypass, 3},
	}
	if _, err := ask("only-if-cached"); err == nil || !strings.Contains(err.Error(), "504") {
		t.Errorf("only-if-cached without an answer: %v", err)
	}
	for _, s := range steps {
		answer, err := ask(s.directives)
		if err != nil {
			t.Fatalf("%q: %v", s.directives, err)
		}
		if answer.Outcome != s.outcome || model.Calls() != s.calls {
			t.Errorf("%q: outcome %s with %d calls, want %s with %d", s.directives, answer.Outcome, model.Calls(), s.outcome, s.calls)
		}
	}
}
