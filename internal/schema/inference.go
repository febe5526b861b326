package schema

import (
	"math"
	"strings"
	"time"

	"github.com/dejahq/deja"
)

// inference watches the values of one column and rules types out. What is
// left after the last row is the column's type.
type inference struct {
	header string
	values int64 // not null and not a null marker
	blanks int64
	rows   int64 // all of them

	markers map[string]*markerCount // null markers by spelling
	variety variety
	longest int // bytes of the longest value

	literals bool // some value was made text on purpose
	typed    bool // some value has a type of its own, as cells of sheets do
	text     bool // no type but string is left
	boolean  bool
	notation [2]notationState
	forms    []formState // nil before the first value
}

// markerCount counts a null marker, which may yet turn out to be a text.
type markerCount struct {
	marker   int
	count    int64
	firstRow int64
}

// notationState is what the column would be if its numbers were written in a
// notation.
type notationState struct {
	out      bool // some value is not a number in this notation
	whole    bool // every value is a whole number
	inexact  bool // some whole number is not exact as a float64
	fraction bool // some value has a decimal separator
	grouped  bool // some value has thousands separators
	short    bool // and starts with fewer than three digits
	least    numeral
	most     numeral
}

// formState is the same for a form of moments.
type formState struct {
	form   *momentForm
	hint   int
	digits int
	least  time.Time
	most   time.Time
}

func newInference(header string, columns int) *inference {
	c := &inference{header: header, variety: newVariety(columns), boolean: true}
	for i := range c.notation {
		c.notation[i].whole = true
	}
	return c
}

// add takes the value of the next row.
func (c *inference) add(v cell) {
	row := c.rows
	c.rows++
	if v.empty() {
		c.blanks++
		return
	}
	if v.kind == textCell {
		if m := nullMarker(v.text); m >= 0 {
			c.addMarker(m, v.text, row)
			return
		}
	}
	c.values++
	c.longest = max(c.longest, len(v.text))
	c.variety.add(v.text, row)
	if c.text {
		return
	}
	switch v.kind {
	case literalCell:
		c.literals = true
	case numberCell, momentCell, booleanCell:
		c.typed = true
	}
	c.boolean = c.boolean && isBoolean(v.text)
	c.addNumeral(v)
	c.addMoment(v)
	c.text = c.literals || !c.boolean && c.notation[0].out && c.notation[1].out && len(c.forms) == 0
}

// addMarker counts a null marker. There are less than a thousand spellings.
func (c *inference) addMarker(marker int, text string, row int64) {
	if n, ok := c.markers[text]; ok {
		n.count++
		return
	}
	if c.markers == nil {
		c.markers = make(map[string]*markerCount)
	}
	c.markers[strings.Clone(text)] = &markerCount{marker: marker, count: 1, firstRow: row}
}

func isBoolean(text string) bool {
	return strings.EqualFold(text, "true") || strings.EqualFold(text, "false")
}

func (c *inference) addNumeral(v cell) {
	for i := range c.notation {
		s := &c.notation[i]
		if s.out {
			continue
		}
		in := notation(i)
		if v.kind == numberCell {
			in = pointNotation // a sheet's own numbers have no notation
		}
		n, ok := parseNumeral(v.text, in)
		if !ok || v.kind == momentCell || v.kind == booleanCell {
			s.out = true
			continue
		}
		s.add(n, c.values == 1)
	}
}

func (s *notationState) add(n numeral, first bool) {
	s.whole = s.whole && n.whole
	s.inexact = s.inexact || n.whole && !n.exact
	s.fraction = s.fraction || n.fraction
	s.grouped = s.grouped || n.grouped
	s.short = s.short || n.short
	if first || n.less(s.least) {
		s.least = n
	}
	if first || s.most.less(n) {
		s.most = n
	}
}

func (n numeral) less(m numeral) bool {
	if n.whole && m.whole {
		return n.integer < m.integer
	}
	return n.float < m.float
}

func (c *inference) addMoment(v cell) {
	if c.forms == nil && c.values == 1 {
		c.forms = []formState{}
		if mayBeMoment(v.text) {
			for i := range momentForms {
				c.forms = append(c.forms, formState{form: &momentForms[i]})
			}
		}
	}
	left := c.forms[:0]
	for _, s := range c.forms {
		if len(v.text) <= longestMoment && v.kind != numberCell && s.add(v.text, c.values == 1) {
			left = append(left, s)
		}
	}
	c.forms = left
}

func (s *formState) add(text string, first bool) bool {
	t, layout, ok := s.form.parse(text, s.hint)
	if !ok {
		return false
	}
	s.hint = layout
	s.digits = max(s.digits, fractionDigits(t))
	if first || t.Before(s.least) {
		s.least = t
	}
	if first || t.After(s.most) {
		s.most = t
	}
	return true
}

// numeric reports whether the column could be one of numbers in a notation.
func (c *inference) numeric(in notation) bool {
	s := &c.notation[in]
	return c.values > 0 && !c.literals && !s.out && (s.whole || !s.inexact)
}

// commaProved reports whether the column's numbers have decimal commas beyond
// doubt.
func (c *inference) commaProved() bool {
	return c.numeric(commaNotation) && !c.numeric(pointNotation) && c.notation[commaNotation].fraction
}

// moment gives the form of the column's moments, nil when it has none or when
// day and month could be either way round.
func (c *inference) moment() *formState {
	var found *formState
	for i := range c.forms {
		s := &c.forms[i]
		switch {
		case found == nil:
			found = s
		case found.form.order != evident && s.form.order != evident && found.form.order != s.form.order && found.form.typ == s.form.typ:
			return nil
		}
	}
	return found
}

// yearly reports whether whole numbers are years: the header says so, and
// they could be.
func (c *inference) yearly(s *notationState) bool {
	if s.grouped || !s.whole {
		return false
	}
	switch yearHeader(c.header) {
	case saysYear:
		return s.least.integer >= 1000 && s.most.integer <= 2999
	case saysDate:
		return s.least.integer >= 1500 && s.most.integer <= 2100
	}
	return false
}

// value gives the number of the numeral, as an integer or a float.
func (n numeral) value(t deja.ColumnType) any {
	if t != deja.TypeNumber {
		return n.integer
	}
	if n.float == 0 {
		return math.Abs(n.float) // no negative zero
	}
	return n.float
}
