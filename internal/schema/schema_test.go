package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
)

// reporter is what checks need of a test, rapid's included.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// open opens a text, or anything, as an uploaded file.
func open(t testing.TB, content string, o Options) (*File, error) {
	t.Helper()
	return Open(t.Context(), strings.NewReader(content), int64(len(content)), o)
}

func mustOpen(t testing.TB, content string, o Options) *File {
	t.Helper()
	f, err := open(t, content, o)
	if err != nil {
		t.Fatalf("%.200q: %v", content, err)
	}
	return f
}

func readAll(t reporter, f *File, i int) []deja.Row {
	t.Helper()
	rows := []deja.Row{}
	for row, err := range f.Rows(i) {
		if err != nil {
			t.Fatalf("%v", err)
		}
		rows = append(rows, row)
	}
	if n := f.Tables()[i].RowCount; int(n) != len(rows) {
		t.Fatalf("%d rows were read, but the table has %d", len(rows), n)
	}
	return rows
}

// columnTypes writes a table's columns as "name type".
func columnTypes(table deja.Table) []string {
	types := []string{}
	for _, c := range table.Columns {
		types = append(types, c.Name+" "+string(c.Type))
	}
	return types
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%.300s (-want +got):\n%s", what, diff)
	}
}

// column infers a column of one CSV file from its values.
func column(t testing.TB, header string, values ...string) deja.Column {
	t.Helper()
	lines := []string{header + ";x"}
	for _, v := range values {
		lines = append(lines, `"`+v+`";x`)
	}
	return mustOpen(t, strings.Join(lines, "\n"), Options{}).Tables()[0].Columns[0]
}

func TestColumnTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ    deja.ColumnType
		header string
		values string // separated by spaces with | around them
	}{
		{"integer", "n", "1|-2|0|+3"},
		{"integer", "n", "9223372036854775807|-9223372036854775808"},
		{"integer", "goals", "+1|-1|0"},
		{"integer", "n", "1||NA|-|null"},
		{"integer", "n", "\u22125|5"},
		{"string", "n", "9223372036854775808|1"},        // beyond int64, and a float64 would lose digits
		{"number", "n", "1000000000000000000000|0.5"},   // a float64 loses nothing here
		{"string", "n", "9007199254740993|0.5"},         // it would here
		{"string", "zip", "00501|10001"},                // leading zeros
		{"string", "phone", "+14155550100|+4930901820"}, // not a number to count with
		{"string", "n", "1|2|three"},
		{"number", "n", "1.5|2|-.5|3."},
		{"number", "n", "1e5|2.5E-3|7"},
		{"number", "n", "1.0|2.0"},
		{"number", "n", "1.5|NaN|inf|-Infinity"},
		{"string", "n", "1e400|1"},
		{"string", "n", "0x1F|7"},
		{"string", "n", "1_000|7"},
		{"string", "n", "12%|13%"},
		{"string", "n", "$12|$13"},
		{"string", "code", "1E|2F"},

		{"number", "price", "1,5|2,75|10"},             // decimal comma
		{"number", "price", "1.234,50|2,75"},           // with thousands
		{"integer", "people", "1,234,567|89,012|7"},    // thousands without doubt
		{"number", "price", "1,234.50|2.75"},           // the same
		{"string", "n", "1,234|5,678"},                 // one and a bit, or a thousand?
		{"string", "rooms", "101,202,303|104,205,306"}, // a list, perhaps
		{"string", "ip", "10.100.200.100|10.100.200.101"},
		{"string", "ip", "10.0.0.1|10.0.0.2"},
		{"string", "version", "1.2.3|1.2.4"},
		{"integer", "people", "1'234'567|89'012"},

		{"boolean", "b", "true|false|TRUE|"},
		{"string", "b", "yes|no"},
		{"string", "b", "t|f"},
		{"integer", "b", "0|1"},
		{"string", "b", "true|false|maybe"},

		{"date", "d", "2024-02-29|2023-1-5|"},
		{"date", "d", "2024/02/29"},
		{"date", "d", "29.2.2024|01.02.2024"},
		{"date", "d", "13/02/2024|01/02/2024"},
		{"date", "d", "02/13/2024|01/02/2024"},
		{"string", "d", "02/03/2024|01/02/2024"}, // either way round
		{"string", "d", "02/13/2024|13/02/2024"}, // neither
		{"string", "d", "2023-02-29"},
		{"date", "d", "1 Jan 2024|31 Dec 2024"},
		{"date", "d", "January 2, 2024|May 31, 2024"},
		{"date", "d", "Jan 1 2000|Feb 1 2000"},
		{"date", "d", "31-Dec-2024"},
		{"string", "d", "31/12/24"}, // which century?
		{"string", "d", "2024-01|2024-02"},
		{"string", "d", "2024-01-01|later"},
		{"datetime", "d", "2024-01-01T10:00:00|2024-01-01 10:00"},
		{"datetime", "d", "2024-01-01T10:00:00Z|2024-01-01T10:00:00+02:00"},
		{"datetime", "d", "2024-01-01|2024-01-01 10:00:00"},
		{"datetime", "d", "1/13/2024 3:04 PM|1/2/2024 11:59 am"},
		{"string", "d", "2024-01-01T10:00:00Z|2024-01-01T10:00:00"}, // only one of them is a known moment
		{"time", "t", "10:00|23:59:59|0:30"},
		{"time", "t", "3:04 pm|11:00 AM"},
		{"string", "t", "25:00|10:00"},

		{"year", "Year", "1999|2024|"},
		{"year", "birthYear", "1999|2024"},
		{"year", "YEAR_BUILT", "1066|2024"},
		{"year", "Date", "1833|2024"},
		{"integer", "Date", "20240101|20240102"},
		{"integer", "years", "3|12"},
		{"integer", "population", "1999|2024"},
		{"integer", "yearling", "1999|2024"},
		{"number", "year", "1999.5|2000"},

		{"string", "s", "|"},
		{"string", "s", "NA|N/A"},
		{"string", "country", "NA|DE|FR"},
	} {
		got := column(t, c.header, strings.Split(c.values, "|")...)
		if got.Type != c.typ {
			t.Errorf("%s of %s: got %s, want %s", c.header, c.values, got.Type, c.typ)
		}
	}
}

