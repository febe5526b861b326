package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/dejahq/deja"
)

// finish gives a run a terminal status.
func finish(status deja.RunStatus) func(*deja.Run) error {
	return func(r *deja.Run) error {
		r.Status = status
		return nil
	}
}

var runTests = []storeTest{
	{"round trip", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		now := sampleTime()
		r := queuedRun(th.ID, now)
		th2, err := s.CreateRun(t.Context(), r, now)
		ok(t, err)
		if r.Version != 1 || th2.ActiveRun != r.ID {
			t.Errorf("created: version %d, thread held by %q", r.Version, th2.ActiveRun)
		}
		got, err := s.Run(t.Context(), th.ID, r.ID)
		ok(t, err)
		want := *r
		want.CreatedAt, want.ExpiresAt = kept(r.CreatedAt), kept(r.ExpiresAt)
		same(t, "queued run", got, &want)
		if !got.StartedAt.IsZero() || !got.CompletedAt.IsZero() || got.Usage != nil || got.LastError != nil {
			t.Errorf("fields that were not set came back set: %+v", got)
		}

		at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
		full := &deja.Run{
			ID: r.ID, ThreadID: th.ID, AssistantID: r.AssistantID, Version: 1, Status: deja.RunRequiresAction,
			CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt,
			StartedAt: at(1), CompletedAt: at(2), CancelledAt: at(3), FailedAt: at(4),
			LastError: &deja.RunError{Code: "server_error", Message: "It's broken"}, IncompleteReason: "max_prompt_tokens",
			Model: "gpt", Instructions: "Do.", Tools: sampleAssistant().Tools, Metadata: map[string]string{"a.b": "$c"},
			Temperature: new(0.0), TopP: new(0.3), MaxPromptTokens: new(0), MaxCompletionTokens: new(1 << 40),
			TruncationStrategy: json.RawMessage(`{"type":"auto"}`), ToolChoice: json.RawMessage(`"none"`),
			ParallelToolCalls: new(false), ResponseFormat: json.RawMessage(`"auto"`),
			NoStore:        true,
			RequiredAction: []deja.ToolCall{{ID: "call_1", Name: "f", Arguments: `{"a": 1.0}`}},
			Usage:          &deja.Usage{PromptTokens: 1 << 60, CompletionTokens: 2, CachedTokens: 3, ReasoningTokens: 4},
			Served:         &deja.Served{Cache: "hit", Key: "message:k", Fallback: "backup/small", Stale: true, Cost: new(int64), Saved: new(int64(1 << 61)), Currency: "EUR"},
			Steps: []deja.RunStep{
				{
					ID: "step_1", Type: deja.StepToolCalls, Status: deja.RunCompleted, CreatedAt: at(1), CompletedAt: at(2),
					ToolCalls: []deja.ToolCall{{ID: "call_0", Name: "g", Arguments: "not json", Output: new("")}},
					Usage:     &deja.Usage{PromptTokens: 1},
				},
				{
					ID: "step_2", Type: deja.StepMessage, Status: deja.RunFailed, MessageID: "msg_x", CreatedAt: at(2), CancelledAt: at(3), FailedAt: at(3),
					LastError: &deja.RunError{Code: "rate_limit_exceeded"},
				},
			},
		}
		ok(t, s.UpdateRun(t.Context(), full))
		if full.Version != 2 {
			t.Errorf("version %d after the update, want 2", full.Version)
		}
		got, err = s.Run(t.Context(), th.ID, r.ID)
		ok(t, err)
		wantKept(t, got.CreatedAt, got.StartedAt, got.Steps[0].CreatedAt, got.Steps[1].FailedAt)
		want = *full
		for _, at := range []*time.Time{&want.CreatedAt, &want.ExpiresAt, &want.StartedAt, &want.CompletedAt, &want.CancelledAt, &want.FailedAt} {
			*at = kept(*at)
		}
		want.Steps = append([]deja.RunStep(nil), full.Steps...)
		for i := range want.Steps {
			for _, at := range []*time.Time{&want.Steps[i].CreatedAt, &want.Steps[i].CompletedAt, &want.Steps[i].CancelledAt, &want.Steps[i].FailedAt} {
				*at = kept(*at)
			}
		}
		same(t, "full run", got, &want)
	}},
	{"unfinished", func(t *testing.T, s deja.Store) {
		now := sampleTime()
		at := func(d time.Duration) time.Time { return kept(now.Add(d)) }
		run := func(seen time.Duration) *deja.Run {
			r := queuedRun(createThread(t, s).ID, now)
			r.SeenAt = at(seen)
			_, err := s.CreateRun(t.Context(), r, now)
			ok(t, err)
			return r
		}
		old, older, fresh, ended := run(-time.Minute), run(-time.Hour), run(0), run(-2*time.Hour)
		_, err := deja.EditRun(t.Context(), s, ended.ThreadID, ended.ID, finish(deja.RunCompleted))
		ok(t, err)
		want := func(limit int, runs ...*deja.Run) {
			t.Helper()
			got, err := s.UnfinishedRuns(t.Context(), at(-time.Second), limit)
			ok(t, err)
			var ids, wants []string
			for i := range got {
				ids = append(ids, got[i].ID)
			}
			for _, r := range runs {
				wants = append(wants, r.ID)
			}
			same(t, "unfinished runs", ids, wants)
		}
		want(10, older, old)
		want(1, older)

		// A touch counts, does not disturb updates, and tells the status.
		status, err := s.TouchRun(t.Context(), older.ThreadID, older.ID, at(0))
		ok(t, err)
		same(t, "status", status, older.Status)
		want(10, old)
		older.Status = deja.RunCancelling
		older.SeenAt = at(-time.Hour)
		ok(t, s.UpdateRun(t.Context(), older))
		got, err := s.Run(t.Context(), older.ThreadID, older.ID)
		ok(t, err)
		same(t, "seen", got.SeenAt, at(-time.Hour))
		want(10, older, old)
		status, err = s.TouchRun(t.Context(), older.ThreadID, older.ID, at(time.Minute))
		ok(t, err)
		same(t, "status", status, deja.RunCancelling)
		got, err = s.Run(t.Context(), older.ThreadID, older.ID)
		ok(t, err)
		same(t, "seen after a touch", got.SeenAt, at(time.Minute))
		wantKept(t, got.SeenAt)

		status, err = s.TouchRun(t.Context(), ended.ThreadID, ended.ID, at(0))
		ok(t, err)
		same(t, "status of an ended run", status, deja.RunCompleted)
		got, err = s.Run(t.Context(), ended.ThreadID, ended.ID)
		ok(t, err)
		same(t, "ended run is left alone", got.SeenAt, at(-2*time.Hour))

		// The driver's last touch may come after the run was put to rest.
		waiting, err := deja.EditRun(t.Context(), s, old.ThreadID, old.ID, func(r *deja.Run) error {
			r.Status, r.SeenAt = deja.RunRequiresAction, at(time.Hour)
			return nil
		})
		ok(t, err)
		status, err = s.TouchRun(t.Context(), waiting.ThreadID, waiting.ID, at(0))
		ok(t, err)
		same(t, "status of a run that waits", status, deja.RunRequiresAction)
		got, err = s.Run(t.Context(), waiting.ThreadID, waiting.ID)
		ok(t, err)
		same(t, "run that waits is left alone", got.SeenAt, at(time.Hour))
		_, err = s.TouchRun(t.Context(), fresh.ThreadID, "run_none", at(0))
		wantCode(t, err, deja.CodeNotFound)
	}},
	{"a held thread takes no messages of others", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		now := sampleTime()
		first, second := threadMessage(th.ID, "before"), threadMessage(th.ID, "meanwhile")
		seq, err := s.AddMessage(t.Context(), first, now)
		ok(t, err)
		same(t, "seq", seq, int64(1))
		r := createRun(t, s, th.ID, now)
		_, err = s.AddMessage(t.Context(), second, now)
		wantCode(t, err, deja.CodeActiveRun)
		_, err = s.Message(t.Context(), th.ID, second.ID)
		wantCode(t, err, deja.CodeNotFound)
		again := *first // a retry is not a new message
		_, err = s.AddMessage(t.Context(), &again, now)
		ok(t, err)
		same(t, "seq of the retry", again.Seq, int64(1))
		_, err = s.AppendMessages(t.Context(), th.ID, threadMessage(th.ID, "the run's own")) // runs may
		ok(t, err)
		seq, err = s.AddMessage(t.Context(), second, r.ExpiresAt) // the claim has run out
		ok(t, err)
		same(t, "seq", seq, int64(3))
	}},
	{"claim", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		appendTexts(t, s, th.ID, "a", "b")
		now := sampleTime()
		first := queuedRun(th.ID, now)
		got, err := s.CreateRun(t.Context(), first, now)
		ok(t, err)
		same(t, "thread as claimed", got, &deja.Thread{
			ID: th.ID, CreatedAt: kept(th.CreatedAt), Version: 1, Seq: 2, ActiveRun: first.ID, ActiveUntil: kept(first.ExpiresAt),
		})
		wantKept(t, got.ActiveUntil)

		second := queuedRun(th.ID, now)
		for _, at := range []time.Time{now, first.ExpiresAt.Add(-2 * time.Millisecond)} {
			_, err = s.CreateRun(t.Context(), second, at)
			wantCode(t, err, deja.CodeActiveRun)
		}
		_, err = s.Run(t.Context(), th.ID, second.ID)
		wantCode(t, err, deja.CodeNotFound)
		again := *first
		_, err = s.CreateRun(t.Context(), &again, now)
		wantCode(t, err, deja.CodeConflict)

		// The thread is free when the claim has run out.
		second.ExpiresAt = first.ExpiresAt.Add(time.Hour)
		got, err = s.CreateRun(t.Context(), second, kept(first.ExpiresAt))
		ok(t, err)
		same(t, "next holder", got.ActiveRun, second.ID)
		same(t, "version", got.Version, int64(1))

		// The end of a run that lost its claim frees nobody else's.
		_, err = deja.EditRun(t.Context(), s, th.ID, first.ID, finish(deja.RunExpired))
		ok(t, err)
		_, err = s.CreateRun(t.Context(), queuedRun(th.ID, now), first.ExpiresAt)
		wantCode(t, err, deja.CodeActiveRun)
		stored, err := s.Thread(t.Context(), th.ID)
		ok(t, err)
		same(t, "holder", stored.ActiveRun, second.ID)
	}},
	{"terminal frees", func(t *testing.T, s deja.Store) {
		th, other := createThread(t, s), createThread(t, s)
		now := sampleTime()
		createRun(t, s, other.ID, now) // other threads do not matter
		for _, status := range []deja.RunStatus{deja.RunCancelled, deja.RunFailed, deja.RunCompleted, deja.RunIncomplete, deja.RunExpired} {
			r := createRun(t, s, th.ID, now)
			for _, on := range []deja.RunStatus{deja.RunInProgress, deja.RunRequiresAction, deja.RunCancelling} {
				_, err := deja.EditRun(t.Context(), s, th.ID, r.ID, finish(on))
				ok(t, err)
				_, err = s.CreateRun(t.Context(), queuedRun(th.ID, now), now)
				wantCode(t, err, deja.CodeActiveRun)
			}
			_, err := deja.EditRun(t.Context(), s, th.ID, r.ID, finish(status))
			ok(t, err)
			got, err := s.Thread(t.Context(), th.ID)
			ok(t, err)
			if got.ActiveRun != "" || !got.ActiveUntil.IsZero() {
				t.Errorf("after %s the thread is held by %q until %v", status, got.ActiveRun, got.ActiveUntil)
			}
		}
		got, err := s.Thread(t.Context(), other.ID)
		ok(t, err)
		if got.ActiveRun == "" {
			t.Error("the end of a run freed another thread")
		}
	}},
	{"terminal stays", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		r := createRun(t, s, th.ID, sampleTime())
		done, err := deja.EditRun(t.Context(), s, th.ID, r.ID, finish(deja.RunCompleted))
		ok(t, err)
		for _, status := range []deja.RunStatus{deja.RunCancelled, deja.RunInProgress, deja.RunExpired} {
			changed := *done
			changed.Status = status
			wantCode(t, s.UpdateRun(t.Context(), &changed), deja.CodeInvalid)
		}
		noted := *done
		noted.Metadata = map[string]string{"k": "v"}
		ok(t, s.UpdateRun(t.Context(), &noted))
		got, err := s.Run(t.Context(), th.ID, r.ID)
		ok(t, err)
		if got.Status != deja.RunCompleted || got.Metadata["k"] != "v" || got.Version != 3 {
			t.Errorf("stored: %+v", got)
		}
		// A new holder keeps the thread when an old run is annotated.
		next := createRun(t, s, th.ID, sampleTime())
		ok(t, s.UpdateRun(t.Context(), &noted))
		held, err := s.Thread(t.Context(), th.ID)
		ok(t, err)
		same(t, "holder", held.ActiveRun, next.ID)
	}},
	{"update with a stale version", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		r := createRun(t, s, th.ID, sampleTime())
		stale, next := *r, *r
		next.Status = deja.RunInProgress
		ok(t, s.UpdateRun(t.Context(), &next))
		stale.Status = deja.RunCancelled
		wantCode(t, s.UpdateRun(t.Context(), &stale), deja.CodeConflict)
		if stale.Version != 1 {
			t.Errorf("a failed update changed Version to %d", stale.Version)
		}
		got, err := s.Thread(t.Context(), th.ID)
		ok(t, err)
		same(t, "holder after the conflict", got.ActiveRun, r.ID)
	}},
	{"paging", func(t *testing.T, s deja.Store) {
		th, other := createThread(t, s), createThread(t, s)
		createRun(t, s, other.ID, sampleTime())
		var order []string
		for i := range 7 {
			now := sampleTime().Add(time.Duration(i/2) * time.Second) // pairs share their time
			r := createRun(t, s, th.ID, now)
			_, err := deja.EditRun(t.Context(), s, th.ID, r.ID, finish(deja.RunCompleted))
			ok(t, err)
		}
		l, err := s.Runs(t.Context(), th.ID, deja.Page{Limit: 100, Asc: true})
		ok(t, err)
		for i, r := range l.Data {
			if i > 0 && r.CreatedAt.Before(l.Data[i-1].CreatedAt) {
				t.Errorf("run %d comes after a later one", i)
			}
			full, err := s.Run(t.Context(), th.ID, r.ID)
			ok(t, err)
			same(t, "listed run", &r, full)
			order = append(order, r.ID)
		}
		if len(order) != 7 {
			t.Fatalf("%d runs listed, want 7", len(order))
		}
		checkPaging(t, order, func(p deja.Page) ([]string, bool, error) {
			l, err := s.Runs(t.Context(), th.ID, p)
			return idsOf(l.Data, func(r *deja.Run) string { return r.ID }), l.HasMore, err
		})
	}},
}
