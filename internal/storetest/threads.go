package storetest

import (
	"encoding/json"
	"testing"

	"github.com/dejahq/deja"
)

var threadTests = []storeTest{
	{"round trip", func(t *testing.T, s deja.Store) {
		th := &deja.Thread{
			ID: deja.NewID(deja.ThreadPrefix), CreatedAt: sampleTime(),
			Metadata:      map[string]string{"$set": "a.b", "": ""},
			ToolResources: json.RawMessage(`{"b":1,"a":[2.0]}`),
		}
		ok(t, s.CreateThread(t.Context(), th))
		if th.Version != 1 {
			t.Errorf("created with version %d, want 1", th.Version)
		}
		got, err := s.Thread(t.Context(), th.ID)
		ok(t, err)
		wantKept(t, got.CreatedAt)
		want := *th
		want.CreatedAt = kept(th.CreatedAt)
		same(t, "thread", got, &want)
		wantCode(t, s.CreateThread(t.Context(), th), deja.CodeConflict)
	}},
	{"new threads are empty", func(t *testing.T, s deja.Store) {
		// What stores keep themselves is not taken from the caller.
		th := &deja.Thread{ID: deja.NewID(deja.ThreadPrefix), CreatedAt: sampleTime(), Seq: 7, ActiveRun: "run_x", ActiveUntil: sampleTime().AddDate(100, 0, 0)}
		ok(t, s.CreateThread(t.Context(), th))
		got, err := s.Thread(t.Context(), th.ID)
		ok(t, err)
		if got.Seq != 0 || got.ActiveRun != "" || !got.ActiveUntil.IsZero() {
			t.Errorf("a new thread has %+v", got)
		}
	}},
	{"update", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		now := sampleTime()
		appendTexts(t, s, th.ID, "one", "two")
		run := createRun(t, s, th.ID, now)

		// Neither messages nor claims change the version.
		stale, next := *th, *th
		next.Metadata = map[string]string{"k": "v"}
		next.ToolResources = json.RawMessage(`{}`)
		next.Seq, next.ActiveRun = 99, "run_other" // not replaced
		ok(t, s.UpdateThread(t.Context(), &next))
		if next.Version != 2 {
			t.Errorf("version %d after the update, want 2", next.Version)
		}
		got, err := s.Thread(t.Context(), th.ID)
		ok(t, err)
		same(t, "updated", got, &deja.Thread{
			ID: th.ID, CreatedAt: kept(th.CreatedAt), Version: 2, Metadata: next.Metadata, ToolResources: next.ToolResources,
			Seq: 2, ActiveRun: run.ID, ActiveUntil: kept(run.ExpiresAt),
		})
		wantCode(t, s.UpdateThread(t.Context(), &stale), deja.CodeConflict)
		if stale.Version != 1 {
			t.Errorf("a failed update changed Version to %d", stale.Version)
		}
	}},
	{"delete", func(t *testing.T, s deja.Store) {
		th, other := createThread(t, s), createThread(t, s)
		gone := appendTexts(t, s, th.ID, "gone")[0]
		stays := appendTexts(t, s, other.ID, "stays")[0]
		run := createRun(t, s, th.ID, sampleTime())
		otherRun := createRun(t, s, other.ID, sampleTime())
		ok(t, s.DeleteThread(t.Context(), th.ID))

		_, err := s.Thread(t.Context(), th.ID)
		wantCode(t, err, deja.CodeNotFound)
		_, err = s.Message(t.Context(), th.ID, gone.ID)
		wantCode(t, err, deja.CodeNotFound)
		_, err = s.Run(t.Context(), th.ID, run.ID)
		wantCode(t, err, deja.CodeNotFound)
		_, err = s.ThreadContext(t.Context(), th.ID, 10)
		wantCode(t, err, deja.CodeNotFound)
		wantCode(t, s.DeleteThread(t.Context(), th.ID), deja.CodeNotFound)
		_, err = s.AppendMessages(t.Context(), th.ID, textMessage("late"))
		wantCode(t, err, deja.CodeNotFound)

		_, err = s.Message(t.Context(), other.ID, stays.ID)
		ok(t, err)
		_, err = s.Run(t.Context(), other.ID, otherRun.ID)
		ok(t, err)

		// A thread of the same id starts from nothing.
		ok(t, s.CreateThread(t.Context(), &deja.Thread{ID: th.ID, CreatedAt: sampleTime()}))
		l, err := s.Messages(t.Context(), th.ID, "", deja.Page{Limit: 10})
		ok(t, err)
		runs, err := s.Runs(t.Context(), th.ID, deja.Page{Limit: 10})
		ok(t, err)
		if len(l.Data) != 0 || len(runs.Data) != 0 {
			t.Errorf("a new thread has %d messages and %d runs of an old one", len(l.Data), len(runs.Data))
		}
	}},
	{"context", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		empty, err := s.ThreadContext(t.Context(), th.ID, 5)
		ok(t, err)
		same(t, "context of an empty thread", empty, &deja.ThreadContext{ThreadID: th.ID})

		var texts []string
		for i := range 8 {
			texts = append(texts, numbered("message", i))
		}
		ms := appendTexts(t, s, th.ID, texts...)
		for limit := range 11 {
			tc, err := s.ThreadContext(t.Context(), th.ID, limit)
			ok(t, err)
			want := &deja.ThreadContext{ThreadID: th.ID, Seq: 8, Truncated: limit < 8}
			for _, m := range ms[8-min(limit, 8):] {
				m := *m
				m.CreatedAt = kept(m.CreatedAt)
				want.Messages = append(want.Messages, m)
			}
			same(t, "context", tc, want)
		}

		// Seq is the thread's, whatever was deleted since.
		ok(t, s.DeleteMessage(t.Context(), th.ID, ms[7].ID))
		ok(t, s.DeleteMessage(t.Context(), th.ID, ms[5].ID))
		tc, err := s.ThreadContext(t.Context(), th.ID, 3)
		ok(t, err)
		got := idsOf(tc.Messages, func(m *deja.Message) string { return m.ID })
		same(t, "context after deletions", got, []string{ms[3].ID, ms[4].ID, ms[6].ID})
		if tc.Seq != 8 || !tc.Truncated {
			t.Errorf("seq %d, truncated %v, want 8, true", tc.Seq, tc.Truncated)
		}
		tc, err = s.ThreadContext(t.Context(), th.ID, 6)
		ok(t, err)
		if len(tc.Messages) != 6 || tc.Truncated {
			t.Errorf("%d messages, truncated %v, want all 6", len(tc.Messages), tc.Truncated)
		}
	}},
}
