package answer_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// deltas reads a reply to its end.
func (h *house) deltas(q answer.Question) (*answer.Reply, []deja.Delta) {
	h.t.Helper()
	r, err := h.Ask(h.t.Context(), q)
	if err != nil {
		h.t.Fatal(err)
	}
	var ds []deja.Delta
	for d, err := range r.Deltas(h.t.Context(), nil) {
		if err != nil {
			h.t.Fatal(err)
		}
		ds = append(ds, d)
	}
	return r, ds
}

// TestReplayIsTheLiveStream: a hit has the very deltas of the live answer, with
// thoughts, text, calls and rounds of queries in their places; and a run of it
// the same events.
func TestReplayIsTheLiveStream(t *testing.T) {
	t.Parallel()
	usage := llmtest.Usage(llmtest.TokenUsage{Prompt: 30, Completion: 20, Cached: 10, Reasoning: 5})
	for name, rounds := range map[string][][]llmtest.Step{
		"text":     {{llmtest.Text("It ", "is ", "so."), usage}},
		"thoughts": {{llmtest.Reasoning("Hm. ", "Well. "), llmtest.Text("It "), llmtest.Reasoning("Or?"), llmtest.Text("is."), usage}},
		"calls": {{
			llmtest.Reasoning("A door."), llmtest.Text("I ", "open."),
			llmtest.Call("call_1", "open_door", `{"door":`, `1}`), llmtest.Call("call_2", "open_door", `{}`), usage,
		}},
		"no arguments": {{llmtest.Call("call_1", "open_door"), usage}},
		"empty":        {{usage}},
		"queries": {
			{llmtest.Reasoning("Look."), llmtest.Text("Let me ", "look."), llmtest.Call("q1", "query_data", `{"table":`, `"stock"}`)},
			{llmtest.Call("q2", "query_data", `{"table":"stock"}`), llmtest.Call("q3", "query_data", `{}`)},
			{llmtest.Reasoning("Now."), llmtest.Text("Two ", "items."), usage},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			a := h.assistant(deja.ShareAssistant)
			h.data(a)
			a, err := h.layers.EditAssistant(t.Context(), a.ID, func(a *deja.Assistant) error {
				a.Caching.SafeTools = []string{"open_door"}
				a.Tools = []deja.Tool{{Type: "function", Function: &deja.Function{Name: "open_door"}}}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			play := func() {
				for _, steps := range rounds {
					h.model.Next(llmtest.Any, steps...)
				}
			}
			play()
			r, live := h.deltas(question(a.ID, "Is it so?"))
			if r.Outcome != answer.Miss {
				t.Fatalf("at first a %s", r.Outcome)
			}
			r, again := h.deltas(question(a.ID, "Is it so?"))
			if diff := cmp.Diff(live, again); diff != "" || r.Outcome != answer.Hit {
				t.Errorf("a %s: %s", r.Outcome, diff)
			}
			if u := again[len(again)-1].Usage; u.CachedTokens != 10 || u.ReasoningTokens != 5 {
				t.Errorf("usage %+v", u)
			}

			play()
			_, events := h.run(answer.RunRequest{ThreadID: h.thread("Is it so, run?").ID, AssistantID: a.ID})
			s, replayed := h.run(answer.RunRequest{ThreadID: h.thread("Is it so, run?").ID, AssistantID: a.ID})
			if diff := cmp.Diff(shape(events), shape(replayed)); diff != "" || s.Outcome != answer.Hit {
				t.Errorf("the run, a %s: %s", s.Outcome, diff)
			}
		})
	}
}

// TestHitsAreReady: who asks for what is cached finds all of it there, to its
// end, and is never told to wait.
func TestHitsAreReady(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareAssistant)
	var pieces []string
	for range 500 {
		pieces = append(pieces, "so ")
	}
	h.model.On(llmtest.Any, llmtest.Text(pieces...))
	h.deltas(question(a.ID, "Is it so?"))
	for range 50 {
		r, err := h.Ask(t.Context(), question(a.ID, "Is it so?"))
		if err != nil {
			t.Fatal(err)
		}
		n, waits := 0, 0
		for _, err := range r.Deltas(t.Context(), func() error { waits++; return nil }) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if r.Outcome != answer.Hit || n != len(pieces)+1 || waits != 0 {
			t.Fatalf("a %s of %d pieces, with %d waits", r.Outcome, n, waits)
		}
	}
}