// TestDelimiterDecides holds that 1,234 is a thousand where commas separate
// values, for then no decimal comma can be meant.
func TestDelimiterDecides(t *testing.T) {
	t.Parallel()
	f := mustOpen(t, "a,b\n\"1,234\",\"1,2\"\n\"12,345\",\"3,4\"\n", Options{})
	same(t, "types", columnTypes(f.Tables()[0]), []string{"a integer", "b string"})
	same(t, "rows", readAll(t, f, 0), []deja.Row{{int64(1234), "1,2"}, {int64(12345), "3,4"}})

	// A decimal comma in one column tells what a point in another means.
	f = mustOpen(t, "a;b\n1,5;1.234\n2,25;12.345\n", Options{})
	same(t, "types", columnTypes(f.Tables()[0]), []string{"a number", "b integer"})
	same(t, "rows", readAll(t, f, 0), []deja.Row{{1.5, int64(1234)}, {2.25, int64(12345)}})
}

func TestColumnStatistics(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header, values string
		want           deja.Column
	}{
		{"n", "3|-|1||3|2", deja.Column{Type: "integer", Nullable: true, Nulls: 2, Distinct: 3, Min: int64(1), Max: int64(3), Examples: []any{int64(3), int64(1), int64(2)}}},
		{"n", "1.0|1.00|2.5", deja.Column{Type: "number", Distinct: 2, Min: 1.0, Max: 2.5, Examples: []any{1.0, 2.5}}},
		{"n", "-0.0|0.5", deja.Column{Type: "number", Distinct: 2, Min: 0.0, Max: 0.5, Examples: []any{0.0, 0.5}}},
		{"b", "TRUE|false|true", deja.Column{Type: "boolean", Distinct: 2, Examples: []any{true, false}}},
		{"s", "a|NA|b|N/A|a|None", deja.Column{Type: "string", Nullable: true, Nulls: 1, Distinct: 4, Examples: []any{"a", "NA", "b", "None"}}},
		{"s", "NA|NULL", deja.Column{Type: "string", Nullable: true, Nulls: 1, Distinct: 1, Examples: []any{"NA"}}},
		{"s", "Null|x", deja.Column{Type: "string", Distinct: 2, Examples: []any{"Null", "x"}}},
		{"d", "13/02/2024|1/02/2023", deja.Column{Type: "date", Distinct: 2, Min: "2023-02-01", Max: "2024-02-13", Examples: []any{"2024-02-13", "2023-02-01"}}},
		{
			"d", "2024-01-01T10:00:00.5Z|2024-01-01T12:00:00+02:00",
			deja.Column{Type: "datetime", Distinct: 2, Min: "2024-01-01T10:00:00.0Z", Max: "2024-01-01T10:00:00.5Z", Examples: []any{"2024-01-01T10:00:00.5Z", "2024-01-01T10:00:00.0Z"}},
		},
		{"t", "3:04 PM|11:00 AM", deja.Column{Type: "time", Distinct: 2, Min: "11:00:00", Max: "15:04:00", Examples: []any{"15:04:00", "11:00:00"}}},
		{"year", "2001|1999", deja.Column{Type: "year", Distinct: 2, Min: int64(1999), Max: int64(2001), Examples: []any{int64(2001), int64(1999)}}},
		{"s", strings.Repeat("x", 150) + "|y", deja.Column{Type: "string", Distinct: 2, Examples: []any{strings.Repeat("x", 100) + "...", "y"}}},
	} {
		got := column(t, c.header, strings.Split(c.values, "|")...)
		got.Name, got.Field = "", ""
		same(t, c.values, got, c.want)
	}
}

