package schema

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/dejahq/deja"
)

// checkFile holds a file that was accepted to everything that is promised:
// what is said of its columns is true of its rows.
func checkFile(t reporter, f *File) {
	t.Helper()
	for i, table := range f.Tables() {
		rows := readAll(t, f, i)
		if table.Name == "" || table.Name != slug(table.Name) || !deja.ValidID(deja.TablePrefix, table.ID) {
			t.Fatalf("table %q, %q", table.Name, table.ID)
		}
		names, fields := make(map[string]bool), make(map[string]bool)
		for k := range table.Columns {
			c := &table.Columns[k]
			if c.Name == "" || c.Name != strings.TrimSpace(c.Name) || names[c.Name] || !utf8.ValidString(c.Name) {
				t.Fatalf("column %d has the name %q", k, c.Name)
			}
			if c.Field == "" || fields[c.Field] || strings.Trim(c.Field, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
				t.Fatalf("column %d has the field %q", k, c.Field)
			}
			names[c.Name], fields[c.Field] = true, true
			checkColumn(t, c, rows, k)
		}
	}
	s := Assemble("asst_1", 1, []deja.DataSource{{ID: "src_1", Name: "x", Tables: f.Tables()}})
	if text := Describe(s); len(text) > maxDescription || !utf8.ValidString(text) {
		t.Fatalf("the description has %d bytes", len(text))
	}
}

func checkColumn(t reporter, c *deja.Column, rows []deja.Row, k int) {
	t.Helper()
	nulls := int64(0)
	distinct := make(map[any]bool)
	var values []any
	for _, row := range rows {
		v := row[k]
		if !c.Type.Holds(v) {
			t.Fatalf("%q is of type %s but holds %T %v", c.Name, c.Type, v, v)
		}
		if s, ok := v.(string); ok && (s == "" || !utf8.ValidString(s) || strings.TrimSpace(s) != s || strings.Contains(s, "\x00")) {
			t.Fatalf("%q holds %q", c.Name, s)
		}
		if v == nil {
			nulls++
			continue
		}
		if !distinct[v] {
			values = append(values, v)
		}
		distinct[v] = true
	}
	if c.Nulls != nulls || c.Nullable != (nulls > 0) {
		t.Fatalf("%q has %d nulls, not %d (nullable %t)", c.Name, nulls, c.Nulls, c.Nullable)
	}
	if c.Distinct != 0 && c.Distinct != len(distinct) {
		t.Fatalf("%q has %d distinct values, not %d", c.Name, len(distinct), c.Distinct)
	}
	if c.Distinct == 0 && len(distinct) != 0 && len(distinct) <= 10 && c.Type == deja.TypeString {
		t.Fatalf("%q: %d distinct values were not counted", c.Name, len(distinct))
	}
	for i, e := range c.Examples {
		if s, ok := e.(string); ok && strings.HasSuffix(s, "...") && len(s) > 90 {
			continue // cut
		}
		if i >= len(values) || values[i] != e && !slices.ContainsFunc(values, func(v any) bool { s, ok := v.(string); return ok && len(s) > maxKeptText }) {
			t.Fatalf("%q: example %d is %v, but the values are %v", c.Name, i, e, values)
		}
	}
	if !c.Type.Ordered() || len(values) == 0 {
		if c.Min != nil || c.Max != nil {
			t.Fatalf("%q of type %s goes from %v to %v", c.Name, c.Type, c.Min, c.Max)
		}
		return
	}
	if least, most := slices.MinFunc(values, compareValues), slices.MaxFunc(values, compareValues); c.Min != least || c.Max != most {
		t.Fatalf("%q goes from %v to %v, not from %v to %v", c.Name, least, most, c.Min, c.Max)
	}
}

func compareValues(a, b any) int {
	switch a := a.(type) {
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	}
	return cmp.Compare(a.(string), b.(string))
}

// checkRefusal holds an error to be one that a user can be shown.
func checkRefusal(t reporter, err error) {
	t.Helper()
	message := deja.ErrorMessage(err)
	switch deja.ErrorCode(err) {
	case deja.CodeInvalid, deja.CodeTooLarge, deja.CodeUnsupported:
	default:
		t.Fatalf("refused with %s: %v", deja.ErrorCode(err), err)
	}
	if !utf8.ValidString(message) || len(message) > 1000 {
		t.Fatalf("refused with %q", message)
	}
}

var fuzzLimits = Options{MaxBytes: 1 << 20, MaxUnzipped: 1 << 20, MaxRows: 2000, MaxColumns: 50, MaxCell: 4 << 10, MaxTables: 5}

