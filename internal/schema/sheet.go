package schema

import (
	"encoding/xml"
	"fmt"
	"io"
	"iter"
	"strconv"
)

// sheet reads the rows of one worksheet.
type sheet struct {
	book   *workbook
	ref    sheetRef
	limits limits
	found  []mergedCells         // by the last complete reading
	merged map[int][]mergedCells // by first row, once they are known
}

func (s *sheet) place() string { return fmt.Sprintf("sheet %q, row", s.ref.name) }

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
