package schema

import "strings"

// mergedCells is a column of cells that are shown as one. The file has its
// value in the first row only.
type mergedCells struct {
	column      int // from 0
	first, last int // rows, from 1
	value       cell
}

const maxMerged = 10_000

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
