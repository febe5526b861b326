package answer_test

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/redistest"
	"github.com/dejahq/deja/internal/upstream"
)

// TestUpstreamFaults: whatever goes wrong with the model's server, before the
// first token or after it, questions get an error, runs end as failed, nothing
// is appended, and nothing is cached.
func TestUpstreamFaults(t *testing.T) {
	t.Parallel()
	brief := 300 * time.Millisecond
	for name, test := range map[string]struct {
		steps []llmtest.Step
		o     llm.Options
		text  string // what readers see of the answer
		code  deja.Code
		after time.Duration // Retry-After
	}{
		"429":               {[]llmtest.Step{llmtest.RateLimited(42 * time.Second)}, llm.Options{}, "", deja.CodeRateLimited, 42 * time.Second},
		"500":               {[]llmtest.Step{llmtest.Status(500, "boom")}, llm.Options{}, "", deja.CodeUpstream, 0},
		"503, come back":    {[]llmtest.Step{llmtest.Status(503, "busy", "Retry-After: 7")}, llm.Options{}, "", deja.CodeUpstream, 7 * time.Second},
		"cut at once":       {[]llmtest.Step{llmtest.Cut()}, llm.Options{}, "", deja.CodeUpstream, 0},
		"hangs at once":     {[]llmtest.Step{llmtest.Hang()}, llm.Options{FirstTokenTimeout: brief}, "", deja.CodeUpstream, 0},
		"nonsense at once":  {[]llmtest.Step{llmtest.Raw("data: {nonsense\n\n")}, llm.Options{}, "", deja.CodeUpstream, 0},
		"ends at once":      {[]llmtest.Step{llmtest.End()}, llm.Options{}, "", deja.CodeUpstream, 0},
		"error at once":     {[]llmtest.Step{llmtest.StreamError("server_error", "boom", "it broke")}, llm.Options{}, "", deja.CodeUpstream, 0},
		"cut later":         {[]llmtest.Step{llmtest.Text("It ", "is"), llmtest.Cut()}, llm.Options{}, "It is", deja.CodeUpstream, 0},
		"hangs later":       {[]llmtest.Step{llmtest.Text("It ", "is"), llmtest.Hang()}, llm.Options{IdleTimeout: brief}, "", deja.CodeUpstream, 0},
		"nonsense later":    {[]llmtest.Step{llmtest.Text("It ", "is"), llmtest.Raw("data: {nonsense\n\n")}, llm.Options{}, "It is", deja.CodeUpstream, 0},
		"ends later":        {[]llmtest.Step{llmtest.Text("It ", "is"), llmtest.End()}, llm.Options{}, "It is", deja.CodeUpstream, 0},
		"error later":       {[]llmtest.Step{llmtest.Text("It ", "is"), llmtest.StreamError("server_error", "boom", "it broke")}, llm.Options{}, "It is", deja.CodeUpstream, 0},
		"rate limit, later": {[]llmtest.Step{llmtest.Text("It ", "is"), llmtest.StreamError("rate_limit_error", "", "slow down")}, llm.Options{}, "It is", deja.CodeRateLimited, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			model := llmtest.NewServer(t)
			h := newHouseOf(t, model, plainClient(t, model, test.o))
			a := h.assistant(deja.ShareAssistant)
			h.model.On(llmtest.Any, test.steps...)
			r, err := h.Ask(t.Context(), question(a.ID, "Is it?"))
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			var last error
			for d, err := range r.Deltas(t.Context(), nil) {
				text.WriteString(d.Text)
				last = err
			}
			// How much of the answer comes before the time is up is not certain.
			if deja.ErrorCode(last) != test.code || test.text != "" && text.String() != test.text {
				t.Errorf("read %q, then %v", text.String(), last)
			}
			if e, ok := last.(*deja.Error); !ok || e.RetryAfter != test.after {
				t.Errorf("the error is %v, %+v", last, e)
			}

			th := h.thread("Is it?")
			s, events := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
			e := events[len(events)-1]
			want := "server_error"
			if test.code == deja.CodeRateLimited {
				want = "rate_limit_exceeded"
			}
			if e.Name != "thread.run.failed" || e.Run.LastError == nil || e.Run.LastError.Code != want {
				t.Errorf("the run's last event is %s: %+v", e.Name, e.Run)
			}
			if test.text != "" && !slices.Contains(names(events), "thread.message.incomplete") {
				t.Errorf("the message stays open: %v", names(events))
			}
			if r := h.stored(th.ID, s.Run.ID); r.Status != deja.RunFailed {
				t.Errorf("the run is stored as %s", r.Status)
			}
			if diff := cmp.Diff([]string{"user: Is it?"}, h.texts(th.ID)); diff != "" {
				t.Error(diff)
			}
			q := question(a.ID, "Is it?")
			q.Control.OnlyIfCached = true
			if _, err := h.Ask(t.Context(), q); deja.ErrorCode(err) != deja.CodeNotCached {
				t.Errorf("something was cached: %v", err)
			}
		})
	}
}

