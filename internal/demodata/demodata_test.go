package demodata_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/demodata"
	"github.com/dejahq/deja/internal/schema"
)

// TestAssistants holds the samples to be what the demo says of them: files
// that are read as tables with columns of many types, and distinct questions.
func TestAssistants(t *testing.T) {
	t.Parallel()
	types := make(map[deja.ColumnType]bool)
	for _, a := range demodata.Assistants() {
		questions := slices.Clone(a.Questions)
		slices.Sort(questions)
		if len(questions) < 5 || len(slices.Compact(questions)) != len(a.Questions) {
			t.Errorf("%s: questions %q", a.Name, a.Questions)
		}
		var sources []deja.DataSource
		for _, file := range a.Files {
			f, err := schema.Open(t.Context(), bytes.NewReader(file.Data), int64(len(file.Data)), schema.Options{Filename: file.Name})
			if err != nil {
				t.Errorf("%s: %v", file.Name, err)
				continue
			}
			sources = append(sources, deja.DataSource{Filename: file.Name, Tables: f.Tables()})
		}
		s := schema.Assemble("asst_1", 1, sources)
		for _, table := range s.Tables {
			if table.RowCount < 5 {
				t.Errorf("%s: %d rows", table.Name, table.RowCount)
			}
			for _, c := range table.Columns {
				types[c.Type] = true
				if c.Nulls > 0 || c.Type == deja.TypeString && c.Distinct == 0 {
					t.Errorf("%s: column %+v", table.Name, c)
				}
			}
		}
	}
	got := []deja.ColumnType{}
	for _, want := range []deja.ColumnType{deja.TypeString, deja.TypeInteger, deja.TypeNumber, deja.TypeBoolean, deja.TypeDate, deja.TypeTime, deja.TypeYear} {
		if !types[want] {
			got = append(got, want)
		}
	}
	if diff := cmp.Diff([]deja.ColumnType{}, got); diff != "" {
		t.Errorf("no column has these types (-want +got):\n%s", diff)
	}
}
