package storetest

import (
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/dejahq/deja"
)

var sourceTests = []storeTest{
	{"attach", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		table := importRows(t, s, citiesTable(), cityRows())
		describe(&table)
		src := sampleSource(a.ID, "cities", table, importRows(t, s, numbersTable("empty"), nil))

		before, version, err := s.Sources(t.Context(), a.ID)
		ok(t, err)
		if len(before) != 0 || version != 1 {
			t.Errorf("before the attachment: %d sources, data version %d", len(before), version)
		}
		got, err := s.AttachSource(t.Context(), src)
		ok(t, err)
		want := *a
		want.CreatedAt, want.Version, want.DataVersion, want.Dirty = kept(a.CreatedAt), 2, 2, true
		want.Sources = []deja.SourceRef{{ID: src.ID, Name: "cities", CreatedAt: kept(src.CreatedAt)}}
		same(t, "assistant given by AttachSource", got, &want)
		wantKept(t, got.Sources[0].CreatedAt)
		stored, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		same(t, "assistant after AttachSource", stored, &want)

		sources, version, err := s.Sources(t.Context(), a.ID)
		ok(t, err)
		if version != 2 {
			t.Errorf("data version %d, want 2", version)
		}
		wantSource := *src
		wantSource.CreatedAt = kept(src.CreatedAt)
		// The schema's values come back in the forms of their columns: a float
		// that is whole stays a float, a large integer stays exact.
		same(t, "source", sources, []deja.DataSource{wantSource})
		wantKept(t, sources[0].CreatedAt)

		res, err := s.QueryRows(t.Context(), all(sources[0].Tables[0]))
		ok(t, err)
		same(t, "rows", res.Rows, cityRows())
		res, err = s.QueryRows(t.Context(), all(sources[0].Tables[1]))
		ok(t, err)
		if res.Total != 0 || len(res.Rows) != 0 {
			t.Errorf("an empty table has %d rows", res.Total)
		}
	}},
	{"order of attachment", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		names := []string{"c", "a", "d", "b"}
		for _, name := range names {
			attachNumbers(t, s, a.ID, name, 1)
		}
		sources, version, err := s.Sources(t.Context(), a.ID)
		ok(t, err)
		same(t, "sources", idsOf(sources, func(d *deja.DataSource) string { return d.Name }), names)
		same(t, "data version", version, int64(5))
		got, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		same(t, "references", idsOf(got.Sources, func(r *deja.SourceRef) string { return r.Name }), names)
	}},
	{"name taken", func(t *testing.T, s deja.Store) {
		a, other := createAssistant(t, s), createAssistant(t, s)
		attachNumbers(t, s, a.ID, "sales", 1)
		attachNumbers(t, s, other.ID, "sales", 1) // names are an assistant's own
		table := importRows(t, s, numbersTable("sales"), nil)
		_, err := s.AttachSource(t.Context(), sampleSource(a.ID, "sales", table))
		wantCode(t, err, deja.CodeConflict)
		sources, version, err := s.Sources(t.Context(), a.ID)
		ok(t, err)
		if len(sources) != 1 || version != 2 {
			t.Errorf("after the conflict: %d sources, data version %d", len(sources), version)
		}
		attachNumbers(t, s, a.ID, "Sales", 1) // another name
	}},
	{"nothing to attach to", func(t *testing.T, s deja.Store) {
		table := importRows(t, s, numbersTable("n"), nil)
		_, err := s.AttachSource(t.Context(), sampleSource("asst_nobody", "n", table))
		wantCode(t, err, deja.CodeNotFound)
	}},
	{"nothing imported", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		imported := importRows(t, s, numbersTable("n"), nil)
		_, err := s.AttachSource(t.Context(), sampleSource(a.ID, "n", imported, numbersTable("never")))
		wantCode(t, err, deja.CodeNotFound)
		sources, version, err := s.Sources(t.Context(), a.ID)
		ok(t, err)
		if len(sources) != 0 || version != 1 {
			t.Errorf("after the failure: %d sources, data version %d", len(sources), version)
		}
	}},
	{"detach", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		first := attachNumbers(t, s, a.ID, "first", 3)
		second := attachNumbers(t, s, a.ID, "second", 3)
		got, err := s.DetachSource(t.Context(), a.ID, first.ID)
		ok(t, err)
		if got.Version != 4 || got.DataVersion != 4 || len(got.Sources) != 1 || got.Sources[0].ID != second.ID {
			t.Errorf("after DetachSource: %+v", got)
		}
		sources, version, err := s.Sources(t.Context(), a.ID)
		ok(t, err)
		if len(sources) != 1 || sources[0].ID != second.ID || version != 4 {
			t.Errorf("%d sources left, data version %d", len(sources), version)
		}
		_, err = s.QueryRows(t.Context(), all(first.Tables[0]))
		wantCode(t, err, deja.CodeNotFound)
		res, err := s.QueryRows(t.Context(), all(second.Tables[0]))
		ok(t, err)
		same(t, "rows of the other source", res.Total, int64(3))

		_, err = s.DetachSource(t.Context(), a.ID, first.ID)
		wantCode(t, err, deja.CodeNotFound)
		other := createAssistant(t, s)
		_, err = s.DetachSource(t.Context(), other.ID, second.ID)
		wantCode(t, err, deja.CodeNotFound)
		attachNumbers(t, s, a.ID, "first", 1) // the name is free again
	}},
	{"update keeps sources", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		attachNumbers(t, s, a.ID, "n", 1)
		wantCode(t, s.UpdateAssistant(t.Context(), a), deja.CodeConflict) // read before the attachment
		got, err := deja.EditAssistant(t.Context(), s, a.ID, func(a *deja.Assistant) error {
			a.Name = "new"
			return nil
		})
		ok(t, err)
		if got.Version != 3 || got.DataVersion != 2 {
			t.Errorf("versions %d, %d, want 3, 2", got.Version, got.DataVersion)
		}
	}},
	{"visible all or nothing", func(t *testing.T, s deja.Store) {
		const changes = 12
		a := createAssistant(t, s)
		var done atomic.Bool
		together(t, 3, func(i int) error {
			if i == 0 {
				defer done.Store(true)
				for k := range changes {
					table := numbersTable(numbered("t", k))
					if _, err := s.ImportRows(t.Context(), table, numberRows(3)); err != nil {
						return err
					}
					if _, err := s.AttachSource(t.Context(), sampleSource(a.ID, table.Name, table)); err != nil {
						return err
					}
				}
				return nil
			}
			for !done.Load() {
				sources, version, err := s.Sources(t.Context(), a.ID)
				if err != nil {
					return err
				}
				if int(version) != 1+len(sources) {
					return errors.New("the sources come with a data version that its sources do not stand for")
				}
				got, err := s.Assistant(t.Context(), a.ID)
				if err != nil {
					return err
				}
				if int(got.DataVersion) != 1+len(got.Sources) || got.Version != got.DataVersion {
					return errors.New("the assistant's versions and its list of sources differ")
				}
				for _, src := range sources {
					res, err := s.QueryRows(t.Context(), all(src.Tables[0]))
					if err != nil || res.Total != 3 {
						return errors.Join(err, errors.New("a source is visible without its rows"))
					}
				}
			}
			return nil
		})
	}},
}

// describe fills in what schema extraction would find in the cities.
func describe(table *deja.Table) {
	rows := cityRows()
	for i := range table.Columns {
		c := &table.Columns[i]
		for _, r := range rows {
			switch v := r[i]; {
			case v == nil:
				c.Nulls++
				c.Nullable = true
			case !slices.Contains(c.Examples, v):
				c.Examples = append(c.Examples, v)
			}
		}
		c.Distinct = len(c.Examples)
		switch c.Type {
		case deja.TypeInteger:
			c.Min, c.Max = int64(math.MinInt64), int64(1<<53+1)
		case deja.TypeNumber:
			c.Min, c.Max = -3.0, 1e300
		case deja.TypeYear:
			c.Min, c.Max = int64(-44), int64(2026)
		case deja.TypeDate:
			c.Min, c.Max = "0753-04-21", "2026-01-01"
		}
	}
}
