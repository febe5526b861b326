package schema

import (
	"encoding/xml"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
)

// sheet reads the rows of one worksheet.
type sheet struct {
	book   *workbook
	ref    sheetRef
	limits limits
	found  []mergedCells         // by the last complete reading
	merged map[int][]mergedCells // by first row, once they are known
}

// mergedCells is a column of cells that are shown as one. The file has its
// value in the first row only.
type mergedCells struct {
	column      int // from 0
	first, last int // rows, from 1
	value       cell
}

const maxMerged = 10_000

func (s *sheet) place() string { return fmt.Sprintf("sheet %q, row", s.ref.name) }

// findMerged reports whether the last reading found merged cells below the
// header that it did not know of; they are listed after the rows. The next
// reading knows them.
func (s *sheet) findMerged(header int) bool {
	if s.merged != nil {
		return false
	}
	s.merged = make(map[int][]mergedCells)
	for _, m := range s.found {
		if m.first > header {
			s.merged[m.first] = append(s.merged[m.first], m)
		}
	}
	return len(s.merged) > 0
}

func (s *sheet) records() iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		part, err := s.book.part(s.ref.rel)
		if err != nil {
			yield(record{}, err)
			return
		}
		defer part.Close()
		r := sheetReader{sheet: s, part: part, merging: make(map[int]mergedCells)}
		err = part.elements(func(e xml.StartElement) error {
			switch e.Name.Local {
			case "sheetData":
				r.depth = part.depth
			case "row":
				if r.depth == 0 || part.depth != r.depth+1 {
					return nil // a picture's place has rows too
				}
				if err := r.readRow(e); err != nil {
					return err
				}
				if !yield(r.record(), nil) {
					return io.EOF
				}
			case "mergeCell":
				r.addMerged(attribute(e, "ref"))
			}
			return nil
		})
		switch err {
		case nil:
			if s.merged == nil {
				s.found = r.merged
			}
		case io.EOF: // enough was read
		default:
			yield(record{}, err)
		}
	}
}

// sheetReader is one reading of a sheet.
type sheetReader struct {
	sheet  *sheet
	part   *xmlPart
	depth  int // of the element that has the rows
	row    int // number of the last row
	bytes  int // of its texts
	cells  []cell
	merged []mergedCells // that are listed after the rows

	merging map[int]mergedCells // that reach this row, by column
}

// record gives the last row, without empty cells at its end.
func (r *sheetReader) record() record {
	n := len(r.cells)
	for n > 0 && r.cells[n-1] == (cell{}) {
		n--
	}
	return record{line: r.row, cells: r.cells[:n]}
}

// readRow reads a row to its end.
func (r *sheetReader) readRow(e xml.StartElement) error {
	r.row++
	if number := attribute(e, "r"); number != "" {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return invalid("the file is damaged: sheet %q has a row %q", r.sheet.ref.name, number)
		}
		r.row = n
	}
	r.cells, r.bytes = r.cells[:0], 0
	next, depth := 0, r.part.depth
	for {
		t, err := r.part.token()
		if err == io.EOF {
			err = damaged(r.part.name, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name.Local != "c" {
				continue
			}
			column := next
			if ref := attribute(t, "r"); ref != "" {
				if column, _, err = parseRef(ref); err != nil {
					return err
				}
			}
			c, err := r.readCell(t)
			if err != nil {
				return err
			}
			if err := r.put(column, c); err != nil {
				return err
			}
			next = column + 1
		case xml.EndElement:
			if r.part.depth < depth {
				return r.fillMerged()
			}
		}
	}
}

// put places a cell in the row.
func (r *sheetReader) put(column int, c cell) error {
	if c == (cell{}) {
		return nil
	}
	if column >= r.sheet.limits.columns {
		return tooLarge("%s %d has a value in column %d; at most %d columns are accepted", r.sheet.place(), r.row, column+1, r.sheet.limits.columns)
	}
	if r.bytes += len(c.text); r.bytes > maxRow {
		return tooLarge("%s %d is longer than %d bytes", r.sheet.place(), r.row, maxRow)
	}
	for len(r.cells) <= column {
		r.cells = append(r.cells, cell{})
	}
	r.cells[column] = c
	return nil
}

