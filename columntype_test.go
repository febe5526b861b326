package deja

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestColumnSurvivesJSON holds that a schema which went through a cache is the
// one that went in: an int64 that a float64 cannot hold, above all.
func TestColumnSurvivesJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table := people()
		for i := range table.Columns {
			col := &table.Columns[i]
			col.Min, col.Max = drawValue(t, col), drawValue(t, col)
			col.Examples = []any{drawValue(t, col), nil}
		}
		encoded, err := json.Marshal(table)
		if err != nil {
			t.Fatal(err)
		}
		var got Table
		if err := json.Unmarshal(encoded, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(table, got); diff != "" {
			t.Fatalf("(-before +after):\n%s", diff)
		}
	})
	var c Column
	if err := json.Unmarshal([]byte(`{"type":"integer","min":1.5}`), &c); err == nil {
		t.Error("a fraction in an integer column was accepted")
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"kelvin", "KELVIN", "\u212Aelvin"}, {"Straſe", "STRASE"}, {"ÅNGSTRÖM", "ångström", "\u212Bngström"}, {"Σίσυφος", "ΣΊΣΥΦΟΣ"},
	} {
		for _, s := range same {
			if Fold(s) != Fold(same[0]) {
				t.Errorf("%q and %q differ: %q, %q", s, same[0], Fold(s), Fold(same[0]))
			}
		}
	}
	if Fold("ß") == Fold("ss") || Fold("é") == Fold("e") {
		t.Error("folds more than case")
	}
}