func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"a,b,c\n1,x,2024-01-01\n,NA,\n", "a;b\n1,5;1.234\n2,25;12.345\n", "\"a\"\"b\",\"c\nd\"\r\n1,2\r3,4", "\xEF\xBB\xBFa\tb\n\"x\ty\n",
		"\xFF\xFEa\x00,\x00b\x00\n\x001\x00,\x00", "# note\n\nyear|t|b\n1999|10:00|true\n2001|3:04 PM|FALSE\n", "4,9,1\n4,5,6\n7,8,9\n", "d\n2024-01-01T10:00:00.5Z\n2024-01-01 12:00:00+02:00\n",
		"n\n+1\n\u22122\n1e5\n", "a,b\n1,caf\xe9\n", ",,\n,x,\n1,,2,,\n", "13/2/2024,x\n1/2/2024,y\n3/4/2025,z\n", "a\nNULL\nNone\nNaN\n", "a\n-0\n0\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := open(t, string(content), fuzzLimits)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkFile(t, file)
	})
}

// FuzzSheet puts any XML into a workbook that is sound otherwise, so that the
// fuzzer gets past the archive.
func FuzzSheet(f *testing.F) {
	header := cells(`t="s"><v>0</v>`, `t="inlineStr"><is><t>b</t></is>`)
	f.Add(header+cells(`><v>1.5</v>`, `t="b"><v>1</v>`)+cells(`t="e"><v>#N/A</v>`, `s="1"><v>45000</v>`), `<mergeCell ref="A2:B3"/>`, partTexts, partStyle)
	f.Add(`<row r="3"><c r="C3" t="str"><f>A1</f><v>x</v></c></row><row r="2"/>`, `<mergeCell ref="C3:C9"/>`, "<sst/>", "<styleSheet><cellXfs><xf numFmtId='46'/></cellXfs></styleSheet>")
	f.Fuzz(func(t *testing.T, rows, rest, texts, styles string) {
		sheet := "<worksheet><sheetData>" + rows + "</sheetData><mergeCells>" + rest + "</mergeCells></worksheet>"
		file, err := open(t, with("", "xl/worksheets/one.xml", sheet, "xl/strings.xml", texts, "xl/styles.xml", styles).zip(t), fuzzLimits)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkFile(t, file)
	})
}

// FuzzWorkbook damages a whole workbook.
func FuzzWorkbook(f *testing.F) {
	f.Add([]byte(with(cells(`t="s"><v>0</v>`) + cells(`><v>1</v>`)).zip(f)))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := open(t, string(content), fuzzLimits)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkFile(t, file)
	})
}

// TestRandomTables checks what is said of tables whose columns are mostly, but
// not always, of one kind.
func TestRandomTables(t *testing.T) {
	t.Parallel()
	kinds := []*rapid.Generator[string]{
		rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.Int64Range(-99, 9999).Draw(t, "n")) }),
		rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.Float64Range(-1e6, 1e6).Draw(t, "f")) }),
		rapid.SampledFrom([]string{"true", "False"}),
		rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("%d/%d/2024", rapid.IntRange(1, 31).Draw(t, "d"), rapid.IntRange(1, 12).Draw(t, "m"))
		}),
		rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("2024-01-%02dT%02d:00:0%gZ", rapid.IntRange(1, 31).Draw(t, "d"), rapid.IntRange(0, 23).Draw(t, "h"), rapid.Float64Range(0, 9.5).Draw(t, "s"))
		}),
		rapid.StringOfN(rapid.RuneFrom([]rune("ab é\"-;\n1")), 0, 5, -1),
	}
	rare := rapid.SampledFrom([]string{"", "NA", "-", "n/a", "NULL", "?", "x", "1,5", "1.234,5", "0"})
	rapid.Check(t, func(rt *rapid.T) {
		width := rapid.IntRange(1, 4).Draw(rt, "width")
		var chosen []*rapid.Generator[string]
		text := strings.Builder{}
		for i := range width {
			chosen = append(chosen, rapid.SampledFrom(kinds).Draw(rt, "kind"))
			fmt.Fprintf(&text, "name%d;", i)
		}
		for range rapid.IntRange(0, 12).Draw(rt, "rows") {
			text.WriteString("\n")
			for i := range width {
				v := chosen[i].Draw(rt, "value")
				if rapid.IntRange(0, 15).Draw(rt, "odd") == 0 {
					v = rare.Draw(rt, "rare")
				}
				text.WriteString(`"` + strings.ReplaceAll(v, `"`, `""`) + `";`)
			}
		}
		f, err := Open(context.Background(), strings.NewReader(text.String()), int64(text.Len()), fuzzLimits)
		if err != nil {
			rt.Fatalf("%s\n%v", text.String(), err)
		}
		checkFile(rt, f)
	})
}
