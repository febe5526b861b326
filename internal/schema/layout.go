package schema

import (
	"math"
	"strconv"
	"strings"
)

// sampleRows is how many rows are looked at to find the header.
const sampleRows = 100

// maxPreamble bounds the rows before the header that may be a title.
const maxPreamble = 20

// layout says where a table's header is.
type layout struct {
	skip     int // rows with a value before the table: titles, notes
	header   []string
	headless bool // the first row is data; header is empty names
	line     int  // of the header
}

// findLayout looks for the header in the first rows that have a value. The
// first one is the header, unless a title stands above it, or it is plainly
// data.
func findLayout(sample []record, fromText bool) layout {
	width := usualWidth(sample)
	skip := 0
	for skip < min(len(sample)-1, maxPreamble) && isPreamble(sample[skip], width, fromText) {
		skip++
	}
	if skip > 0 && filled(sample[skip])*2 <= width {
		skip = 0 // what comes after is no header either
	}
	l := layout{skip: skip, line: sample[skip].line}
	l.headless = isData(sample[skip:], width)
	for _, c := range sample[skip].cells {
		if l.headless {
			l.header = append(l.header, "")
		} else {
			l.header = append(l.header, strings.Clone(c.text))
		}
	}
	return l
}

// usualWidth is the number of cells that most rows have.
func usualWidth(sample []record) int {
	counts := make(map[int]int)
	width := 0
	for _, r := range sample {
		n := len(r.cells)
		counts[n]++
		if counts[n] > counts[width] || counts[n] == counts[width] && n > width {
			width = n
		}
	}
	return width
}

func filled(r record) int {
	n := 0
	for _, c := range r.cells {
		if !c.empty() {
			n++
		}
	}
	return n
}

// isPreamble reports whether a row stands above the table: it is shorter and
// at most half as full as rows usually are, a lone title, or a comment.
func isPreamble(r record, width int, fromText bool) bool {
	n := filled(r)
	switch {
	case fromText && strings.HasPrefix(r.cells[0].text, "#") && len(r.cells) != width:
		return true
	case width < 2 || width == 2 && !fromText: // a lone cell may be all the header there is
		return false
	case len(r.cells) < width:
		return n*2 <= width
	}
	return n == 1 && width > 2
}

// isData reports whether the first of some rows is plainly not a header: every
// column that has values of a kind other than text below has one there too.
// Numbers that count up, or look like years, are names of columns though.
func isData(rows []record, width int) bool {
	const enough = 2 // rows below, to speak of a kind
	if len(rows) <= enough {
		return false
	}
	var numbers []float64
	typed, moments := 0, 0
	for i := range width {
		kind := kindBelow(rows[1:], i)
		if kind == plainText {
			continue
		}
		if i >= len(rows[0].cells) || kindOf(rows[0].cells[i]) != kind {
			return false
		}
		typed++
		if kind == plainMoment {
			moments++
			continue
		}
		if n, err := strconv.ParseFloat(rows[0].cells[i].text, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	return typed > 0 && (moments > 0 || len(numbers) < typed || !areNames(numbers))
}

// areNames reports whether numbers in a first row could be names: years, or
// a sequence in equal steps. Any two numbers are one, so two must be next to
// each other.
func areNames(numbers []float64) bool {
	years, steps := true, len(numbers) > 1
	for i, n := range numbers {
		years = years && n >= 1500 && n <= 2100 && n == math.Trunc(n)
		steps = steps && (i == 0 || n > numbers[i-1] && math.Abs(n-numbers[i-1]-(numbers[1]-numbers[0])) < 1e-9)
	}
	if len(numbers) == 2 {
		steps = numbers[1] == numbers[0]+1
	}
	return years || steps
}

// plainKind is a rough kind of a value.
type plainKind uint8

const (
	plainNull plainKind = iota
	plainText
	plainNumber
	plainMoment
)

func kindOf(c cell) plainKind {
	switch {
	case c.empty() || c.kind == textCell && nullMarker(c.text) >= 0:
		return plainNull
	case c.kind == numberCell:
		return plainNumber
	case c.kind == momentCell:
		return plainMoment
	case c.kind != textCell:
		return plainText
	}
	for _, in := range []notation{pointNotation, commaNotation} {
		if _, ok := parseNumeral(c.text, in); ok {
			return plainNumber
		}
	}
	if mayBeMoment(c.text) {
		for i := range momentForms {
			if _, _, ok := momentForms[i].parse(c.text, 0); ok {
				return plainMoment
			}
		}
	}
	return plainText
}

// kindBelow gives the kind that all values of a column have, plainText when
// they differ or there are none.
func kindBelow(rows []record, column int) plainKind {
	found := plainNull
	for _, r := range rows {
		if column >= len(r.cells) {
			continue
		}
		kind := kindOf(r.cells[column])
		if kind == plainNull {
			continue
		}
		if kind == plainText || found != plainNull && kind != found {
			return plainText
		}
		found = kind
	}
	if found == plainNull {
		return plainText
	}
	return found
}
