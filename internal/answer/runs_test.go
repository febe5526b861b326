package answer_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// run starts a run and follows it to its rest.
func (h *house) run(r answer.RunRequest) (*answer.RunStream, []answer.RunEvent) {
	h.t.Helper()
	s, err := h.StartRun(h.t.Context(), r)
	if err != nil {
		h.t.Fatal(err)
	}
	return s, h.follow(s)
}

func (h *house) follow(s *answer.RunStream) []answer.RunEvent {
	h.t.Helper()
	var events []answer.RunEvent
	for e, err := range s.Events(h.t.Context(), nil) {
		if err != nil {
			h.t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func names(events []answer.RunEvent) []string {
	var ns []string
	for _, e := range events {
		ns = append(ns, e.Name)
	}
	return slices.Compact(ns)
}

func (h *house) stored(threadID, runID string) *deja.Run {
	h.t.Helper()
	r, err := h.store.Run(h.t.Context(), threadID, runID)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// usualOrder is the order of events that every official client understands.
var usualOrder = []string{
	"thread.run.created", "thread.run.queued", "thread.run.in_progress",
	"thread.run.step.created", "thread.run.step.in_progress",
	"thread.message.created", "thread.message.in_progress", "thread.message.delta", "thread.message.completed",
	"thread.run.step.completed", "thread.run.completed",
}

// TestRunAppendsBothMessages: live or from the cache, the thread ends up with
// question and answer, once each and in order.
func TestRunAppendsBothMessages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareAssistant)
	h.model.On(llmtest.Any, llmtest.Text("It ", "is."))
	for i, want := range []answer.Outcome{answer.Miss, answer.Hit, answer.Hit} {
		th := h.thread("Is it?")
		s, events := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
		if s.Outcome != want {
			t.Errorf("run %d: outcome %s, want %s", i, s.Outcome, want)
		}
		if got := names(events); !slices.Equal(got, usualOrder) {
			t.Errorf("run %d: events %v", i, got)
		}
		if diff := cmp.Diff([]string{"user: Is it?", "assistant: It is."}, h.texts(th.ID)); diff != "" {
			t.Errorf("run %d: %s", i, diff)
		}
		r := h.stored(th.ID, s.Run.ID)
		if r.Status != deja.RunCompleted || r.Usage == nil || len(r.Steps) != 1 || r.Steps[0].Status != deja.RunCompleted {
			t.Errorf("run %d: %+v", i, r)
		}
	}
	if h.model.Calls() != 1 {
		t.Errorf("%d calls", h.model.Calls())
	}
}

// TestRunSeesTheConversation: the model sees instructions and the thread, up
// to the newest message, turn after turn, though the context is never read
// from the store again.
func TestRunSeesTheConversation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	th := h.thread()
	var want []string
	ctx, queries := deja.CountQueries(t.Context())
	for turn := range 3 {
		if _, err := h.layers.AppendMessages(ctx, th.ID, userMessage(th.ID, fmt.Sprint("question ", turn))); err != nil {
			t.Fatal(err)
		}
		h.model.On(llmtest.Any, llmtest.Text(fmt.Sprint("answer ", turn)))
		s, err := h.StartRun(ctx, answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
		if err != nil {
			t.Fatal(err)
		}
		h.follow(s)
		want = append(want, fmt.Sprint("user: question ", turn))
		var got []string
		for _, m := range h.model.LastRequest().Messages[1:] {
			got = append(got, m.Role+": "+m.Text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("turn %d: %s", turn, diff)
		}
		want = append(want, fmt.Sprint("assistant: answer ", turn))
	}
	if system := h.model.LastRequest().Messages[0]; system.Role != "system" || system.Text != "Be brief." {
		t.Errorf("the first message is %+v", system)
	}
	if n := queries.Reads.Load(); n != 1 { // the assistant
		t.Errorf("%d reads of the store, want 1", n)
	}
}

func TestOneActiveRunPerThread(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	th := h.thread("Again?")
	rest := make(chan struct{})
	h.model.On(llmtest.Any, llmtest.Gate(rest), llmtest.Text("Yes."))
	var mu sync.Mutex
	var started []*answer.RunStream
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, err := h.StartRun(t.Context(), answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				started = append(started, s)
			} else if deja.ErrorCode(err) != deja.CodeActiveRun {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if len(started) != 1 {
		t.Fatalf("%d runs started", len(started))
	}
	close(rest)
	h.follow(started[0])
	if _, err := h.StartRun(t.Context(), answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID}); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
}

func TestRunFailsCleanly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		steps []llmtest.Step
		code  string
	}{
		"cut":          {[]llmtest.Step{llmtest.Text("It is"), llmtest.Cut()}, "server_error"},
		"rate limited": {[]llmtest.Step{llmtest.RateLimited(0)}, "rate_limit_exceeded"},
		"filtered":     {[]llmtest.Step{llmtest.Text("It is"), llmtest.Finish("content_filter")}, "invalid_prompt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			a := h.assistant(deja.ShareThread)
			th := h.thread("Is it?")
			h.model.On(llmtest.Any, test.steps...)
			s, events := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
			if last := events[len(events)-1]; last.Name != "thread.run.failed" || last.Run.LastError == nil || last.Run.LastError.Code != test.code {
				t.Errorf("the last event is %s with %+v", last.Name, last.Run)
			}
			if r := h.stored(th.ID, s.Run.ID); r.Status != deja.RunFailed || r.LastError == nil {
				t.Errorf("stored: %+v", r)
			}
			if diff := cmp.Diff([]string{"user: Is it?"}, h.texts(th.ID)); diff != "" {
				t.Errorf("the thread: %s", diff)
			}
			h.model.On(llmtest.Any, llmtest.Text("It is."))
			if s, _ := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID}); s.Outcome != answer.Miss {
				t.Errorf("the next run: %s", s.Outcome)
			}
		})
	}
}