func TestDistinctIsBounded(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{maxDistinct: maxDistinct, maxDistinct + 1: 0} {
		var values []string
		for i := range n {
			values = append(values, fmt.Sprintf("v%d", i))
		}
		c := column(t, "s", values...)
		if c.Distinct != want || len(c.Examples) != 5 || c.Examples[4] != "v4" {
			t.Errorf("%d values: %d distinct, examples %v", n, c.Distinct, c.Examples)
		}
	}
}

// TestNAByTheCompanyItKeeps: where numbers are NA, names are NA as well; a
// column of codes keeps its Namibia.
func TestNAByTheCompanyItKeeps(t *testing.T) {
	t.Parallel()
	f := mustOpen(t, "size,sex,country\n1,male,DE\nNA,NA,NA\n2,female,FR\n", Options{})
	same(t, "rows", readAll(t, f, 0), []deja.Row{{int64(1), "male", "DE"}, {nil, nil, "NA"}, {int64(2), "female", "FR"}})
	nulls := []int64{}
	for _, c := range f.Tables()[0].Columns {
		nulls = append(nulls, c.Nulls)
	}
	same(t, "nulls", nulls, []int64{1, 1, 0})
}

func TestNames(t *testing.T) {
	t.Parallel()
	same(t, "names", columnNames([]string{"a", "A", "a", "", " b\n c ", "a_2", "column_4", "", "x\x01y"}),
		[]string{"a", "A", "a_3", "column_4_2", "b c", "a_2", "column_4", "column_8", "x y"})
	same(t, "fields", fields([]string{"Größe (m²)", "größe m2", "id", "2024", "日本", "$", "ROWID", "É_É"}),
		[]string{"gro_e_m2", "gro_e_m2_2", "id_2", "c_2024", "c", "c_2", "rowid_2", "e_e"})
	long := columnNames([]string{strings.Repeat("é", 200), strings.Repeat("é", 200)})
	if len(long[0]) != maxColumnName || long[0] == long[1] {
		t.Errorf("long names became %q", long)
	}
	for name, want := range map[string]string{"Sales 2024.csv": "sales_2024_csv", "Müller & Söhne": "müller_söhne", "каталог": "каталог", "--": ""} {
		same(t, name, slug(name), want)
	}
	for name, want := range map[string][]string{"BirthYear": {"birth", "year"}, "year_built": {"year", "built"}, "GDP2024Year": {"gdp", "year"}} {
		same(t, name, slices.Collect(slices.Values(words(name))), want)
	}
}

func cancelledContext(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