// readCell reads a cell to its end. An error in the sheet, such as #DIV/0!,
// is a null.
func (r *sheetReader) readCell(e xml.StartElement) (cell, error) {
	var value string
	depth := r.part.depth
	for {
		t, err := r.part.token()
		if err == io.EOF {
			err = damaged(r.part.name, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return cell{}, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name.Local != "v" && t.Name.Local != "is" {
				continue // a formula; its result is in v
			}
			if value, err = r.part.text(r.sheet.limits.cell, "rPh"); err != nil {
				return cell{}, err
			}
		case xml.EndElement:
			if r.part.depth < depth {
				return r.makeCell(attribute(e, "t"), r.sheet.book.style(attribute(e, "s")), value)
			}
		}
	}
}

// makeCell understands a cell's value by its type and style.
func (r *sheetReader) makeCell(typ string, style cellStyle, value string) (cell, error) {
	kind := textCell
	if style.show == showText {
		kind = literalCell
	}
	switch typ {
	case "e":
		return cell{kind: nullCell}, nil
	case "s":
		if value == "" {
			return cell{}, nil
		}
		i, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || i < 0 || i >= len(r.sheet.book.strings) {
			return cell{}, invalid("the file is damaged: %s %d refers to a text that is not there", r.sheet.place(), r.row)
		}
		return cell{text: r.sheet.book.strings[i], kind: kind}, nil
	case "inlineStr", "str":
		return cell{text: cleanText(value), kind: kind}, nil
	case "b":
		if value == "" {
			return cell{}, nil
		}
		return cell{text: strconv.FormatBool(value == "1" || value == "true"), kind: booleanCell}, nil
	case "d":
		return isoCell(strings.TrimSpace(value)), nil
	}
	if value = strings.TrimSpace(value); value == "" {
		return cell{}, nil
	}
	return r.sheet.book.number(value, style), nil
}

// isoCell makes a cell of an ISO 8601 date or time.
func isoCell(value string) cell {
	if mayBeMoment(value) {
		for i := range momentForms {
			if _, _, ok := momentForms[i].parse(value, 0); ok {
				return cell{text: value, kind: momentCell}
			}
		}
	}
	return cell{text: value, kind: textCell}
}

// fillMerged gives a row with values those of the merged cells that reach it.
func (r *sheetReader) fillMerged() error {
	blank := len(r.cells) == 0
	for column, m := range r.merging {
		switch {
		case r.row > m.last:
			delete(r.merging, column)
		case !blank && (column >= len(r.cells) || r.cells[column].empty()):
			if err := r.put(column, m.value); err != nil {
				return err
			}
		}
	}
	for _, m := range r.sheet.merged[r.row] {
		if m.column < len(r.cells) {
			m.value = r.cells[m.column]
			r.merging[m.column] = m
		}
	}
	return nil
}

// addMerged notes merged cells that are more than one row high, A2:A5.
func (r *sheetReader) addMerged(ref string) {
	from, to, ok := strings.Cut(ref, ":")
	if !ok || len(r.merged) == maxMerged {
		return
	}
	column, first, err1 := parseRef(from)
	_, last, err2 := parseRef(to)
	if err1 == nil && err2 == nil && last > first {
		r.merged = append(r.merged, mergedCells{column: column, first: first, last: last})
	}
}

// parseRef reads a cell's place, such as AB12, as a column from 0 and a row
// from 1.
func parseRef(ref string) (column, row int, err error) {
	const maxColumn = 1 << 14 // XFD
	i := 0
	for ; i < len(ref) && 'A' <= ref[i]&^0x20 && ref[i]&^0x20 <= 'Z' && column < maxColumn; i++ {
		column = column*26 + int(ref[i]&^0x20-'A') + 1
	}
	row, err = strconv.Atoi(ref[i:])
	if err != nil || i == 0 || row < 1 || column > maxColumn {
		return 0, 0, invalid("the file is damaged: %.20q is not the place of a cell", ref)
	}
	return column - 1, row, nil
}

// cleanText undoes what the format does to characters that XML cannot have,
// such as _x000D_, and takes white space off the ends.
func cleanText(text string) string {
	const escaped = len("_x000D_")
	var b strings.Builder
	for {
		i := strings.Index(text, "_x")
		if i < 0 || len(text) < i+escaped {
			break
		}
		n, err := strconv.ParseUint(text[i+2:i+escaped-1], 16, 16)
		if err != nil || text[i+escaped-1] != '_' || n == 0 || utf16.IsSurrogate(rune(n)) {
			b.WriteString(text[:i+1])
			text = text[i+1:]
			continue
		}
		b.WriteString(text[:i])
		b.WriteRune(rune(n))
		text = text[i+escaped:]
	}
	return strings.TrimSpace(b.String() + text)
}
