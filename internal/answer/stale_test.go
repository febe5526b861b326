package answer_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/llm"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// newKeepingHouse keeps answers for an hour past their lifetime, and does not
// repeat failed calls.
func newKeepingHouse(t *testing.T) *house {
	t.Helper()
	store, model := newStore(t), llmtest.NewServer(t)
	engine, err := cache.Open(t.Context(), cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	keeping, err := layers.New(engine, store, layers.Options{AnswersKept: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	h := newNode(t, model, store, cache.Options{}, func(o *answer.Options) {
		o.Layers, o.Model = keeping, plainClient(t, model, llm.Options{})
	})
	h.layers = keeping
	return h
}

// plainClient asks once only.
func plainClient(t *testing.T, s *llmtest.Server, o llm.Options) *llm.Client {
	t.Helper()
	o.BaseURL, o.MaxRetries = s.URL, -1
	c, err := llm.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// expired asks a question and waits until its answer has outlived its lifetime.
func (h *house) expired(a *deja.Assistant, text string) {
	h.t.Helper()
	if r, _ := h.ask(question(a.ID, text)); r.Outcome != answer.Miss {
		h.t.Fatalf("%q was a %s", text, r.Outcome)
	}
	h.wait("the answer has expired", func() bool {
		q := question(a.ID, text)
		q.Control.OnlyIfCached = true
		_, err := h.Ask(h.t.Context(), q)
		return deja.ErrorCode(err) == deja.CodeNotCached
	})
}

func (h *house) shortLived(change func(*deja.Assistant)) *deja.Assistant {
	h.t.Helper()
	a := h.assistant(deja.ShareAssistant)
	a, err := h.layers.EditAssistant(h.t.Context(), a.ID, func(a *deja.Assistant) error {
		a.Caching.TTL = time.Millisecond
		if change != nil {
			change(a)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// TestStaleAnswers: while the model's server fails before its first token, an
// answer past its lifetime is given, to questions and to runs, and says so.
func TestStaleAnswers(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]llmtest.Step{
		"503":          {llmtest.Status(503, "down")},
		"429":          {llmtest.RateLimited(time.Hour)},
		"cut at once":  {llmtest.Cut()},
		"nonsense":     {llmtest.Raw("data: {\n\n")},
		"stream error": {llmtest.StreamError("server_error", "boom", "it broke")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newKeepingHouse(t)
			a := h.shortLived(nil)
			h.model.On(llmtest.Any, llmtest.Text("It ", "is."))
			h.expired(a, "Is it?")
			h.model.On(llmtest.Any, steps...)

			r, got := h.ask(question(a.ID, "Is it?"))
			if age, stale := r.Stale(); got.Text != "It is." || !stale || age <= 0 || r.Outcome != answer.Hit || r.Age != age {
				t.Errorf("%q, %s, stale %t of %v", got.Text, r.Outcome, stale, age)
			}
			if _, err := h.Ask(t.Context(), question(a.ID, "Something else?")); err != nil {
				t.Fatal(err)
			}
			th := h.thread("Is it?")
			s, events := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
			if outcome, _, stale := s.Settled(t.Context()); outcome != answer.Hit || !stale {
				t.Errorf("the run is a %s, stale %t", outcome, stale)
			}
			if last := events[len(events)-1].Name; last != "thread.run.completed" {
				t.Errorf("the run's last event is %s", last)
			}
			if diff := cmp.Diff([]string{"user: Is it?", "assistant: It is."}, h.texts(th.ID)); diff != "" {
				t.Error(diff)
			}
			h.model.On(llmtest.Any, llmtest.Text("Back."))
			if r, got := h.ask(question(a.ID, "Is it?")); got.Text != "Back." || r.Outcome != answer.Miss {
				t.Errorf("afterwards: %q, %s", got.Text, r.Outcome)
			}
		})
	}
}

// TestStaleAnswersCoalesced: all who wait for the same failing call get the
// stale answer, and each is counted as a call avoided.
func TestStaleAnswersCoalesced(t *testing.T) {
	t.Parallel()
	h := newKeepingHouse(t)
	a := h.shortLived(nil)
	h.model.On(llmtest.Any, llmtest.Text("It is."))
	h.expired(a, "Is it?")
	avoided := h.monitor.Snapshot().Savings.ModelCallsAvoided
	rest := make(chan struct{})
	h.model.On(llmtest.Any, llmtest.Gate(rest), llmtest.Status(500, "boom"))
	const readers = 5
	var replies []*answer.Reply
	for range readers {
		r, err := h.Ask(t.Context(), question(a.ID, "Is it?"))
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, r)
	}
	close(rest)
	for i, r := range replies {
		got, err := r.Wait(t.Context())
		if _, stale := r.Stale(); err != nil || got.Text != "It is." || !stale {
			t.Errorf("reader %d: %+v, %v", i, got, err)
		}
	}
	if n := h.monitor.Snapshot().Savings.ModelCallsAvoided - avoided; n != readers {
		t.Errorf("%d calls were counted as avoided, want %d", n, readers)
	}
}

// TestStaleAnswersAreBounded: no stale answer where anybody said no, where the
// question is at fault, after the first token, or after an invalidation.
func TestStaleAnswersAreBounded(t *testing.T) {
	t.Parallel()
	down := []llmtest.Step{llmtest.Status(503, "down")}
	for name, test := range map[string]struct {
		policy  func(*deja.Assistant)
		control answer.Control
		steps   []llmtest.Step
		between func(h *house, a *deja.Assistant) error
		stale   bool
	}{
		"allowed":               {stale: true},
		"allowed by all":        {policy: policyStale(time.Hour), control: answer.Control{StaleIfError: new(time.Hour)}, stale: true},
		"max-age and stale":     {control: answer.Control{MaxAge: time.Nanosecond, StaleIfError: new(time.Hour)}, stale: true},
		"young enough":          {control: answer.Control{MaxAge: time.Hour}, stale: true},
		"policy":                {policy: policyStale(0), control: answer.Control{StaleIfError: new(time.Hour)}},
		"request":               {control: answer.Control{StaleIfError: new(time.Duration(0))}},
		"max-age":               {control: answer.Control{MaxAge: time.Nanosecond}},
		"no-cache":              {control: answer.Control{NoCache: true, StaleIfError: new(time.Hour)}},
		"the question's fault":  {steps: []llmtest.Step{llmtest.Status(400, "bad")}},
		"after the first token": {steps: []llmtest.Step{llmtest.Text("No"), llmtest.Cut()}},
		"after the first wish":  {steps: []llmtest.Step{llmtest.Call("call_1", "open_door", "{"), llmtest.Cut()}},
		"the assistant changed": {between: func(h *house, a *deja.Assistant) error { return renamed(h, a) }},
		"an invalidation": {between: func(h *house, a *deja.Assistant) error {
			_, err := h.layers.InvalidateAssistant(h.t.Context(), a.ID)
			return err
		}},
		"everything invalidated": {between: func(h *house, _ *deja.Assistant) error { _, err := h.layers.Clear(h.t.Context()); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newKeepingHouse(t)
			a := h.shortLived(test.policy)
			h.model.On(llmtest.Any, llmtest.Text("It is."))
			h.expired(a, "Is it?")
			if test.between != nil {
				if err := test.between(h, a); err != nil {
					t.Fatal(err)
				}
			}
			h.model.On(llmtest.Any, append(test.steps, down...)...)
			q := question(a.ID, "Is it?")
			q.Control = test.control
			r, err := h.Ask(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Wait(t.Context())
			if _, stale := r.Stale(); stale != test.stale || test.stale != (err == nil) {
				t.Errorf("stale %t: %+v, %v", stale, got, err)
			}
		})
	}
}

func policyStale(d time.Duration) func(*deja.Assistant) {
	return func(a *deja.Assistant) { a.Caching.StaleIfError = &d }
}

func renamed(h *house, a *deja.Assistant) error {
	_, err := h.layers.EditAssistant(h.t.Context(), a.ID, func(a *deja.Assistant) error {
		a.Name = "Other"
		return nil
	})
	return err
}
