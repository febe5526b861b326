package localmodel

import (
	"encoding/json"
	"slices"

	"github.com/dejahq/deja"
)

// number is a number as it is written in JSON.
type number = json.Number

// condition is something that must hold for a row.
type condition struct {
	column int
	op     string // $eq $gt $gte $lt $lte, or $in or $nin with values
	value  any
	values []string // texts, one of which the row must have
	part   string   // the rows' text contains this; values are empty or all that do
	none   bool     // there is no such thing: 0 or null
	flag   bool     // about a column that says yes or no
	no     bool     // no is what it must say
	from   int      // where the question says it
	to     int
}

// operators are the ways to compare, the longer ones first.
var operators = []struct {
	words string
	op    string
	when  bool // said of points in time only
}{
	{"no less than", "$gte", false},
	{"not less than", "$gte", false},
	{"no fewer than", "$gte", false},
	{"no more than", "$lte", false},
	{"not more than", "$lte", false},
	{"a minimum of", "$gte", false},
	{"a maximum of", "$lte", false},
	{"greater than or equal to", "$gte", false},
	{"less than or equal to", "$lte", false},
	{"more than", "$gt", false},
	{"greater than", "$gt", false},
	{"larger than", "$gt", false},
	{"higher than", "$gt", false},
	{"bigger than", "$gt", false},
	{"less than", "$lt", false},
	{"fewer than", "$lt", false},
	{"lower than", "$lt", false},
	{"smaller than", "$lt", false},
	{"at least", "$gte", false},
	{"at most", "$lte", false},
	{"up to", "$lte", false},
	{"equal to", "$eq", false},
	{"> =", "$gte", false},
	{"< =", "$lte", false},
	{">", "$gt", false},
	{"<", "$lt", false},
	{"≥", "$gte", false},
	{"≤", "$lte", false},
	{"=", "$eq", false},
	{"over", "$gt", false},
	{"above", "$gt", false},
	{"exceeding", "$gt", false},
	{"exceeds", "$gt", false},
	{"exceed", "$gt", false},
	{"under", "$lt", false},
	{"below", "$lt", false},
	{"exactly", "$eq", false},
	{"equals", "$eq", false},
	{"later than", "$gt", true},
	{"earlier than", "$lt", true},
	{"since", "$gte", true},
	{"until", "$lte", true},
	{"after", "$gt", true},
	{"before", "$lt", true},
	{"in", "$eq", true},
	{"during", "$eq", true},
	{"on", "$eq", true},
	{"from", "$eq", true},
	{"of", "$eq", true},
	{"at", "$eq", true},
}

// happened are verbs that say no more than that a row came to be, next to a
// date: books published in 2019.
var happened = stemsOf("placed made created released published built founded established born added recorded issued dated launched started")

// readComparisons finds what the question compares with numbers and dates.
func (r *reading) readComparisons() {
	for i := range r.words {
		if r.use[i] == read || r.words[i].quoted > 0 {
			continue
		}
		if r.readBetween(i) || r.readThan(i) {
			continue
		}
		for _, o := range operators {
			n, ok := r.says(i, o.words)
			if ok && r.compare(i, i+n, o.op, o.when, nil) {
				break
			}
		}
	}
	for i := range r.words {
		r.readOrMore(i)
	}
}

// readBetween understands "between 10 and 20" and "from 10 to 20".
func (r *reading) readBetween(i int) bool {
	for _, form := range [][2]string{{"between", "and"}, {"from", "to"}, {"from", "until"}} {
		if _, ok := r.says(i, form[0]); !ok {
			continue
		}
		from := r.pastCurrency(i + 1)
		low := r.literalAt(from)
		link := from + low.words
		if low.words == 0 || link >= len(r.words) {
			continue
		}
		if _, ok := r.says(link, form[1]); !ok {
			continue
		}
		to := r.pastCurrency(link + 1)
		high := r.literalAt(to)
		if high.words == 0 {
			continue
		}
		end := r.pastCurrency(to + high.words)
		k, ok := r.columnFor(i, end, low, low.first != "" && high.first != "" && (form[0] == "from" || !low.number), nil)
		if !ok {
			return true
		}
		r.take(i, end)
		r.add(k, "$gte", low, i, end)
		r.add(k, "$lte", high, i, end)
		return true
	}
	return false
}

// readThan understands "cheaper than 20".
func (r *reading) readThan(i int) bool {
	base, degree, ok := compared(r.words[i].fold)
	if !ok || degree != "er" || i+1 >= len(r.words) || r.words[i+1].fold != "than" || r.use[i+1] == read {
		return false
	}
	for _, h := range adjectives[base] {
		k, _ := r.t.find([]string{h.stem}, (*column).ordered)
		op := "$lt"
		if h.desc {
			op = "$gt"
		}
		if k >= 0 && r.compare(i, i+2, op, false, &k) {
			return true
		}
	}
	return false
}

// compare reads a comparison whose operator takes the words from i to after,
// if a number or a date follows.
func (r *reading) compare(i, after int, op string, when bool, column *int) bool {
	from := r.pastCurrency(after)
	l := r.literalAt(from)
	if l.words == 0 || when && l.first == "" && l.clock == "" {
		return false
	}
	end := r.pastCurrency(from + l.words)
	k, ok := -1, true
	if column != nil {
		k = *column
		ok = l.fits(&r.t.columns[k])
		r.useMentionsOf(k)
	} else {
		k, ok = r.columnFor(i, end, l, when, &op)
	}
	if !ok {
		return when && k == undecided
	}
	end = r.pastUnit(end, k)
	r.take(i, end)
	r.add(k, op, l, i, end)
	return true
}

// units are measures that may follow a number.
var units = stemsOf("min minutes mins hours h hrs seconds sec s days weeks months years km m cm mm kg g km2 eur")

