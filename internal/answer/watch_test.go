package answer_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// TestRestartEndsCutRuns: a process that starts alone ends what the process
// before it left in progress, at once, and nothing else; the thread is free.
func TestRestartEndsCutRuns(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	now := time.Now().UTC().Truncate(time.Millisecond)
	left := func(status deja.RunStatus, seen, expires time.Time) *deja.Run {
		r := &deja.Run{
			ID: deja.NewID(deja.RunPrefix), ThreadID: h.thread("Cut?").ID, AssistantID: a.ID, Status: deja.RunInProgress,
			CreatedAt: now, SeenAt: seen, ExpiresAt: expires,
		}
		if _, err := h.store.CreateRun(t.Context(), r, now); err != nil {
			t.Fatal(err)
		}
		if r.Status = status; status != deja.RunInProgress {
			if err := h.store.UpdateRun(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	soon, past := now.Add(time.Hour), now.Add(-time.Minute)
	runs := map[deja.RunStatus]*deja.Run{
		deja.RunFailed:         left(deja.RunInProgress, past, soon),
		deja.RunCancelled:      left(deja.RunCancelling, past, soon),
		deja.RunExpired:        left(deja.RunRequiresAction, past, past),
		deja.RunRequiresAction: left(deja.RunRequiresAction, soon, soon),
		deja.RunCompleted:      left(deja.RunCompleted, past, soon),
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { h.Run(ctx, true) })
	for _, want := range []deja.RunStatus{deja.RunFailed, deja.RunCancelled, deja.RunExpired} {
		h.wait("the run is "+string(want), func() bool {
			return h.stored(runs[want].ThreadID, runs[want].ID).Status == want
		})
	}
	cancel()
	running.Wait()
	for want, r := range runs {
		if got := h.stored(r.ThreadID, r.ID); got.Status != want {
			t.Errorf("the run that should be %s is %s", want, got.Status)
		}
	}
	h.model.On(llmtest.Any, llmtest.Text("Now."))
	if s, _ := h.run(answer.RunRequest{ThreadID: runs[deja.RunFailed].ThreadID, AssistantID: a.ID}); s.Run.Status != deja.RunQueued {
		t.Errorf("the next run is %s", s.Run.Status)
	}
}

// TestLostRunsEnd: a node ends the run of a node that was lost, and leaves
// alone one that is being answered, however long it takes.
func TestLostRunsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	th := h.thread("Slow?")
	h.model.On(llmtest.Any, llmtest.Text("It "), llmtest.Hang())
	s, err := h.StartRun(t.Context(), answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
	if err != nil {
		t.Fatal(err)
	}
	h.SweepLost(t.Context(), time.Now().Add(-time.Minute))
	if got := h.stored(th.ID, s.Run.ID).Status; got != deja.RunInProgress {
		t.Fatalf("a run at work became %s", got)
	}
	// As another node sees it a minute after this one was lost.
	h.SweepLost(t.Context(), time.Now().Add(time.Minute))
	if got := h.stored(th.ID, s.Run.ID); got.Status != deja.RunFailed || got.LastError == nil {
		t.Fatalf("a lost run is %s", got.Status)
	}
	// The node was not lost after all; it accepts what the others decided.
	if _, err := h.CancelRun(t.Context(), th.ID, s.Run.ID); deja.ErrorCode(err) != deja.CodeInvalid {
		t.Errorf("cancel: %v", err)
	}
	h.model.On(llmtest.Asked("Next?"), llmtest.Text("Now."))
	if _, err := h.layers.AppendMessages(t.Context(), th.ID, userMessage(th.ID, "Next?")); err != nil {
		t.Fatal(err)
	}
	h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_ = h.Close(ctx)
	events := h.follow(s)
	if last := events[len(events)-1].Name; last != "thread.run.failed" {
		t.Errorf("the last event is %s", last)
	}
	if got := h.stored(th.ID, s.Run.ID).LastError.Message; got != "The server that answered this run was lost." {
		t.Errorf("the stored end was changed to %q", got)
	}
}

// TestAnsweredRunsComplete: a node that is lost between the message and the end
// of its run leaves a run that is completed, unless the message may not have
// been the end.
func TestAnsweredRunsComplete(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	now := time.Now().UTC().Truncate(time.Millisecond)
	for name, test := range map[string]struct {
		change func(*deja.Run)
		silent bool
		want   deja.RunStatus
	}{
		"answered":              {func(*deja.Run) {}, false, deja.RunCompleted},
		"answered, then late":   {func(r *deja.Run) { r.ExpiresAt = now.Add(-time.Second) }, false, deja.RunCompleted},
		"answered, then asked":  {func(r *deja.Run) { r.Status = deja.RunCancelling }, false, deja.RunCompleted},
		"nothing was said":      {func(*deja.Run) {}, true, deja.RunFailed},
		"tools of the caller's": {func(r *deja.Run) { r.Tools = []deja.Tool{{Type: "function", Function: &deja.Function{Name: "f"}}} }, false, deja.RunFailed},
		"a limit":               {func(r *deja.Run) { r.MaxCompletionTokens = new(9) }, false, deja.RunFailed},
		"waits":                 {func(r *deja.Run) { r.Status = deja.RunRequiresAction }, false, deja.RunRequiresAction},
	} {
		th := h.thread("Cut?")
		r := &deja.Run{
			ID: deja.NewID(deja.RunPrefix), ThreadID: th.ID, AssistantID: a.ID, Status: deja.RunInProgress,
			CreatedAt: now, SeenAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour),
		}
		if _, err := h.store.CreateRun(t.Context(), r, now); err != nil {
			t.Fatal(err)
		}
		said := userMessage(th.ID, "So it is.")
		said.Role, said.RunID = deja.RoleAssistant, r.ID
		if !test.silent {
			if _, err := h.store.AppendMessages(t.Context(), th.ID, said); err != nil {
				t.Fatal(err)
			}
		}
		test.change(r)
		if err := h.store.UpdateRun(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		h.SweepLost(t.Context(), now)
		got := h.stored(th.ID, r.ID)
		if got.Status != test.want {
			t.Errorf("%s: the run is %s", name, got.Status)
		}
		if test.want == deja.RunCompleted && (len(got.Steps) != 1 || got.Steps[0].MessageID != said.ID || got.CompletedAt.IsZero()) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
