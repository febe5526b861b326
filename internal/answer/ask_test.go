package answer_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

func TestHitReplaysTheAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	h.model.On(llmtest.Any, llmtest.Reasoning("Hm. "), llmtest.Text("It ", "is ", "so."),
		llmtest.Usage(llmtest.TokenUsage{Prompt: 11, Completion: 7}))
	read := func() (*answer.Reply, []deja.Delta) {
		r, err := h.Ask(t.Context(), question(a.ID, "Is it so?"))
		if err != nil {
			t.Fatal(err)
		}
		var ds []deja.Delta
		for d, err := range r.Deltas(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			ds = append(ds, d)
		}
		return r, ds
	}
	miss, live := read()
	hit, replayed := read()
	if miss.Outcome != answer.Miss || hit.Outcome != answer.Hit || h.model.Calls() != 1 {
		t.Fatalf("outcomes %s and %s, %d calls", miss.Outcome, hit.Outcome, h.model.Calls())
	}
	if miss.Key != hit.Key || !strings.HasPrefix(hit.Key, "message:chat_") {
		t.Errorf("keys %q and %q", miss.Key, hit.Key)
	}
	pieces := func(ds []deja.Delta) (p []string) {
		for _, d := range ds {
			p = append(p, d.Reasoning+d.Text+string(d.FinishReason))
		}
		return p
	}
	if !slices.Equal(pieces(live), pieces(replayed)) {
		t.Errorf("live %q, replayed %q", pieces(live), pieces(replayed))
	}
	if u := replayed[len(replayed)-1].Usage; u == nil || u.PromptTokens != 11 || u.CompletionTokens != 7 {
		t.Errorf("usage of the hit: %+v", u)
	}
	s := h.monitor.Snapshot().Savings
	if s.ModelCalls != 1 || s.ModelCallsAvoided != 1 {
		t.Errorf("counted %+v", s)
	}
}

// TestOnlyWholeAnswersAreCached: a cut, filtered, refused, cancelled, failed or
// length-limited answer must be asked for again.
func TestOnlyWholeAnswersAreCached(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]llmtest.Step{
		"cut":          {llmtest.Text("It is"), llmtest.Cut()},
		"no end":       {llmtest.Text("It is"), llmtest.End()},
		"filtered":     {llmtest.Text("It is"), llmtest.Finish("content_filter")},
		"too long":     {llmtest.Text("It is"), llmtest.Finish("length")},
		"refused":      {llmtest.Refusal("I won't.")},
		"stream error": {llmtest.Text("It is"), llmtest.StreamError("server_error", "boom", "it broke")},
		"malformed":    {llmtest.Text("It is"), llmtest.Raw("data: {nonsense\n\n")},
		"bad request":  {llmtest.Status(400, "no such model")},
		"tool call":    {llmtest.Call("call_1", "open_door", "{}")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			a := h.assistant(deja.ShareAssistant)
			for range 2 {
				h.model.Next(llmtest.Any, steps...)
				r, err := h.Ask(t.Context(), question(a.ID, "Is it so?"))
				if err == nil {
					if r.Outcome != answer.Miss {
						t.Errorf("outcome %s", r.Outcome)
					}
					_, _ = r.Wait(t.Context())
				}
			}
			if h.model.Calls() != 2 {
				t.Errorf("%d calls, want 2", h.model.Calls())
			}
			r, whole := h.ask(question(a.ID, "Is it so?"))
			if r.Outcome != answer.Miss || whole.FinishReason != deja.FinishStop {
				t.Errorf("afterwards: %s, %+v", r.Outcome, whole)
			}
		})
	}
}

func TestIdenticalQuestionsShareOneCall(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareAssistant)
	rest := make(chan struct{})
	h.model.On(llmtest.Any, llmtest.Text("first "), llmtest.Gate(rest), llmtest.Text("second"))

	const readers = 200
	outcomes := make(chan answer.Outcome, readers)
	var all, boarded sync.WaitGroup
	boarded.Add(readers)
	for range readers {
		all.Go(func() {
			r, err := h.Ask(t.Context(), question(a.ID, "All?"))
			boarded.Done()
			if err != nil {
				t.Error(err)
				return
			}
			outcomes <- r.Outcome
			got, err := r.Wait(t.Context())
			if err != nil || got.Text != "first second" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	boarded.Wait()
	close(rest)
	all.Wait()
	close(outcomes)
	count := map[answer.Outcome]int{}
	for o := range outcomes {
		count[o]++
	}
	if h.model.Calls() != 1 || count[answer.Miss] != 1 || count[answer.Coalesced] != readers-1 {
		t.Errorf("%d calls, outcomes %v", h.model.Calls(), count)
	}
	if s := h.monitor.Snapshot().Savings; s.ModelCalls != 1 || s.ModelCallsAvoided != readers-1 {
		t.Errorf("counted %d calls, %d avoided", s.ModelCalls, s.ModelCallsAvoided)
	}
}

// TestReadersShareAHit: who boards a flight that has just found the answer in
// the cache reads it too, and is counted as a call avoided.
func TestReadersShareAHit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareAssistant)
	h.model.On(llmtest.Any, llmtest.Text("It is so."))
	h.ask(question(a.ID, "Is it so?"))

	const readers, rounds = 8, 200
	var work sync.WaitGroup
	for range readers {
		work.Go(func() {
			for range rounds {
				r, err := h.Ask(t.Context(), question(a.ID, "Is it so?"))
				if err != nil {
					t.Error(err)
					return
				}
				if whole, err := r.Wait(t.Context()); err != nil || whole.Text != "It is so." {
					t.Errorf("%s: %+v, %v", r.Outcome, whole, err)
				}
			}
		})
	}
	work.Wait()
	if s := h.monitor.Snapshot().Savings; s.ModelCalls != 1 || s.ModelCallsAvoided != readers*rounds {
		t.Errorf("counted %+v, want %d avoided", s, readers*rounds)
	}
}

