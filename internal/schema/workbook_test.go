package schema

import (
	"archive/zip"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/dejahq/deja"
)

// written gives a workbook that excelize writes, which knows nothing of how
// this package reads it.
func written(t testing.TB, fill func(*excelize.File)) string {
	t.Helper()
	x := excelize.NewFile()
	fill(x)
	var b bytes.Buffer
	if err := x.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func setRow(t testing.TB, x *excelize.File, sheet, at string, values ...any) {
	t.Helper()
	if err := x.SetSheetRow(sheet, at, &values); err != nil {
		t.Fatal(err)
	}
}

func TestWorkbook(t *testing.T) {
	t.Parallel()
	content := written(t, func(x *excelize.File) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		style := func(s excelize.Style) int {
			id, err := x.NewStyle(&s)
			must(err)
			return id
		}
		custom := func(code string) int { return style(excelize.Style{CustomNumFmt: &code}) }
		must(x.SetSheetName("Sheet1", "Orders 2024"))
		setRow(t, x, "Orders 2024", "B3", "Order", "Placed", "Seen", "At", "Paid", "Amount", "Share", "Zip", "Code", "Note", "Total")
		placed := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
		setRow(t, x, "Orders 2024", "B4", 1, placed, placed.Add(15*time.Hour+4*time.Minute), 0.5, true, 12.5, 0.25, 501, "00123", "x", 13)
		setRow(t, x, "Orders 2024", "B5", 2, placed.AddDate(0, 0, 1), placed.Add(500*time.Millisecond), 0.25, false, 8, 1, 10001, "456", nil, 9)
		for column, id := range map[string]int{
			"C": style(excelize.Style{NumFmt: 14}), "D": custom(`yyyy\-mm\-dd hh:mm:ss;@`), "E": style(excelize.Style{NumFmt: 20}),
			"G": custom(`[$$-409]#,##0.00`), "H": style(excelize.Style{NumFmt: 9}), "I": custom("00000"),
		} {
			must(x.SetCellStyle("Orders 2024", column+"4", column+"5", id))
		}

		_, err := x.NewSheet("Empty")
		must(err)
		_, err = x.NewSheet("Secret")
		must(err)
		setRow(t, x, "Secret", "A1", "a")
		must(x.SetSheetVisible("Secret", false))
		_, err = x.NewSheet("Prices")
		must(err)
		setRow(t, x, "Prices", "A1", "All prices")
		setRow(t, x, "Prices", "A3", "Group", "Name", "Price")
		setRow(t, x, "Prices", "A4", "Bread", "Rye", 3.5)
		setRow(t, x, "Prices", "A5", nil, "Wheat", 3)
		setRow(t, x, "Prices", "A7", nil, "Oat", 4)
		setRow(t, x, "Prices", "A8", nil, "Spelt", 6)
		setRow(t, x, "Prices", "A9", "Cake", "Plum", 5)
		must(x.MergeCell("Prices", "A1", "C1"))
		must(x.MergeCell("Prices", "A4", "A7"))
	})
	f := mustOpen(t, content, Options{Filename: "x.xlsx", Name: "Shop"})
	if f.Format() != "xlsx" || len(f.Tables()) != 2 {
		t.Fatalf("format %s, tables %+v", f.Format(), f.Tables())
	}
	same(t, "name", f.Tables()[0].Name, "orders_2024")
	same(t, "types", columnTypes(f.Tables()[0]), []string{
		"Order integer", "Placed date", "Seen datetime", "At time", "Paid boolean", "Amount number", "Share number",
		"Zip string", "Code string", "Note string", "Total integer",
	})
	same(t, "rows", readAll(t, f, 0), []deja.Row{
		{int64(1), "2024-02-29", "2024-02-29T15:04:00.0", "12:00:00", true, 12.5, 0.25, "00501", "00123", "x", int64(13)},
		{int64(2), "2024-03-01", "2024-02-29T00:00:00.5", "06:00:00", false, 8.0, 1.0, "10001", "456", nil, int64(9)},
	})
	same(t, "name", f.Tables()[1].Name, "prices")
	same(t, "rows", readAll(t, f, 1), []deja.Row{
		{"Bread", "Rye", 3.5}, {"Bread", "Wheat", 3.0}, {"Bread", "Oat", 4.0}, {nil, "Spelt", 6.0}, {"Cake", "Plum", 5.0},
	})
}

