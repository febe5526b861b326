package storetest

import (
	"encoding/json"
	"testing"

	"github.com/dejahq/deja"
)

var messageTests = []storeTest{
	{"round trip", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		m := &deja.Message{
			ID: deja.NewID(deja.MessagePrefix), CreatedAt: sampleTime(), Role: deja.RoleAssistant,
			Content: []deja.Part{
				{Type: deja.PartText, Text: "Grüße \x00 \u2028 $where a.b '\""},
				{Type: deja.PartImageURL, ImageURL: "https://example.com/a.png?x=1&y=<2>", Detail: "low"},
			},
			AssistantID: "asst_x", RunID: "run_x",
			Attachments: json.RawMessage(`[{"file_id":"f","tools":[{"type":"code_interpreter"}]}]`),
			Metadata:    map[string]string{"a.b": "$c"},
		}
		seq, err := s.AppendMessages(t.Context(), th.ID, m)
		ok(t, err)
		if seq != 1 || m.Seq != 1 || m.Version != 1 || m.ThreadID != th.ID {
			t.Errorf("appended: seq %d, message %+v", seq, m)
		}
		got, err := s.Message(t.Context(), th.ID, m.ID)
		ok(t, err)
		wantKept(t, got.CreatedAt)
		want := *m
		want.CreatedAt = kept(m.CreatedAt)
		same(t, "message", got, &want)
	}},
	{"order", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		first := appendTexts(t, s, th.ID, "a", "b", "c")
		second := appendTexts(t, s, th.ID, "d", "e")
		for i, m := range append(first, second...) {
			if m.Seq != int64(i+1) {
				t.Errorf("message %d has seq %d", i, m.Seq)
			}
		}
		seq, err := s.AppendMessages(t.Context(), th.ID)
		ok(t, err)
		same(t, "seq after appending nothing", seq, int64(5))
		got, err := s.Thread(t.Context(), th.ID)
		ok(t, err)
		same(t, "thread's seq", got.Seq, int64(5))
	}},
	{"retry", func(t *testing.T, s deja.Store) {
		th, other := createThread(t, s), createThread(t, s)
		ms := appendTexts(t, s, th.ID, "a", "b", "c")

		// The answer to an append was lost; it is made once more.
		again := []*deja.Message{textMessage("a"), textMessage("b"), textMessage("c")}
		for i := range again {
			again[i].ID = ms[i].ID
		}
		seq, err := s.AppendMessages(t.Context(), th.ID, again...)
		ok(t, err)
		same(t, "seq after the retry", seq, int64(3))
		for i, m := range again {
			if m.Seq != int64(i+1) || m.Version != 1 || m.ThreadID != th.ID {
				t.Errorf("retried message %d: %+v", i, m)
			}
		}

		// Old and new ones together; an old one's changes are not taken.
		_, err = deja.EditMessage(t.Context(), s, th.ID, ms[1].ID, func(m *deja.Message) error {
			m.Metadata = map[string]string{"k": "v"}
			return nil
		})
		ok(t, err)
		changed := textMessage("changed")
		changed.ID = ms[1].ID
		fresh, fresher := textMessage("d"), textMessage("e")
		seq, err = s.AppendMessages(t.Context(), th.ID, fresh, changed, fresher, fresh)
		ok(t, err)
		if seq != 5 || fresh.Seq != 4 || changed.Seq != 2 || fresher.Seq != 5 || changed.Version != 2 {
			t.Errorf("mixed: seq %d, messages %d, %d (version %d), %d", seq, fresh.Seq, changed.Seq, changed.Version, fresher.Seq)
		}
		l, err := s.Messages(t.Context(), th.ID, "", deja.Page{Limit: 100, Asc: true})
		ok(t, err)
		var texts []string
		for i, m := range l.Data {
			if m.Seq != int64(i+1) {
				t.Errorf("message %d listed with seq %d", i, m.Seq)
			}
			texts = append(texts, m.Text())
		}
		same(t, "texts", texts, []string{"a", "b", "c", "d", "e"})

		// The same id in another thread is another message.
		elsewhere := textMessage("other")
		elsewhere.ID = ms[0].ID
		seq, err = s.AppendMessages(t.Context(), other.ID, elsewhere)
		ok(t, err)
		same(t, "seq in the other thread", seq, int64(1))
		got, err := s.Message(t.Context(), other.ID, elsewhere.ID)
		ok(t, err)
		same(t, "text in the other thread", got.Text(), "other")
		got, err = s.Message(t.Context(), th.ID, ms[0].ID)
		ok(t, err)
		same(t, "text in the first thread", got.Text(), "a")
	}},
	{"update", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		m := appendTexts(t, s, th.ID, "text")[0]
		stale, next := *m, *m
		next.Metadata = map[string]string{"k": "v"}
		next.Content, next.Role, next.Seq = deja.Text("changed"), deja.RoleAssistant, 9 // not replaced
		ok(t, s.UpdateMessage(t.Context(), &next))
		if next.Version != 2 {
			t.Errorf("version %d after the update, want 2", next.Version)
		}
		wantCode(t, s.UpdateMessage(t.Context(), &stale), deja.CodeConflict)
		if stale.Version != 1 {
			t.Errorf("a failed update changed Version to %d", stale.Version)
		}
		got, err := s.Message(t.Context(), th.ID, m.ID)
		ok(t, err)
		want := *m
		want.CreatedAt, want.Metadata, want.Version = kept(m.CreatedAt), next.Metadata, 2
		same(t, "updated", got, &want)
	}},
	{"delete", func(t *testing.T, s deja.Store) {
		th, other := createThread(t, s), createThread(t, s)
		ms := appendTexts(t, s, th.ID, "a", "b", "c")
		wantCode(t, s.DeleteMessage(t.Context(), other.ID, ms[2].ID), deja.CodeNotFound)
		ok(t, s.DeleteMessage(t.Context(), th.ID, ms[2].ID))
		wantCode(t, s.DeleteMessage(t.Context(), th.ID, ms[2].ID), deja.CodeNotFound)
		_, err := s.Message(t.Context(), th.ID, ms[2].ID)
		wantCode(t, err, deja.CodeNotFound)
		// Its number is not given out again.
		next := appendTexts(t, s, th.ID, "d")[0]
		same(t, "next seq", next.Seq, int64(4))
	}},
	{"paging", func(t *testing.T, s deja.Store) {
		th, other := createThread(t, s), createThread(t, s)
		appendTexts(t, s, other.ID, "x", "y")
		var order, ofRun []string
		for i := range 14 {
			m := textMessage(numbered("message", i))
			m.CreatedAt = m.CreatedAt.AddDate(0, 0, -i) // the order is that of appending
			if i%2 == 1 {
				m.RunID = "run_odd"
			}
			_, err := s.AppendMessages(t.Context(), th.ID, m)
			ok(t, err)
			if i == 3 {
				ok(t, s.DeleteMessage(t.Context(), th.ID, m.ID))
				continue
			}
			order = append(order, m.ID)
			if m.RunID != "" {
				ofRun = append(ofRun, m.ID)
			}
		}
		list := func(runID string) func(p deja.Page) ([]string, bool, error) {
			return func(p deja.Page) ([]string, bool, error) {
				l, err := s.Messages(t.Context(), th.ID, runID, p)
				return idsOf(l.Data, func(m *deja.Message) string { return m.ID }), l.HasMore, err
			}
		}
		checkPaging(t, order, list(""))
		checkPaging(t, ofRun, list("run_odd"))
		none, more, err := list("run_none")(deja.Page{Limit: 5})
		ok(t, err)
		if len(none) != 0 || more {
			t.Errorf("a run without messages lists %d, more: %v", len(none), more)
		}
		l, err := s.Messages(t.Context(), th.ID, "", deja.Page{Limit: 1, Asc: true})
		ok(t, err)
		full, err := s.Message(t.Context(), th.ID, order[0])
		ok(t, err)
		same(t, "listed message", &l.Data[0], full)
	}},
}
