package localmodel

import "slices"

// readFlags finds what is asked of columns that say yes or no, and of stocks:
// in stock, not insured, out of stock, stations that have electric bikes.
func (r *reading) readFlags() {
	for i := range r.mentions {
		m := &r.mentions[i]
		if m.used {
			continue
		}
		c := &r.t.columns[m.column]
		yes, no, isFlag := c.flag()
		switch {
		case isFlag:
			not := r.negatedBefore(m.from)
			if !not && (r.asking && !r.existing || r.group == m.column) {
				continue // it is what is asked for
			}
			value := yes
			if not {
				value = no
			}
			r.require(m, condition{op: "$eq", value: value, flag: true, no: not})
		case c.counts() && r.counting && r.named && m.from > 0 && having[r.words[m.from-1].fold]:
			r.require(m, condition{op: "$gt", value: number("0")})
		case c.counts() && m.weak && r.speaksOfStock(m) && (r.named || r.names(r.t.label)):
			op := "$gt"
			if r.negatedBefore(m.from) {
				op = "$eq"
			}
			r.require(m, condition{op: op, value: number("0")})
		}
	}
}

// require makes a mention a condition.
func (r *reading) require(m *mention, c condition) {
	m.used = true
	c.column, c.from, c.to = m.column, m.from, m.to
	r.conditions = append(r.conditions, c)
}

// speaksOfStock reports whether a quantity is mentioned as what there is or
// is not, rather than as a number.
func (r *reading) speaksOfStock(m *mention) bool {
	return m.to == m.from+1 && slices.Contains([]string{"stock", "available"}, r.words[m.from].fold)
}

// negatedBefore reads "not" or "out of" before a position, small words aside.
func (r *reading) negatedBefore(i int) bool {
	if _, ok := r.says(i-2, "out of"); ok {
		r.take(i-2, i)
		return true
	}
	const reach = 3
	for k := i - 1; k >= max(0, i-reach) && r.use[k] != read; k-- {
		if negations[r.words[k].fold] {
			r.use[k] = read
			return true
		}
		if !r.isFiller(k) {
			break
		}
	}
	return false
}

// names reports whether the question names a column.
func (r *reading) names(column int) bool {
	return slices.ContainsFunc(r.mentions, func(m mention) bool { return m.column == column })
}

// readNegation understands "no electric bikes" as none of them, and "not
// novels" as other values; other negations are beyond this model.
func (r *reading) readNegation(i int) {
	for k := range r.mentions {
		m := &r.mentions[k]
		if m.from == r.skipFillers(i+1) && !m.used && r.t.columns[m.column].counts() && slices.Contains([]string{"no", "without"}, r.words[i].fold) {
			r.use[i], m.used = read, true
			r.conditions = append(r.conditions, condition{column: m.column, op: "$in", none: true})
			return
		}
	}
	if r.words[i].fold == "no" || r.words[i].fold == "none" {
		return // "no poetry" does not ask for what is other than poetry
	}
	for k := range r.conditions {
		if c := &r.conditions[k]; c.op == "$in" && !c.none && c.from == r.skipFillers(i+1) {
			r.use[i] = read
			c.op = "$nin"
			return
		}
	}
}
