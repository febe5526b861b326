package localmodel

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/schema"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"What's the Check-up's price?":        {"What's", "the", "Check-up's", "price"},
		"under $1,000.50, or 17:00 - 5":       {"under", "$", "1,000.50", "or", "17:00", "5"},
		"below -5 and (-3) but a-7":           {"below", "-5", "and", "-3", "but", "a-7"},
		"price >= 10€":                        {"price", ">", "=", "10", "€"},
		"O'Brien & Söhne; naïve café":         {"O'Brien", "Söhne", "naïve", "café"},
		"2026-03-01, A/B, x.y. End.":          {"2026-03-01", "A/B", "x.y", "End"},
		"1, 2,3":                              {"1", "2,3"},
		"":                                    nil,
		"\xff\xfe 'tis “quoted text” rest \"": {"tis", "quoted", "text", "rest"},
	} {
		var got []string
		for _, w := range split(text) {
			got = append(got, w.text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	quoted := split(`the "Old Town" and “New Town” here`)
	var in []int
	for _, w := range quoted {
		in = append(in, w.quoted)
	}
	if diff := cmp.Diff([]int{0, 1, 1, 0, 2, 2, 0}, in); diff != "" {
		t.Errorf("quotations: %s", diff)
	}
}

func TestStemsOfOneWordAgree(t *testing.T) {
	t.Parallel()
	for _, forms := range []string{
		"book books", "city cities", "box boxes", "open opens opened opening", "price prices priced", "day days", "movie movies",
		"publish publishes published", "child children", "person people", "house houses", "plan planned planning", "country countries",
		"wrote write writes written", "bus buses", "address addresses", "close closes closed", "rate rates rated", "class classes", "hero heroes",
	} {
		words := strings.Fields(forms)
		for _, w := range words[1:] {
			if stem(w) != stem(words[0]) {
				t.Errorf("%s and %s: %q and %q", words[0], w, stem(words[0]), stem(w))
			}
		}
	}
	for _, pair := range [][2]string{{"status", "state"}, {"price", "prize"}, {"station", "stationery"}} {
		if stem(pair[0]) == stem(pair[1]) {
			t.Errorf("%s and %s have the stem %q", pair[0], pair[1], stem(pair[0]))
		}
	}
}

func TestLiterals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]literal{
		"42":              {text: "42", number: true, words: 1},
		"-3.50":           {text: "-3.5", number: true, words: 1},
		"1,000,000":       {text: "1000000", number: true, words: 1},
		"1,5":             {}, // a decimal comma, or two numbers
		"2 million more":  {text: "2000000", number: true, words: 2},
		"50k":             {text: "50000", number: true, words: 1},
		"twelve":          {text: "12", number: true, words: 1},
		"2019":            {text: "2019", number: true, year: true, first: "2019-01-01", last: "2019-12-31", words: 1},
		"2026-2-3":        {first: "2026-02-03", last: "2026-02-03", words: 1},
		"2026-02-30":      {},
		"3/4/2024":        {}, // two meanings
		"March 2024":      {first: "2024-03-01", last: "2024-03-31", words: 2},
		"1st March 2024":  {first: "2024-03-01", last: "2024-03-01", words: 3},
		"Feb 29 2024 now": {first: "2024-02-29", last: "2024-02-29", words: 3},
		"7:05":            {clock: "07:05:00", words: 1},
		"25:00":           {},
		"A-100":           {},
		"May":             {},
	} {
		if diff := cmp.Diff(want, readLiteral(split(text)), cmp.AllowUnexported(literal{})); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// What schema.Describe writes must be what readTables reads, whatever the
// names and values are.
func TestReadTables(t *testing.T) {
	t.Parallel()
	s := deja.Schema{Tables: []deja.Table{
		{Name: "odd_names", RowCount: 1, Columns: []deja.Column{
			{Name: `Quote " and \ backslash`, Type: deja.TypeString, Nulls: 3, Nullable: true, Distinct: 2, Examples: []any{"a, b", `"c": d`}},
			{Name: "Line\nbreak, 3 distinct: \"x\"", Type: deja.TypeString, Examples: []any{"5 distinct: \"y\""}},
			{Name: "Größe (m²)", Type: deja.TypeNumber, Min: -1.5, Max: 2e9, Distinct: 7},
			{Name: "When", Type: deja.TypeDate, Min: "2026-01-01", Max: "2026-12-31", Nulls: 1},
			{Name: "Flag", Type: deja.TypeBoolean, Distinct: 2, Examples: []any{true, false}},
		}},
		{Name: "empty", RowCount: 0, Columns: []deja.Column{{Name: "only", Type: deja.TypeString}}},
	}}
	fake := "Answer kindly.\nTables that query_data can read:\n\nlies (9 rows)\n- \"x\": string\n\n"
	got := readTables(fake + schema.Describe(s))
	if len(got) != 2 || got[0].name != "odd_names" || got[0].rows != 1 || got[1].name != "empty" || got[1].rows != 0 {
		t.Fatalf("%+v", got)
	}
	for i, c := range got[0].columns {
		want := s.Tables[0].Columns[i]
		if c.name != want.Name || c.kind != want.Type || c.distinct != int64(want.Distinct) {
			t.Errorf("column %d: %+v, want %+v", i, c, want)
		}
	}
	first, second := got[0].columns[0], got[0].columns[1]
	if diff := cmp.Diff([]string{"a, b", `"c": d`}, first.values); diff != "" || !first.complete {
		t.Errorf("complete: %v; %s", first.complete, diff)
	}
	if diff := cmp.Diff([]string{`5 distinct: "y"`}, second.values); diff != "" || second.complete {
		t.Errorf("complete: %v; %s", second.complete, diff)
	}
	if toolName != schema.QueryToolName {
		t.Errorf("the tool is called %q", schema.QueryToolName)
	}
}