func TestRunLengthLimit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	th := h.thread("Is it?")
	h.model.On(llmtest.Any, llmtest.Text("It is"), llmtest.Finish("length"))
	s, events := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
	if last := events[len(events)-1]; last.Name != "thread.run.incomplete" {
		t.Errorf("the last event is %s", last.Name)
	}
	if r := h.stored(th.ID, s.Run.ID); r.Status != deja.RunIncomplete || r.IncompleteReason != "max_completion_tokens" {
		t.Errorf("stored: %+v", r)
	}
}

// TestCutCallsAreNoCalls: a call whose arguments were cut at the length limit
// is not the caller's to execute.
func TestCutCallsAreNoCalls(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	for _, text := range []string{"", "Wait. "} {
		th := h.thread("Open the door.")
		steps := []llmtest.Step{llmtest.Call("call_1", "open_door", `{"do`), llmtest.Finish("length")}
		want := []string{"user: Open the door."}
		if text != "" {
			steps = append([]llmtest.Step{llmtest.Text(text)}, steps...)
			want = append(want, "assistant: "+text)
		}
		h.model.On(llmtest.Any, steps...)
		s, events := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
		if last := events[len(events)-1]; last.Name != "thread.run.incomplete" {
			t.Errorf("the last event is %s", last.Name)
		}
		if r := h.stored(th.ID, s.Run.ID); r.Status != deja.RunIncomplete || len(r.RequiredAction) != 0 {
			t.Errorf("stored: %+v", r)
		}
		if diff := cmp.Diff(want, h.texts(th.ID)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestRunCancelled: a run that is being answered ends as cancelled, and so
// does one that waits for its caller; the thread is free afterwards.
func TestRunCancelled(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	th := h.thread("Is it?")
	h.model.On(llmtest.Any, llmtest.Text("It "), llmtest.Hang())
	s, err := h.StartRun(t.Context(), answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
	if err != nil {
		t.Fatal(err)
	}
	var events []answer.RunEvent
	for e, err := range s.Events(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
		if e.Name == "thread.message.delta" {
			r, err := h.CancelRun(t.Context(), th.ID, s.Run.ID)
			if err != nil || r.Status != deja.RunCancelling {
				t.Fatalf("cancel: %+v, %v", r, err)
			}
		}
	}
	if last := events[len(events)-1].Name; last != "thread.run.cancelled" {
		t.Errorf("the last event is %s of %v", last, names(events))
	}
	if r := h.stored(th.ID, s.Run.ID); r.Status != deja.RunCancelled || r.CancelledAt.IsZero() {
		t.Errorf("stored: %+v", r)
	}
	if _, err := h.CancelRun(t.Context(), th.ID, s.Run.ID); deja.ErrorCode(err) != deja.CodeInvalid {
		t.Errorf("cancelling again: %v", err)
	}
	if err := h.model.WaitOpen(t.Context(), 0); err != nil {
		t.Error("the call goes on")
	}
	h.model.On(llmtest.Any, llmtest.Text("It is."))
	h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
}

func TestRunRequiresAction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	door := deja.Tool{Type: "function", Function: &deja.Function{Name: "open_door"}}
	if _, err := h.layers.EditAssistant(t.Context(), a.ID, func(a *deja.Assistant) error {
		a.Tools = []deja.Tool{door}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	th := h.thread("Open the door.")
	h.model.Next(llmtest.Any, llmtest.Call("call_1", "open_door", `{"door":`, `1}`))
	h.model.Next(llmtest.Any, llmtest.Text("It is open."))
	s, events := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
	last := events[len(events)-1]
	if last.Name != "thread.run.requires_action" || len(last.Run.RequiredAction) != 1 || last.Run.RequiredAction[0].Arguments != `{"door":1}` {
		t.Fatalf("the last event is %s: %+v", last.Name, last.Run)
	}
	if _, err := h.StartRun(t.Context(), answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID}); deja.ErrorCode(err) != deja.CodeActiveRun {
		t.Errorf("another run meanwhile: %v", err)
	}
	if _, err := h.SubmitToolOutputs(t.Context(), th.ID, s.Run.ID, map[string]string{"call_9": "?"}); deja.ErrorCode(err) != deja.CodeInvalid {
		t.Errorf("outputs of another call: %v", err)
	}
	s, err := h.SubmitToolOutputs(t.Context(), th.ID, s.Run.ID, map[string]string{"call_1": "opened"})
	if err != nil {
		t.Fatal(err)
	}
	events = h.follow(s)
	if last := events[len(events)-1]; last.Name != "thread.run.completed" {
		t.Errorf("the last event is %s", last.Name)
	}
	var seen []string
	for _, m := range h.model.LastRequest().Messages[1:] {
		seen = append(seen, fmt.Sprint(m.Role, ":", m.Text, len(m.ToolCalls)))
	}
	if diff := cmp.Diff([]string{"user:Open the door.0", "assistant:1", "tool:opened0"}, seen); diff != "" {
		t.Errorf("the model saw %s", diff)
	}
	if diff := cmp.Diff([]string{"user: Open the door.", "assistant: It is open."}, h.texts(th.ID)); diff != "" {
		t.Error(diff)
	}
	r := h.stored(th.ID, s.Run.ID)
	if len(r.Steps) != 2 || r.Steps[0].Type != deja.StepToolCalls || *r.Steps[0].ToolCalls[0].Output != "opened" {
		t.Errorf("steps: %+v", r.Steps)
	}
}

// TestToolLoop: the model's query_data calls are executed on the assistant's
// rows, a mistake is told to it, and it cannot go on for ever.
func TestToolLoop(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *answer.Options) { o.ToolRounds = 3 })
	a := h.assistant(deja.ShareAssistant)
	h.data(a)
	h.model.Next(llmtest.Any, llmtest.Call("call_1", "query_data", `{"table":"stock","filter":{"itm":"saw"}}`))
	h.model.Next(llmtest.Any, llmtest.Call("call_2", "query_data", `{"table":"stock",`, `"filter":{"item":"saw"}}`))
	h.model.Next(llmtest.Any, llmtest.Text("18."))
	th := h.thread("What is the saw?")
	s, events := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
	if last := events[len(events)-1].Name; last != "thread.run.completed" {
		t.Fatalf("the last event is %s", last)
	}
	r := h.stored(th.ID, s.Run.ID)
	if len(r.Steps) != 3 {
		t.Fatalf("%d steps", len(r.Steps))
	}
	if out := *r.Steps[0].ToolCalls[0].Output; !strings.Contains(out, "error") || !strings.Contains(out, "item") {
		t.Errorf("the mistake was answered with %s", out)
	}
	if out := *r.Steps[1].ToolCalls[0].Output; !strings.Contains(out, `"saw",18`) {
		t.Errorf("the query was answered with %s", out)
	}
	if again, _ := h.run(answer.RunRequest{ThreadID: h.thread("What is the saw?").ID, AssistantID: a.ID}); again.Outcome != answer.Hit {
		t.Errorf("again: %s", again.Outcome)
	}

	h.model.On(llmtest.Any, llmtest.Call("call_x", "query_data", `{"table":"stock"}`))
	_, events = h.run(answer.RunRequest{ThreadID: h.thread("For ever?").ID, AssistantID: a.ID})
	if last := events[len(events)-1]; last.Name != "thread.run.failed" || !strings.Contains(last.Run.LastError.Message, "query_data") {
		t.Errorf("the last event is %s: %+v", last.Name, last.Run)
	}
}

// TestCloseEndsRuns: at shutdown a run that hangs ends as failed.
func TestCloseEndsRuns(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	th := h.thread("Is it?")
	h.model.On(llmtest.Any, llmtest.Text("It "), llmtest.Hang())
	s, err := h.StartRun(t.Context(), answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := h.Close(ctx); err == nil {
		t.Error("close did not say that it cut something short")
	}
	events := h.follow(s)
	if last := events[len(events)-1]; last.Name != "thread.run.failed" {
		t.Errorf("the last event is %s", last.Name)
	}
	if r := h.stored(th.ID, s.Run.ID); r.Status != deja.RunFailed {
		t.Errorf("stored: %+v", r)
	}
	if _, err := h.Ask(t.Context(), question(a.ID, "Still there?")); deja.ErrorCode(err) != deja.CodeUnavailable {
		t.Errorf("a question after close: %v", err)
	}
}

// TestRunPromptLimit: the oldest messages are left out for max_prompt_tokens;
// a question that is too long by itself ends the run as incomplete.
func TestRunPromptLimit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	long := strings.Repeat("long ", 400) // about 500 tokens
	th := h.thread("oldest "+long, "older "+long, "Newest?")
	h.model.On(llmtest.Any, llmtest.Text("Yes."))
	h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID, Settings: deja.Run{MaxPromptTokens: new(700)}})
	var seen []string
	for _, m := range h.model.LastRequest().Messages {
		seen = append(seen, strings.Fields(m.Text)[0])
	}
	if diff := cmp.Diff([]string{"Be", "older", "Newest?"}, seen); diff != "" {
		t.Errorf("the model saw %s", diff)
	}
	calls := h.model.Calls()
	s, events := h.run(answer.RunRequest{ThreadID: h.thread(long).ID, AssistantID: a.ID, Settings: deja.Run{MaxPromptTokens: new(300)}})
	if last := events[len(events)-1]; last.Name != "thread.run.incomplete" || last.Run.IncompleteReason != "max_prompt_tokens" {
		t.Errorf("the last event is %s: %+v", last.Name, last.Run)
	}
	if r := h.stored(s.Run.ThreadID, s.Run.ID); r.Status != deja.RunIncomplete || h.model.Calls() != calls {
		t.Errorf("stored %s, %d calls", r.Status, h.model.Calls()-calls)
	}
}