// pastUnit gives the position after a unit that is the column's own. Another
// unit is left to be not understood, since nothing is converted here.
func (r *reading) pastUnit(i, k int) int {
	if i >= len(r.words) || r.use[i] == read || !slices.Contains(units, r.words[i].stem) {
		return i
	}
	c, unit := &r.t.columns[k], r.words[i].stem
	if c.is(unit) || c.isAny(kin(unit)) || c.is(stem("age")) && unit == stem("years") {
		return i + 1
	}
	return i
}

// readOrMore understands "20 or more".
func (r *reading) readOrMore(i int) {
	from := r.pastCurrency(i)
	l := r.literalAt(from)
	if l.words == 0 || r.use[i] == read {
		return
	}
	end := r.pastCurrency(from + l.words)
	op := "$gte"
	n, ok := r.saysAny(end, "or more", "or higher", "or above", "or over", "and more", "and above", "or later", "and later")
	if !ok {
		op = "$lte"
		if n, ok = r.saysAny(end, "or less", "or fewer", "or lower", "or under", "or below", "or earlier"); !ok {
			return
		}
	}
	k, ok := r.columnFor(i, end+n, l, false, nil)
	if !ok {
		return
	}
	r.take(i, end+n)
	r.add(k, op, l, i, end+n)
}

func (r *reading) literalAt(i int) literal {
	if i < 0 || i >= len(r.words) {
		return literal{}
	}
	l := readLiteral(r.words[i:])
	if l.words > 0 && !r.free(i, i+l.words) {
		return literal{}
	}
	return l
}

var currencies = set("$ € £ euro euros eur dollar dollars usd pound pounds gbp")

// pastCurrency gives the position after a currency.
func (r *reading) pastCurrency(i int) int {
	if i < len(r.words) && currencies[r.words[i].fold] && r.use[i] != read {
		return i + 1
	}
	return i
}

// fits reports whether a column's values compare with the literal.
func (l literal) fits(c *column) bool {
	switch c.kind {
	case deja.TypeInteger, deja.TypeNumber:
		return l.number
	case deja.TypeYear:
		return l.number || l.first != ""
	case deja.TypeDate, deja.TypeDateTime:
		return l.first != ""
	case deja.TypeTime:
		return l.clock != ""
	}
	return false
}

// undecided is what columnFor gives when it has said that it cannot tell.
const undecided = -2

// columnFor finds the column that a comparison is about: the one that is named
// right after it, or last before it, or the only one that it can be about.
func (r *reading) columnFor(from, to int, l literal, when bool, op *string) (int, bool) {
	fits := func(c *column) bool { return l.fits(c) && (!when || c.saysWhen() || c.kind == deja.TypeTime) }
	if l.number && l.year && !when {
		fits = func(c *column) bool { return c.kind.Numeric() || c.saysWhen() }
	}
	if m := r.mentionAt(to); m != nil && !when && r.t.columns[m.column].kind.Numeric() && fits(&r.t.columns[m.column]) {
		m.used = true
		return m.column, true
	}
	if m := r.mentionBefore(from, fits); m != nil {
		m.used = true
		return m.column, true
	}
	money := slices.ContainsFunc(r.words[from:min(to, len(r.words))], func(w word) bool { return currencies[w.fold] })
	// Between 1990 and 2000 there are years; over 2000 there may be anything.
	years := l.year && !money && (r.words[from].fold == "between" || from > 0 && slices.Contains(happened, r.words[from-1].stem))
	only, several := -1, false
	for k := range r.t.columns {
		c := &r.t.columns[k]
		if !fits(c) || c.identifies() || money && !c.isMoney() || years && !c.saysWhen() {
			continue
		}
		if !when && l.number && !l.year && !c.counts() {
			continue
		}
		several = several || only >= 0
		only = k
	}
	if only >= 0 && !several {
		r.dropVerb(from)
		return only, true
	}
	if when && op != nil && *op == "$eq" {
		return -1, false // "in" and "of" may mean something else
	}
	if only < 0 && when {
		return -1, false
	}
	r.take(from, to)
	r.fail("I cannot tell which column “" + r.said(from, to) + "” is about.")
	return undecided, false
}

func (c *column) isMoney() bool { return c.isAny(money) || c.isAny(pay) }

// dropVerb takes "published" before "in 2019" for what it is, not for a
// question about the publisher.
func (r *reading) dropVerb(before int) {
	if i := before - 1; i >= 0 && slices.Contains(happened, r.words[i].stem) && r.words[i].quoted == 0 {
		if m := r.mentionEnding(before); m != nil && m.weak {
			m.used = true
		}
		r.use[i] = read
	}
}

// dropVerbs does the same wherever such a verb stands, for "when".
func (r *reading) dropVerbs() {
	for i := range r.words {
		if m := r.mentionEnding(i + 1); m == nil || m.weak {
			r.dropVerb(i + 1)
		}
	}
}

// add adds a comparison in the form of the column.
func (r *reading) add(k int, op string, l literal, from, to int) {
	c := condition{column: k, op: op, from: from, to: to}
	switch kind := r.t.columns[k].kind; {
	case kind == deja.TypeTime:
		c.value = l.clock
	case kind == deja.TypeYear && !l.number:
		c.value = number(l.first[:4])
	case kind.Numeric():
		c.value = number(l.text)
	case op == "$eq" && l.first != l.last:
		first, last := c, c
		first.op, first.value = "$gte", l.first
		last.op, last.value = "$lte", l.last
		r.conditions = append(r.conditions, first, last)
		return
	case op == "$gt" || op == "$lte":
		c.value = l.last
	default:
		c.value = l.first
	}
	r.conditions = append(r.conditions, c)
}