// newHouseOf is newHouse with a model of the caller's.
func newHouseOf(t *testing.T, server *llmtest.Server, model answer.Model) *house {
	t.Helper()
	h := newHouse(t, func(o *answer.Options) { o.Model = model })
	h.model = server
	return h
}

// TestFallbackAnswers: what a fallback says is told as its own, to those who
// wait and to those who come later, and not for long.
func TestFallbackAnswers(t *testing.T) {
	t.Parallel()
	first, second := llmtest.NewServer(t), llmtest.NewServer(t)
	set, err := upstream.New(upstream.Options{
		Default: plainClient(t, first, llm.Options{}),
		Others:  []upstream.Server{{Name: "backup", Model: plainClient(t, second, llm.Options{})}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouseOf(t, first, set)
	a := h.assistant(deja.ShareAssistant)
	h.data(a)
	if a, err = h.layers.EditAssistant(t.Context(), a.ID, func(a *deja.Assistant) error {
		a.Fallbacks = []deja.Fallback{{Upstream: "backup", Model: "small"}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	first.On(llmtest.Any, llmtest.Status(503, "down"))
	second.On(llmtest.Any, llmtest.Text("I ", "stand in."))
	for _, want := range []answer.Outcome{answer.Miss, answer.Hit} {
		r, ds := h.deltas(question(a.ID, "Who?"))
		if r.Outcome != want || len(ds) != 3 || ds[0].Fallback != "backup/small" || ds[1].Fallback != "" || ds[2].Fallback != "backup/small" {
			t.Errorf("a %s: %+v", r.Outcome, ds)
		}
	}
	_, whole := h.ask(question(a.ID, "Who?"))
	if whole.Fallback != "backup/small" || whole.Model != "small" || second.Calls() != 1 {
		t.Errorf("%+v, %d calls", whole, second.Calls())
	}
	th := h.thread("Who, run?")
	h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
	if diff := cmp.Diff([]string{"user: Who, run?", "assistant: I stand in."}, h.texts(th.ID)); diff != "" {
		t.Error(diff)
	}

	th = h.thread("Who, run?")
	again, _ := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
	if again.Outcome != answer.Hit || again.Fallback() != "backup/small" {
		t.Errorf("the run again: a %s by %q", again.Outcome, again.Fallback())
	}

	// Who joins an answer that has begun knows who gives it.
	open := make(chan struct{})
	second.Next(llmtest.Any, llmtest.Text("I ", "stand "), llmtest.Gate(open), llmtest.Text("in."))
	var joined *answer.RunStream
	live, err := h.StartRun(t.Context(), answer.RunRequest{ThreadID: h.thread("Who, live?").ID, AssistantID: a.ID})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range live.Events(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Name != "thread.message.delta" || joined != nil {
			continue
		}
		if joined, err = h.StartRun(t.Context(), answer.RunRequest{ThreadID: h.thread("Who, live?").ID, AssistantID: a.ID}); err != nil {
			t.Fatal(err)
		}
		if joined.Outcome != answer.Coalesced || joined.Fallback() != "backup/small" {
			t.Errorf("a run that joins: a %s by %q", joined.Outcome, joined.Fallback())
		}
		close(open)
	}
	for _, err := range joined.Events(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
	}

	// In the middle of a tool loop the fallback takes over the next round.
	first.Next(llmtest.Any, llmtest.Text("Let me look. "), llmtest.Call("q1", "query_data", `{"table":"stock"}`))
	_, ds := h.deltas(question(a.ID, "Half?"))
	var text string
	for _, d := range ds {
		text += d.Text
	}
	if last := ds[len(ds)-1]; text != "Let me look. \n\nI stand in." || ds[0].Fallback != "" || last.Fallback != "backup/small" {
		t.Errorf("%q: %+v", text, ds)
	}

	// Without fallbacks there is none.
	other := h.assistant(deja.ShareAssistant)
	r, err := h.Ask(t.Context(), question(other.ID, "Who?"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wait(t.Context()); deja.ErrorCode(err) != deja.CodeUpstream && deja.ErrorCode(err) != deja.CodeUnavailable {
		t.Errorf("without fallbacks: %v", err)
	}
}

// TestFallbackSparesAnswers: who wants a newer answer and gets a fallback's
// does not take the model's own from the others.
func TestFallbackSparesAnswers(t *testing.T) {
	t.Parallel()
	first, second := llmtest.NewServer(t), llmtest.NewServer(t)
	set, err := upstream.New(upstream.Options{
		Default: plainClient(t, first, llm.Options{}),
		Others:  []upstream.Server{{Name: "backup", Model: plainClient(t, second, llm.Options{})}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouseOf(t, first, set)
	a := h.assistant(deja.ShareAssistant)
	if a, err = h.layers.EditAssistant(t.Context(), a.ID, func(a *deja.Assistant) error {
		a.Fallbacks = []deja.Fallback{{Upstream: "backup"}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	first.Next(llmtest.Any, llmtest.Text("I myself."))
	first.On(llmtest.Any, llmtest.Status(503, "down"))
	second.On(llmtest.Any, llmtest.Text("I stand in."))
	for aged := false; !aged; { // until the answer is older than max-age, by a clock that is coarse
		r, _ := h.ask(question(a.ID, "Who?"))
		aged = r.Age > 50*time.Millisecond
	}
	for name, control := range map[string]answer.Control{"no-cache": {NoCache: true}, "max-age": {MaxAge: time.Millisecond}} {
		q := question(a.ID, "Who?")
		q.Control = control
		if _, got := h.ask(q); got.Text != "I stand in." {
			t.Errorf("%s: %q", name, got.Text)
		}
		if r, got := h.ask(question(a.ID, "Who?")); r.Outcome != answer.Hit || got.Text != "I myself." {
			t.Errorf("after %s: a %s: %q", name, r.Outcome, got.Text)
		}
	}
}

// breaking is a model whose client has a fault after its first word.
type breaking struct {
	answer.Model
	now chan struct{}
}

func (m breaking) Stream(context.Context, *deja.ModelRequest) iter.Seq2[deja.Delta, error] {
	return func(yield func(deja.Delta, error) bool) {
		if yield(deja.Delta{Text: "It "}, nil) {
			<-m.now
			panic("broken")
		}
	}
}

// TestPanicEndsTheAnswer: a fault of deja's own ends the answer with an error,
// and leaves nothing running. Not parallel, so that it sees its own goroutines
// only.
func TestPanicEndsTheAnswer(t *testing.T) {
	redis, model := redistest.Start(t), llmtest.NewServer(t)
	now := make(chan struct{})
	h := newNode(t, model, newStore(t), crowdCache(redis.URL()), func(o *answer.Options) { o.Model = breaking{o.Model, now} })
	a := h.assistant(deja.ShareAssistant)
	r, err := h.Ask(t.Context(), question(a.ID, "Well?"))
	if err != nil {
		t.Fatal(err)
	}
	h.wait("the first word is published", func() bool {
		m, err := redis.Do("EXISTS", "{"+r.Key+"}:live")
		n, _ := m.AsInt64()
		return err == nil && n == 1
	})
	close(now)
	if _, err := r.Wait(t.Context()); deja.ErrorCode(err) != deja.CodeInternal || strings.Contains(deja.ErrorMessage(err), "broken") {
		t.Errorf("the answer ended with %v", err)
	}
	h.wait("nobody publishes any more", func() bool {
		stacks := make([]byte, 1<<20)
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "answer.publish")
	})
}
