package main

import (
	"testing"

	"github.com/dejahq/deja/client"
)

// TestCachingOff: with --cache=off every question costs a model call and the
// same queries again, and conversations go on as ever.
func TestCachingOff(t *testing.T) {
	t.Parallel()
	model, flags := scriptedModel(t)
	_, api := startNode(t, append(flags, "--cache=off")...)
	id := shop(t, api)
	before, err := api.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 4
	var thread string
	var each int64
	for n := range int64(rounds) {
		var a *client.Answer
		a, thread = turn(t, api, id, "What is it?")
		wantOutcome(t, a, client.Bypass)
		m, err := api.Metrics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		queries := m.Savings.StoreQueries - before.Savings.StoreQueries
		if n == 0 {
			each = queries
		}
		// Assistant, schema and context: three reads at the least.
		if each < 3 || queries != (n+1)*each || m.Savings.StoreQueriesAvoided != before.Savings.StoreQueriesAvoided || m.Savings.ModelCallsAvoided != 0 {
			t.Errorf("after question %d: %+v", n+1, m.Savings)
		}
		for _, l := range m.Layers {
			if l.Hits > 0 || l.Fills > 0 || l.MemoryItems > 0 {
				t.Errorf("the layer %s is in use: %+v", l.Name, l)
			}
		}
	}
	if model.Calls() != rounds {
		t.Errorf("%d model calls", model.Calls())
	}
	say(t, api, thread, id, "And then?")
	if got := len(transcript(t, api, thread)); got != 4 {
		t.Errorf("%d messages in the thread", got)
	}
	if got := len(model.LastRequest().Messages); got < 4 { // the system's, and the conversation so far
		t.Errorf("the model saw %d messages", got)
	}
}
