package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
)

var assistantTests = []storeTest{
	{"round trip", func(t *testing.T, s deja.Store) {
		a := sampleAssistant()
		ok(t, s.CreateAssistant(t.Context(), a))
		if a.Version != 1 || a.DataVersion != 1 {
			t.Errorf("created with versions %d, %d, want 1, 1", a.Version, a.DataVersion)
		}
		got, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		wantKept(t, got.CreatedAt)
		want := *a
		want.CreatedAt = kept(a.CreatedAt)
		same(t, "assistant", got, &want)
	}},
	{"only what is required", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		got, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		if got.Temperature != nil || got.TopP != nil || len(got.ResponseFormat) != 0 || len(got.Tools) != 0 || got.Sharing != "" {
			t.Errorf("fields that were not set came back set: %+v", got)
		}
	}},
	{"long texts", func(t *testing.T, s deja.Store) {
		a := sampleAssistant()
		a.Instructions = strings.Repeat("é", 256_000)
		ok(t, s.CreateAssistant(t.Context(), a))
		got, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		if got.Instructions != a.Instructions {
			t.Errorf("%d bytes of instructions came back as %d", len(a.Instructions), len(got.Instructions))
		}
	}},
	{"create twice", func(t *testing.T, s deja.Store) {
		a := sampleAssistant()
		ok(t, s.CreateAssistant(t.Context(), a))
		again := sampleAssistant()
		again.ID, again.Name = a.ID, "another"
		wantCode(t, s.CreateAssistant(t.Context(), again), deja.CodeConflict)
		got, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		same(t, "name after the conflict", got.Name, a.Name)
	}},
	{"update replaces", func(t *testing.T, s deja.Store) {
		a := sampleAssistant()
		ok(t, s.CreateAssistant(t.Context(), a))
		attachNumbers(t, s, a.ID, "numbers", 3)
		before, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)

		next := &deja.Assistant{
			ID: a.ID, Version: before.Version, Name: "new", Model: "other",
			// None of these three is replaced.
			CreatedAt: sampleTime().Add(time.Hour), DataVersion: 99, Sources: []deja.SourceRef{{ID: "src_x", Name: "x"}},
		}
		ok(t, s.UpdateAssistant(t.Context(), next))
		if next.Version != before.Version+1 {
			t.Errorf("version %d after the update of %d", next.Version, before.Version)
		}
		got, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		same(t, "updated", got, &deja.Assistant{
			ID: a.ID, CreatedAt: before.CreatedAt, Version: before.Version + 1, DataVersion: before.DataVersion,
			Name: "new", Model: "other", Sources: before.Sources, Dirty: true,
		})
	}},
	{"update with a stale version", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		first, second := *a, *a
		first.Name, second.Name = "first", "second"
		ok(t, s.UpdateAssistant(t.Context(), &first))
		wantCode(t, s.UpdateAssistant(t.Context(), &second), deja.CodeConflict)
		if second.Version != 1 {
			t.Errorf("a failed update changed Version to %d", second.Version)
		}
		ahead := first
		ahead.Version += 5
		wantCode(t, s.UpdateAssistant(t.Context(), &ahead), deja.CodeConflict)
		got, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		if got.Name != "first" || got.Version != 2 {
			t.Errorf("stored: %q version %d, want first, 2", got.Name, got.Version)
		}
	}},
	{"edit", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		got, err := deja.EditAssistant(t.Context(), s, a.ID, func(a *deja.Assistant) error {
			a.Name = "edited"
			return nil
		})
		ok(t, err)
		stored, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		same(t, "what EditAssistant gives", got, stored)
	}},
	{"delete", func(t *testing.T, s deja.Store) {
		a, other := createAssistant(t, s), createAssistant(t, s)
		src := attachNumbers(t, s, a.ID, "gone", 3)
		stays := attachNumbers(t, s, other.ID, "stays", 3)
		ok(t, s.DeleteAssistant(t.Context(), a.ID))
		_, err := s.Assistant(t.Context(), a.ID)
		wantCode(t, err, deja.CodeNotFound)
		wantCode(t, s.DeleteAssistant(t.Context(), a.ID), deja.CodeNotFound)
		_, _, err = s.Sources(t.Context(), a.ID)
		wantCode(t, err, deja.CodeNotFound)
		_, err = s.QueryRows(t.Context(), all(src.Tables[0]))
		wantCode(t, err, deja.CodeNotFound)

		l, err := s.Assistants(t.Context(), deja.Page{Limit: 100})
		ok(t, err)
		if len(l.Data) != 1 || l.Data[0].ID != other.ID {
			t.Errorf("%d assistants left, want the other one", len(l.Data))
		}
		res, err := s.QueryRows(t.Context(), all(stays.Tables[0]))
		ok(t, err)
		same(t, "rows of the other assistant", res.Total, int64(3))
	}},
	{"paging", func(t *testing.T, s deja.Store) {
		// The middle four share their time of creation.
		for i, second := range []int{3, 1, 2, 2, 2, 2, 0} {
			a := sampleAssistant()
			a.CreatedAt = a.CreatedAt.Add(time.Duration(second) * time.Second)
			a.Name = numbered("assistant", i)
			ok(t, s.CreateAssistant(t.Context(), a))
		}
		l, err := s.Assistants(t.Context(), deja.Page{Limit: 100, Asc: true})
		ok(t, err)
		var order []string
		for i, a := range l.Data {
			if i > 0 && a.CreatedAt.Before(l.Data[i-1].CreatedAt) {
				t.Errorf("%s comes after a later one", a.Name)
			}
			full, err := s.Assistant(t.Context(), a.ID)
			ok(t, err)
			same(t, "listed assistant", &a, full)
			order = append(order, a.ID)
		}
		if len(order) != 7 {
			t.Fatalf("%d assistants listed, want 7", len(order))
		}
		checkPaging(t, order, func(p deja.Page) ([]string, bool, error) {
			l, err := s.Assistants(t.Context(), p)
			return idsOf(l.Data, func(a *deja.Assistant) string { return a.ID }), l.HasMore, err
		})
	}},
	{"empty listing", func(t *testing.T, s deja.Store) {
		l, err := s.Assistants(t.Context(), deja.Page{Limit: 10})
		ok(t, err)
		if len(l.Data) != 0 || l.HasMore {
			t.Errorf("an empty store lists %d assistants, more: %v", len(l.Data), l.HasMore)
		}
	}},
}