// shape is what is the same in two runs with the same answer.
func shape(events []answer.RunEvent) []string {
	var all []string
	for _, e := range events {
		s := fmt.Sprint(e.Name, " ", e.Text, e.Tools)
		if e.Step != nil {
			s += fmt.Sprint(e.Step.Type, e.Step.Status, len(e.Step.ToolCalls))
		}
		if e.Run != nil {
			s += fmt.Sprint(e.Run.Status, len(e.Run.RequiredAction))
			if e.Run.Usage != nil {
				s += fmt.Sprint(*e.Run.Usage)
			}
		}
		if e.Message != nil && e.Name == "thread.message.completed" {
			s += e.Message.Text()
		}
		all = append(all, s)
	}
	return all
}

// TestSafeTools: an answer that calls the caller's tools is cached when the
// policy says that all of them are safe to call again.
func TestSafeTools(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		safe  []string
		calls []string
		again answer.Outcome
	}{
		"none is safe":  {nil, []string{"look_up"}, answer.Miss},
		"it is safe":    {[]string{"look_up"}, []string{"look_up"}, answer.Hit},
		"both are":      {[]string{"look_up", "find"}, []string{"look_up", "find"}, answer.Hit},
		"one is not":    {[]string{"look_up"}, []string{"look_up", "open_door"}, answer.Miss},
		"all are":       {[]string{deja.AnyTool}, []string{"open_door"}, answer.Hit},
		"another":       {[]string{"find"}, []string{"look_up"}, answer.Miss},
		"a longer name": {[]string{"look"}, []string{"look_up"}, answer.Miss},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			a := h.assistant(deja.ShareAssistant)
			a, err := h.layers.EditAssistant(t.Context(), a.ID, func(a *deja.Assistant) error {
				a.Caching.SafeTools = test.safe
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			steps := []llmtest.Step{llmtest.Text("One moment.")}
			for i, name := range test.calls {
				steps = append(steps, llmtest.Call(fmt.Sprint("call_", i), name, "{}"))
			}
			h.model.On(llmtest.Any, steps...)
			_, first := h.ask(question(a.ID, "Well?"))
			r, again := h.ask(question(a.ID, "Well?"))
			if diff := cmp.Diff(first.ToolCalls, again.ToolCalls); diff != "" || r.Outcome != test.again {
				t.Errorf("again a %s: %s", r.Outcome, diff)
			}

			// What follows the tools' outputs is an answer as any other.
			if test.again != answer.Hit {
				return
			}
			h.model.On(llmtest.Any, llmtest.Text("Done."))
			var ids []string
			for i := range 2 {
				th := h.thread("Well, run?")
				if i == 0 {
					h.model.Next(llmtest.Any, steps...)
				}
				s, _ := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
				outputs := make(map[string]string)
				for _, c := range h.stored(th.ID, s.Run.ID).RequiredAction {
					outputs[c.ID] = "ok"
				}
				ids = append(ids, fmt.Sprint(outputs))
				if s, err = h.SubmitToolOutputs(t.Context(), th.ID, s.Run.ID, outputs); err != nil {
					t.Fatal(err)
				}
				h.follow(s)
				if i == 1 && s.Outcome != answer.Hit {
					t.Errorf("the same outputs again: %s", s.Outcome)
				}
				if diff := cmp.Diff([]string{"user: Well, run?", "assistant: One moment.", "assistant: Done."}, h.texts(th.ID)); diff != "" {
					t.Error(diff)
				}
			}
			if ids[0] != ids[1] {
				t.Errorf("calls %v", ids)
			}
		})
	}
}
