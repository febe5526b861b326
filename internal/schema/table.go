package schema

import (
	"context"
	"iter"
	"slices"

	"github.com/dejahq/deja"
)

// table is one table of a file: where its rows are, and what was found out
// about them.
type table struct {
	reader    rowReader
	delimiter byte   // 0 in a sheet
	place     string // what a row's number counts: "line", or "row" of a named sheet
	grows     bool   // rows may be longer than the header, as in a sheet
	limits    limits

	layout layout
	width  int   // of the header
	kept   []int // positions in a record of the table's columns
	plans  []plan
	bytes  int64 // of all values; the cells of a small sheet can share a large one
	table  deja.Table
}

// infer reads the table and completes it. It reports whether there is one.
func (t *table) infer(ctx context.Context) (bool, error) {
	sample, err := t.sample()
	if err != nil || len(sample) == 0 {
		return false, err
	}
	t.layout = findLayout(sample, t.delimiter != 0)
	header := t.layout.header
	if !t.grows {
		header = t.trimHeader(header, sample)
	}
	t.width = len(header)
	if t.width > t.limits.columns {
		return false, tooLarge("%s %d has %d columns; at most %d are accepted", t.place, t.layout.line, t.width, t.limits.columns)
	}
	var columns []*inference
	grow := func(width int) {
		for len(columns) < width {
			name := ""
			if len(columns) < len(header) {
				name = header[len(columns)]
			}
			c := newInference(name, t.width)
			c.rows, c.blanks = t.table.RowCount, t.table.RowCount
			columns = append(columns, c)
		}
	}
	grow(t.width)
	for rec, err := range t.body() {
		if err != nil {
			return false, err
		}
		if t.table.RowCount%1024 == 0 && ctx.Err() != nil {
			return false, cancelled(ctx.Err())
		}
		if t.table.RowCount == t.limits.rows {
			return false, tooLarge("the file has more than %d rows", t.limits.rows)
		}
		grow(len(rec.cells))
		for i, c := range columns {
			v := rec.at(i)
			if t.bytes += int64(len(v.text)); t.bytes > t.limits.unzipped {
				return false, tooLarge("the file is too large when it is unpacked")
			}
			c.add(v)
		}
		t.table.RowCount++
	}
	t.complete(columns)
	return len(t.kept) > 0, nil
}

// at gives the cell at a position, an empty one past the end.
func (r record) at(i int) cell {
	if i < len(r.cells) {
		return r.cells[i]
	}
	return cell{}
}

// sample copies the first rows that have a value.
func (t *table) sample() ([]record, error) {
	var sample []record
	for rec, err := range t.reader.records() {
		if err != nil {
			return nil, err
		}
		if rec.blank() {
			continue
		}
		sample = append(sample, record{line: rec.line, cells: slices.Clone(rec.cells)})
		if len(sample) == sampleRows {
			break
		}
	}
	return sample, nil
}

// trimHeader leaves out empty cells at the end of a header that no row of the
// sample reaches; separators at the ends of lines make them.
func (t *table) trimHeader(header []string, sample []record) []string {
	if t.layout.headless {
		return header
	}
	for n := len(header); n > 1 && header[n-1] == ""; n-- {
		for _, r := range sample[t.layout.skip+1:] {
			if !r.at(n - 1).empty() {
				return header
			}
		}
		header = header[:n-1]
	}
	return header
}

// body gives the records below the header, and checks that they are not longer
// than it. A line with nothing but separators is a row of nulls; an empty line
// is none, nor is an empty row of a sheet, where rows don't end.
func (t *table) body() iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		skip := t.layout.skip
		if !t.layout.headless {
			skip++
		}
		for rec, err := range t.reader.records() {
			if err != nil {
				yield(record{}, err)
				return
			}
			if rec.blank() && (skip > 0 || t.grows || len(rec.cells) == 1) {
				continue
			}
			if skip > 0 {
				skip--
				continue
			}
			for len(rec.cells) > t.width && rec.cells[len(rec.cells)-1].empty() {
				rec.cells = rec.cells[:len(rec.cells)-1]
			}
			if len(rec.cells) > t.width && !t.grows {
				yield(record{}, t.ragged(rec))
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

func (t *table) ragged(rec record) error {
	first := "header"
	if t.layout.headless {
		first = "first row"
	}
	return invalid("%s %d has %d values, the %s (%s %d) has %d; is a value with a separator in it not in quotes?",
		t.place, rec.line, len(rec.cells), first, t.place, t.layout.line, t.width)
}

// complete decides the columns. One without a name and without a value is
// none.
func (t *table) complete(columns []*inference) {
	all := plans(columns, t.delimiter)
	headers := make([]string, len(columns))
	for i, c := range columns {
		headers[i] = c.header
	}
	names := columnNames(headers)
	var kept []string
	for i, c := range columns {
		if c.header == "" && c.values == 0 && len(c.markers) == 0 && !t.layout.headless {
			continue
		}
		col := c.describe(&all[i])
		col.Name = names[i]
		t.kept = append(t.kept, i)
		t.plans = append(t.plans, all[i])
		t.table.Columns = append(t.table.Columns, col)
		kept = append(kept, names[i])
	}
	for i, field := range fields(kept) {
		t.table.Columns[i].Field = field
	}
}

// rows reads the table again, typed.
func (t *table) rows() iter.Seq2[deja.Row, error] {
	return func(yield func(deja.Row, error) bool) {
		plans := slices.Clone(t.plans) // they remember the last layout
		left := t.table.RowCount
		for rec, err := range t.body() {
			if err != nil {
				yield(nil, err)
				return
			}
			row := make(deja.Row, len(plans))
			fits := left > 0
			for i := range plans {
				v, ok := plans[i].value(rec.at(t.kept[i]))
				row[i], fits = v, fits && ok
			}
			if !fits {
				yield(nil, deja.Errorf(deja.CodeInternal, "the file changed while it was read"))
				return
			}
			if !yield(row, nil) {
				return
			}
			left--
		}
		if left != 0 {
			yield(nil, deja.Errorf(deja.CodeInternal, "the file changed while it was read"))
		}
	}
}
