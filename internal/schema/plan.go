package schema

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dejahq/deja"
)

// plan says how the values of a column are read once its type is known.
type plan struct {
	typ      deja.ColumnType
	notation notation
	form     *momentForm
	digits   int // of a second, in every value
	hint     int // layout of the form that fitted last
	naIsNull bool
}

// evidence is what the columns of a table, taken together, say about each.
type evidence struct {
	delimiter byte // 0 in a sheet
	typed     bool // cells have types of their own
	comma     bool // some column has decimal commas beyond doubt
	na        bool // some column that is not of strings has NA for null
}

// plans decides the types of all columns.
func plans(columns []*inference, delimiter byte) []plan {
	ev := evidence{delimiter: delimiter}
	for _, c := range columns {
		ev.typed = ev.typed || c.typed
		ev.comma = ev.comma || delimiter != 0 && delimiter != ',' && c.commaProved()
	}
	made := make([]plan, len(columns))
	for i, c := range columns {
		made[i] = c.plan(ev)
		ev.na = ev.na || made[i].typ != deja.TypeString && c.markers["NA"] != nil
	}
	// Among short codes NA is one of them.
	const codeLength = 3
	for i, c := range columns {
		made[i].naIsNull = ev.na && c.longest > codeLength
	}
	return made
}

func (c *inference) plan(ev evidence) plan {
	switch {
	case c.values == 0, c.text:
		return plan{typ: deja.TypeString}
	case c.boolean:
		return plan{typ: deja.TypeBoolean}
	}
	// In a sheet with typed cells, numbers that are text are so on purpose.
	if c.typed || !ev.typed {
		if in, ok := c.chooseNotation(ev); ok {
			s := &c.notation[in]
			switch {
			case c.yearly(s):
				return plan{typ: deja.TypeYear, notation: in}
			case s.whole:
				return plan{typ: deja.TypeInteger, notation: in}
			}
			return plan{typ: deja.TypeNumber, notation: in}
		}
	}
	if s := c.moment(); s != nil {
		return plan{typ: s.form.typ, form: s.form, digits: s.digits}
	}
	return plan{typ: deja.TypeString}
}

// chooseNotation decides how the column's numbers are written, if they are
// numbers: 1,234 and 1.234 are a thousand or one and a bit, depending.
func (c *inference) chooseNotation(ev evidence) (notation, bool) {
	point := &c.notation[pointNotation]
	switch asPoint, asComma := c.numeric(pointNotation), c.numeric(commaNotation); {
	case asPoint && !asComma:
		// 101,202,303 could be a list of three; 1,202,303 and 101,202.5 could not.
		return pointNotation, !point.grouped || point.short || point.fraction
	case asComma && !asPoint:
		// In a file separated by commas "3,5" could be a list of two; points
		// alone, as in 10.100.200.100, need a decimal comma elsewhere.
		return commaNotation, ev.comma
	case !asPoint:
		return 0, false
	case !point.fraction && !point.grouped:
		return pointNotation, true
	case point.fraction && point.grouped:
		return 0, false
	case ev.comma:
		return commaNotation, true
	case point.fraction:
		return pointNotation, true
	}
	return pointNotation, ev.delimiter == ',' && point.short
}

// isNull reports whether a value stands for null.
func (p *plan) isNull(v cell) bool {
	if v.empty() {
		return true
	}
	if v.kind != textCell {
		return false
	}
	marker := nullMarker(v.text)
	return marker >= 0 && p.markerIsNull(marker, v.text)
}

func (p *plan) markerIsNull(marker int, text string) bool {
	return p.typ != deja.TypeString || surelyNull(marker, text) || p.naIsNull && marker == markerNA && text == "NA"
}

// value reads a value. False means that it does not fit the column, which
// cannot be unless the file changed since its types were inferred.
func (p *plan) value(v cell) (any, bool) {
	if p.isNull(v) {
		return nil, true
	}
	switch p.typ {
	case deja.TypeString:
		return v.text, true
	case deja.TypeBoolean:
		return strings.EqualFold(v.text, "true"), isBoolean(v.text)
	case deja.TypeInteger, deja.TypeYear, deja.TypeNumber:
		n, ok := parseNumeral(v.text, p.notation)
		return n.value(p.typ), ok && (n.whole || p.typ == deja.TypeNumber)
	}
	t, layout, ok := p.form.parse(v.text, p.hint)
	if !ok || fractionDigits(t) > p.digits {
		return nil, false
	}
	p.hint = layout
	return p.form.format(t, p.digits), true
}

// describe completes a column with what is known of its values.
func (c *inference) describe(p *plan) deja.Column {
	col := deja.Column{Type: p.typ, Nulls: c.blanks}
	for _, text := range slices.Sorted(maps.Keys(c.markers)) {
		n := c.markers[text]
		if p.markerIsNull(n.marker, text) {
			col.Nulls += n.count
		} else {
			c.variety.addEarlier(text, n.firstRow)
		}
	}
	col.Nullable = col.Nulls > 0
	switch {
	case c.values == 0:
	case p.form != nil:
		least, most := c.momentRange(p)
		col.Min, col.Max = p.form.format(least, p.digits), p.form.format(most, p.digits)
	case p.typ.Numeric():
		s := &c.notation[p.notation]
		col.Min, col.Max = s.least.value(p.typ), s.most.value(p.typ)
	}
	col.Distinct = c.countDistinct(p)
	const few = 5
	for _, e := range c.variety.examples {
		v, ok := any(e.text), true
		if p.typ != deja.TypeString {
			v, ok = p.value(cell{text: e.text})
		}
		switch {
		case len(col.Examples) == few && (col.Distinct == 0 || col.Distinct > maxExamples):
			return col
		case !ok || slices.Contains(col.Examples, v):
		case e.cut:
			col.Examples = append(col.Examples, e.text+"...")
		default:
			col.Examples = append(col.Examples, v)
		}
	}
	return col
}

func (c *inference) momentRange(p *plan) (least, most time.Time) {
	for i := range c.forms {
		if c.forms[i].form == p.form {
			return c.forms[i].least, c.forms[i].most
		}
	}
	return
}

// countDistinct counts distinct values, 0 when there are too many: 1.0 and
// 1.00 are two texts and one number.
func (c *inference) countDistinct(p *plan) int {
	if p.typ == deja.TypeString || c.variety.distinct == nil {
		return len(c.variety.distinct)
	}
	if c.variety.hashed {
		return 0
	}
	values := make(map[any]struct{}, len(c.variety.distinct))
	for text := range c.variety.distinct {
		v, _ := p.value(cell{text: text})
		values[v] = struct{}{}
	}
	return len(values)
}
