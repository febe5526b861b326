package storetest

import (
	"testing"
	"time"

	"github.com/dejahq/deja"
)

// marksOf gives all marks by assistant.
func marksOf(t testing.TB, s deja.Store) map[string]deja.Mark {
	t.Helper()
	marks, err := s.Marks(t.Context(), 10_000)
	ok(t, err)
	by := make(map[string]deja.Mark)
	for _, m := range marks {
		if _, twice := by[m.AssistantID]; twice {
			t.Errorf("%s has two marks", m.AssistantID)
		}
		by[m.AssistantID] = m
	}
	return by
}

// wantMark checks an assistant's mark, and what the assistant says of it.
func wantMark(t testing.TB, s deja.Store, id string, want deja.Mark) {
	t.Helper()
	same(t, "mark", marksOf(t, s)[id], want)
	if want.Version == 0 {
		return
	}
	a, err := s.Assistant(t.Context(), id)
	ok(t, err)
	same(t, "the assistant's own mark", a.Mark(), want)
	same(t, "dirty", a.Dirty, true)
}

func wantNoMark(t testing.TB, s deja.Store, id string) {
	t.Helper()
	if m, is := marksOf(t, s)[id]; is {
		t.Errorf("there is a mark: %+v", m)
	}
}

var markTests = []storeTest{
	{"set by every change", func(t *testing.T, s deja.Store) {
		ctx := t.Context()
		a, other := createAssistant(t, s), createAssistant(t, s)
		wantNoMark(t, s, a.ID) // nobody can have cached what did not exist
		a.Name = "new"
		ok(t, s.UpdateAssistant(ctx, a))
		same(t, "dirty after an update", a.Dirty, true)
		wantMark(t, s, a.ID, deja.Mark{AssistantID: a.ID, Version: 2, DataVersion: 1})
		src := attachNumbers(t, s, a.ID, "n", 1)
		wantMark(t, s, a.ID, deja.Mark{AssistantID: a.ID, Version: 3, DataVersion: 2})
		got, err := s.DetachSource(ctx, a.ID, src.ID)
		ok(t, err)
		same(t, "dirty after DetachSource", got.Dirty, true)
		wantMark(t, s, a.ID, deja.Mark{AssistantID: a.ID, Version: 4, DataVersion: 3})
		ok(t, s.DeleteAssistant(ctx, a.ID))
		wantMark(t, s, a.ID, deja.Mark{AssistantID: a.ID})
		wantNoMark(t, s, other.ID)
	}},
	{"not set by what changes nothing", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		stale := *a
		stale.Version = 7
		wantCode(t, s.UpdateAssistant(t.Context(), &stale), deja.CodeConflict)
		same(t, "dirty after a conflict", stale.Dirty, false)
		_, err := s.DetachSource(t.Context(), a.ID, "src_nothing")
		wantCode(t, err, deja.CodeNotFound)
		wantNoMark(t, s, a.ID)
	}},
	{"clear", func(t *testing.T, s deja.Store) {
		ctx := t.Context()
		a := createAssistant(t, s)
		ok(t, s.UpdateAssistant(ctx, a))
		first := a.Mark()
		ok(t, s.UpdateAssistant(ctx, a))
		ok(t, s.ClearMark(ctx, first)) // somebody changed it since: that is not confirmed
		wantMark(t, s, a.ID, a.Mark())
		ok(t, s.ClearMark(ctx, a.Mark()))
		wantNoMark(t, s, a.ID)
		got, err := s.Assistant(ctx, a.ID)
		ok(t, err)
		same(t, "dirty after ClearMark", got.Dirty, false)
		same(t, "version after ClearMark", got.Version, int64(3))
		ok(t, s.ClearMark(ctx, a.Mark())) // twice is no error

		ok(t, s.UpdateAssistant(ctx, a))
		late := a.Mark()
		ok(t, s.DeleteAssistant(ctx, a.ID))
		ok(t, s.ClearMark(ctx, late)) // whoever confirms a change does not confirm the deletion
		wantMark(t, s, a.ID, deja.Mark{AssistantID: a.ID})
		ok(t, s.ClearMark(ctx, deja.Mark{AssistantID: a.ID}))
		wantNoMark(t, s, a.ID)
	}},
	{"oldest first, and no more than asked for", func(t *testing.T, s deja.Store) {
		ctx := t.Context()
		update := func(a *deja.Assistant) {
			ok(t, s.UpdateAssistant(ctx, a))
			<-time.After(2 * time.Millisecond) // marks of one millisecond have no order
		}
		var ids []string
		for range 5 {
			a := createAssistant(t, s)
			ids = append(ids, a.ID)
			update(a)
			if len(ids) == 3 { // the first comes last now
				first, err := s.Assistant(ctx, ids[0])
				ok(t, err)
				update(first)
			}
		}
		marks, err := s.Marks(ctx, 2)
		ok(t, err)
		same(t, "marks", idsOf(marks, func(m *deja.Mark) string { return m.AssistantID }), ids[1:3])
		ok(t, s.DeleteAssistant(ctx, ids[4]))
		marks, err = s.Marks(ctx, 3)
		ok(t, err)
		same(t, "number of marks", len(marks), 3)
	}},
}