// parts is a workbook written by hand, for what no library writes.
type parts map[string]string

const (
	partTypes = `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`
	partRoot  = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	partRels  = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="/xl/worksheets/one.xml"/><Relationship Id="r2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/><Relationship Id="r3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="strings.xml"/></Relationships>`
	partBook  = `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="One" sheetId="1" r:id="r1"/></sheets></workbook>`
	partStyle = `<styleSheet><numFmts count="2"><numFmt numFmtId="164" formatCode="[h]:mm"/><numFmt numFmtId="165" formatCode="General"/></numFmts><cellStyleXfs><xf numFmtId="22"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="49"/><xf numFmtId="165"/><xf numFmtId="0" quotePrefix="1"/><xf numFmtId="21"/></cellXfs></styleSheet>`
	partTexts = `<sst><si><t>name</t></si><si><r><t>ri</t></r><r><t>ch</t></r><rPh><t>not this</t></rPh></si><si><t xml:space="preserve"> a_x000D_b_x0041__x </t></si><si/></sst>`
)

// with makes a workbook of one sheet with rows, replacing other parts.
func with(rows string, others ...string) parts {
	p := parts{
		"[Content_Types].xml": partTypes, "_rels/.rels": partRoot, "xl/workbook.xml": partBook,
		"xl/_rels/workbook.xml.rels": partRels, "xl/styles.xml": partStyle, "xl/strings.xml": partTexts,
		"xl/worksheets/one.xml": `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>` + rows + `</sheetData></worksheet>`,
	}
	for i := 0; i < len(others); i += 2 {
		p[others[i]] = others[i+1]
	}
	return p
}

func (p parts) zip(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(p)) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(p[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// cells writes a row of cells, each given as its attributes and content.
func cells(contents ...string) string {
	var b strings.Builder
	b.WriteString("<row>")
	for _, c := range contents {
		attributes, content, _ := strings.Cut(c, ">")
		fmt.Fprintf(&b, "<c %s>%s</c>", attributes, content)
	}
	b.WriteString("</row>")
	return b.String()
}

func TestCells(t *testing.T) {
	t.Parallel()
	header := cells(`t="s"><v>0</v>`, `t="inlineStr"><is><t>b</t></is>`)
	for name, c := range map[string]struct {
		rows   string
		others []string
		want   []deja.Row
	}{
		"shared texts":         {header + cells(`t="s"><v>1</v>`, `t="s"><v>2</v>`) + cells(`t="s"><v>3</v>`, `t="s"><v/>`, `><v>1</v>`), nil, []deja.Row{{"rich", "a\rbA_x", nil}, {nil, nil, int64(1)}}},
		"results of formulas":  {header + cells(`><f>1+1</f><v>2</v>`, `t="str"><f>A1</f><v>x</v>`) + cells(`><f>A1</f>`, `t="str"><f>A1</f><v>y</v>`), nil, []deja.Row{{int64(2), "x"}, {nil, "y"}}},
		"errors are null":      {header + cells(`t="e"><v>#DIV/0!</v>`, `t="b"><v>1</v>`) + cells(`><v>1.5</v>`, `t="b"><v>0</v>`), nil, []deja.Row{{nil, true}, {1.5, false}}},
		"floats of whole":      {header + cells(`><v>3.0000000000000000E0</v>`, `><v>0.1</v>`) + cells(`><v>1E+3</v>`, `><v>0.30000000000000004</v>`), nil, []deja.Row{{int64(3), 0.1}, {int64(1000), 0.30000000000000004}}},
		"only errors":          {header + cells(`t="e"><v>#N/A</v>`) + cells(`><v>1</v>`, `><v>2</v>`), nil, []deja.Row{{nil, nil}, {int64(1), int64(2)}}},
		"dates before March":   {header + cells(`s="1"><v>1</v>`, `s="1"><v>59</v>`) + cells(`s="1"><v>61</v>`, `s="1"><v>2958465</v>`), nil, []deja.Row{{"1900-01-01", "1900-02-28"}, {"1900-03-01", "9999-12-31"}}},
		"dates from 1904":      {header + cells(`s="1"><v>0</v>`, `s="1"><v>1</v>`), []string{"xl/workbook.xml", strings.Replace(partBook, "<sheets>", `<workbookPr date1904="1"/><sheets>`, 1)}, []deja.Row{{"1904-01-01", "1904-01-02"}}},
		"no dates":             {header + cells(`s="1"><v>-1</v>`, `s="1"><v>2958466</v>`) + cells(`s="1"><v>2</v>`, `s="1"><v>1e300</v>`), nil, []deja.Row{{nil, nil}, {"1900-01-02", nil}}},
		"date with a time":     {header + cells(`s="1"><v>45000</v>`, `s="6"><v>0.75</v>`) + cells(`s="1"><v>45000.5</v>`, `s="6"><v>45000</v>`), nil, []deja.Row{{"2023-03-15T00:00:00", "18:00:00"}, {"2023-03-15T12:00:00", "2023-03-15T00:00:00"}}},
		"ISO dates":            {header + cells(`t="d"><v>2024-02-29</v>`, `t="d"><v>2024-02-29T10:00:00</v>`), nil, []deja.Row{{"2024-02-29", "2024-02-29T10:00:00"}}},
		"elapsed hours":        {header + cells(`s="2"><v>1.5</v>`, `s="4"><v>1</v>`), nil, []deja.Row{{"36:00:00", int64(1)}}},
		"texts on purpose":     {header + cells(`s="3" t="str"><v>12</v>`, `s="5" t="str"><v>34</v>`), nil, []deja.Row{{"12", "34"}}},
		"a text among numbers": {header + cells(`t="str"><v>12</v>`, `t="str"><v>7</v>`) + cells(`><v>13</v>`, `t="str"><v>8</v>`), nil, []deja.Row{{int64(12), "7"}, {int64(13), "8"}}},
		"nothing but texts":    {header + cells(`t="str"><v>12</v>`, `t="str"><v>2024-02-29</v>`) + cells(`t="str"><v>NA</v>`, `t="str"><v>2024-03-01</v>`), nil, []deja.Row{{int64(12), "2024-02-29"}, {nil, "2024-03-01"}}},
		"codes look like NA":   {header + cells(`s="3" t="str"><v>NULL</v>`, `><v>1</v>`), nil, []deja.Row{{"NULL", int64(1)}}},
		"places":               {`<row r="3">` + `<c r="C3" t="str"><v>c</v></c><c r="B3" t="str"><v>b</v></c></row><row r="9"><c r="C9"><v>1</v></c><c><v>2</v></c></row>`, nil, []deja.Row{{nil, int64(1), int64(2)}}},
		"prefixed names":       {"", []string{"xl/worksheets/one.xml", `<x:worksheet xmlns:x="x"><x:sheetData><x:row><x:c t="str"><x:v>a</x:v></x:c></x:row><x:row><x:c><x:v>1</x:v></x:c></x:row></x:sheetData></x:worksheet>`}, []deja.Row{{int64(1)}}},
		"rows of pictures":     {header + cells(`><v>1</v>`, `><v>2</v>`), []string{"xl/worksheets/one.xml", `<worksheet><sheetData>` + header + cells(`><v>1</v>`, `><v>2</v>`) + `</sheetData><from><row>7</row></from></worksheet>`}, []deja.Row{{int64(1), int64(2)}}},
		"merged header":        {"", []string{"xl/worksheets/one.xml", `<worksheet><sheetData>` + header + cells(`><v>1</v>`, `><v>2</v>`) + cells(``, `><v>3</v>`) + `</sheetData><mergeCells><mergeCell ref="A1:A3"/><mergeCell ref="B9:B8"/><mergeCell ref="x"/></mergeCells></worksheet>`}, []deja.Row{{int64(1), int64(2)}, {nil, int64(3)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same(t, name, readAll(t, mustOpen(t, with(c.rows, c.others...).zip(t), Options{}), 0), c.want)
		})
	}
}