// TestReadersLeave: one that leaves does not end the call for others; the
// last one does, and nothing of it is cached.
func TestReadersLeave(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareAssistant)
	h.model.On(llmtest.Any, llmtest.Text("first "), llmtest.Hang())

	ctx1, leave1 := context.WithCancel(t.Context())
	ctx2, leave2 := context.WithCancel(t.Context())
	defer leave2()
	r1, err := h.Ask(ctx1, question(a.ID, "Who stays?"))
	if err != nil {
		t.Fatal(err)
	}
	r2, err := h.Ask(ctx2, question(a.ID, "Who stays?"))
	if err != nil {
		t.Fatal(err)
	}
	if r2.Outcome != answer.Coalesced {
		t.Fatalf("outcome %s", r2.Outcome)
	}
	leave1()
	if _, err := r1.Wait(ctx1); !errors.Is(err, context.Canceled) {
		t.Errorf("the first reader: %v", err)
	}
	for d, err := range r2.Deltas(ctx2, nil) {
		if err != nil || d.Text != "first " {
			t.Fatalf("the second reader: %+v, %v", d, err)
		}
		break // it leaves, and it was the last
	}
	if err := h.model.WaitOpen(t.Context(), 0); err != nil {
		t.Fatal("the call goes on without readers")
	}
	h.model.On(llmtest.Any, llmtest.Text("whole"))
	if r, got := h.ask(question(a.ID, "Who stays?")); r.Outcome != answer.Miss || got.Text != "whole" {
		t.Errorf("afterwards: %s, %q", r.Outcome, got.Text)
	}
}

// TestNothingCrosses: answers stay with their assistant, their client and
// their thread, unless the assistant shares them.
func TestNothingCrosses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.model.OnFunc(llmtest.Any, func(*llmtest.Request) []llmtest.Step {
		return []llmtest.Step{llmtest.Text("answer " + strings.Repeat("i", h.model.Calls()))}
	})
	private, other, shared := h.assistant(deja.ShareThread), h.assistant(deja.ShareThread), h.assistant(deja.ShareAssistant)
	off := h.assistant(deja.ShareOff)
	ask := func(assistantID, client string) answer.Outcome {
		q := question(assistantID, "Mine?")
		q.Client = client
		r, _ := h.ask(q)
		return r.Outcome
	}
	for _, step := range []struct {
		assistantID, client string
		want                answer.Outcome
	}{
		{private.ID, "a", answer.Miss},
		{private.ID, "a", answer.Hit},
		{private.ID, "b", answer.Miss},
		{other.ID, "a", answer.Miss},
		{shared.ID, "a", answer.Miss},
		{shared.ID, "b", answer.Hit},
		{off.ID, "a", answer.Bypass},
		{off.ID, "a", answer.Bypass},
	} {
		if got := ask(step.assistantID, step.client); got != step.want {
			t.Errorf("%+v: %s", step, got)
		}
	}
	if h.model.Calls() != 6 {
		t.Errorf("%d calls, want 6", h.model.Calls())
	}
}

// TestChangesVoidAnswers: a change of the assistant or of its data makes its
// answers unreachable.
func TestChangesVoidAnswers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareAssistant)
	outcome := func() answer.Outcome {
		r, _ := h.ask(question(a.ID, "Still so?"))
		return r.Outcome
	}
	want := func(when string, o answer.Outcome) {
		t.Helper()
		if got := outcome(); got != o {
			t.Errorf("%s: %s, want %s", when, got, o)
		}
	}
	want("at first", answer.Miss)
	want("again", answer.Hit)
	if _, err := h.layers.EditAssistant(t.Context(), a.ID, func(a *deja.Assistant) error { a.Name = "Other"; return nil }); err != nil {
		t.Fatal(err)
	}
	want("after an edit", answer.Miss)
	h.data(a)
	want("after new data", answer.Miss)
	want("again", answer.Hit)
	if _, err := h.layers.InvalidateAssistant(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	want("after an invalidation", answer.Miss)
	if _, err := h.layers.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("after clear", answer.Miss)
}

func TestControl(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareAssistant)
	ask := func(c answer.Control) (answer.Outcome, error) {
		q := question(a.ID, "Fresh?")
		q.Control = c
		r, err := h.Ask(t.Context(), q)
		if err != nil {
			return "", err
		}
		_, err = r.Wait(t.Context())
		return r.Outcome, err
	}
	if _, err := ask(answer.Control{OnlyIfCached: true}); deja.ErrorCode(err) != deja.CodeNotCached {
		t.Errorf("only-if-cached, not cached: %v", err)
	}
	for i, step := range []struct {
		c    answer.Control
		want answer.Outcome
	}{
		{answer.Control{NoStore: true}, answer.Bypass},
		{answer.Control{}, answer.Miss},
		{answer.Control{NoStore: true}, answer.Hit},
		{answer.Control{OnlyIfCached: true}, answer.Hit},
		{answer.Control{NoCache: true}, answer.Refresh},
		{answer.Control{}, answer.Hit},
		{answer.Control{NoCache: true, NoStore: true}, answer.Bypass},
	} {
		if got, err := ask(step.c); got != step.want || err != nil {
			t.Errorf("step %d: %s, %v; want %s", i, got, err, step.want)
		}
	}
	if h.model.Calls() != 4 {
		t.Errorf("%d calls, want 4", h.model.Calls())
	}
}