func TestWorkbookRefused(t *testing.T) {
	t.Parallel()
	header := cells(`t="str"><v>a</v>`)
	whole := with(header + cells(`><v>1</v>`)).zip(t)
	missing := with("")
	delete(missing, "xl/worksheets/one.xml")
	bomb := with(header + strings.Repeat(cells(`><v>1</v>`), 5_000)).zip(t)
	for name, c := range map[string]struct {
		content string
		o       Options
		code    deja.Code
		message string
	}{
		"cut off":          {whole[:len(whole)-100], Options{}, deja.CodeInvalid, "damaged"},
		"another archive":  {parts{"a.txt": "a"}.zip(t), Options{}, deja.CodeUnsupported, "not an XLSX file"},
		"a text document":  {with("", "xl/workbook.xml", "<document/>").zip(t), Options{}, deja.CodeUnsupported, "not an XLSX file"},
		"no sheet":         {missing.zip(t), Options{}, deja.CodeInvalid, "no part xl/worksheets/one.xml"},
		"nothing in it":    {with("").zip(t), Options{}, deja.CodeInvalid, "no visible sheet"},
		"broken XML":       {with("<row><c></row>").zip(t), Options{}, deja.CodeInvalid, "damaged in part xl/worksheets/one.xml"},
		"XML cut off":      {with("", "xl/worksheets/one.xml", "<worksheet><sheetData>"+header).zip(t), Options{}, deja.CodeInvalid, "damaged in part"},
		"unknown text":     {with(header + cells(`t="s"><v>99</v>`)).zip(t), Options{}, deja.CodeInvalid, `sheet "One", row 2 refers to a text`},
		"wrong place":      {with(`<row><c r="ZZZZ1"><v>1</v></c></row>`).zip(t), Options{}, deja.CodeInvalid, "not the place of a cell"},
		"wrong row":        {with(`<row r="-1"><c><v>1</v></c></row>`).zip(t), Options{}, deja.CodeInvalid, `row "-1"`},
		"many columns":     {with(header + `<row><c r="XFD2"><v>1</v></c></row>`).zip(t), Options{}, deja.CodeTooLarge, `row 2 has a value in column 16384; at most 1000`},
		"many rows":        {with(header + strings.Repeat(cells(`><v>1</v>`), 3)).zip(t), Options{MaxRows: 2}, deja.CodeTooLarge, "more than 2 rows"},
		"long text":        {with(cells(`t="str"><v>` + strings.Repeat("x", 20) + `</v>`)).zip(t), Options{MaxCell: 10}, deja.CodeTooLarge, "longer than 10 bytes"},
		"too much inside":  {bomb, Options{MaxUnzipped: 100_000}, deja.CodeTooLarge, "when it is unpacked"},
		"text repeated":    {with(header+strings.Repeat(cells(`t="s"><v>0</v>`), 1000), "xl/strings.xml", "<sst><si><t>"+strings.Repeat("x", 10_000)+"</t></si></sst>").zip(t), Options{MaxUnzipped: 1_000_000}, deja.CodeTooLarge, "when it is unpacked"},
		"endless tag":      {with("<row " + strings.Repeat("x", maxToken+1)).zip(t), Options{}, deja.CodeTooLarge, "a text of more than"},
		"endless comment":  {with("<!--" + strings.Repeat("<a>", maxToken/3+1) + "-->").zip(t), Options{}, deja.CodeTooLarge, "a text of more than"},
		"endless CDATA":    {with("<row><c><v><![CDATA[" + strings.Repeat("<a>", maxToken/3+1) + "]]></v></c></row>").zip(t), Options{}, deja.CodeTooLarge, "a text of more than"},
		"nested":           {with(strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)).zip(t), Options{}, deja.CodeTooLarge, "nested"},
		"entity":           {with("", "xl/worksheets/one.xml", `<!DOCTYPE x [<!ENTITY a "b">]><worksheet><sheetData><row><c t="str"><v>&a;</v></c></row></sheetData></worksheet>`).zip(t), Options{}, deja.CodeInvalid, "damaged"},
		"many parts":       {manyParts(t), Options{}, deja.CodeTooLarge, "too many parts"},
		"long directory":   {longDirectory(whole), Options{}, deja.CodeTooLarge, "too many parts"},
		"password":         {encrypted(t, whole), Options{}, deja.CodeUnsupported, "password"},
		"end without more": {"PK\x05\x06" + strings.Repeat("\x00", 18), Options{}, deja.CodeUnsupported, "not an XLSX file"},
		"begin alone":      {"PK\x03\x04", Options{}, deja.CodeInvalid, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, c.content, c.o)
			if deja.ErrorCode(err) != c.code || !strings.Contains(deja.ErrorMessage(err), c.message) {
				t.Errorf("got %q (%s), want %q (%s)", deja.ErrorMessage(err), deja.ErrorCode(err), c.message, c.code)
			}
		})
	}
}

func manyParts(t *testing.T) string {
	p := with("")
	for i := range 1100 {
		p[fmt.Sprintf("%01000d", i)] = ""
	}
	return p.zip(t)
}

// longDirectory says that an archive's directory is long, and goes back to
// before its end.
func longDirectory(content string) string {
	const length = 12 // place in the end record
	at := strings.LastIndex(content, "PK\x05\x06") + length
	return content[:at] + "\x00\x00\x00\x7f" + content[at+4:]
}

// encrypted sets the flag of every part that says so.
func encrypted(t *testing.T, content string) string {
	t.Helper()
	b := []byte(content)
	for at, magic := 0, []byte("PK\x01\x02"); ; {
		i := bytes.Index(b[at:], magic)
		if i < 0 {
			return string(b)
		}
		at += i + len(magic)
		b[at+4] |= 1
	}
}

func TestSheetLimit(t *testing.T) {
	t.Parallel()
	content := written(t, func(x *excelize.File) {
		for i := range 3 {
			name := fmt.Sprintf("S %d", i)
			if _, err := x.NewSheet(name); err != nil {
				t.Fatal(err)
			}
			setRow(t, x, name, "A1", "a")
			setRow(t, x, name, "A2", i)
		}
	})
	if _, err := open(t, content, Options{MaxTables: 2}); deja.ErrorCode(err) != deja.CodeTooLarge {
		t.Errorf("three sheets: %v", err)
	}
	if _, err := open(t, content, Options{MaxRows: 2}); deja.ErrorCode(err) != deja.CodeTooLarge {
		t.Errorf("three rows: %v", err)
	}
	names := []string{}
	for _, table := range mustOpen(t, content, Options{}).Tables() {
		names = append(names, table.Name)
	}
	same(t, "names", names, []string{"s_0", "s_1", "s_2"})
}

func TestNumberFormats(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]showAs{
		"General": showNumber, "0": showNumber, "0.00": showNumber, "#,##0.00;[Red]-#,##0.00": showNumber, "0%": showNumber, "0.00E+00": showNumber,
		`"day" 0`: showNumber, `\d0`: showNumber, "# ?/?": showNumber, `0.0 "m/s"`: showNumber, `_-* #,##0.00\ "€"_-`: showNumber,
		"@": showText, "000": showDigits, "00000": showDigits,
		"yyyy-mm-dd": showDate, "d/m/yy": showDate, "mmm": showDate, "[$-407]d. mmmm yyyy;@": showDate, "dddd": showDate,
		"hh:mm": showTime, "h:mm AM/PM": showTime, "mm:ss.0": showTime, "h A/P": showTime,
		"yyyy-mm-dd hh:mm": showDateTime, `yyyy"-"mm"-"dd"T"hh:mm:ss`: showDateTime,
		"[h]:mm:ss": showElapsed, "[mm]:ss": showElapsed, "[$h]0": showNumber,
		`"`: showNumber, "[": showNumber, `\`: showNumber, "": showNumber,
	} {
		if got := formatStyle(code).show; got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
}
