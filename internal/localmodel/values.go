package localmodel

import (
	"cmp"
	"slices"
	"strings"
)

// readKnownValues finds values that the schema lists as examples.
func (r *reading) readKnownValues() {
	type example struct {
		column int
		value  string
		words  []word
	}
	var all []example
	for k := range r.t.columns {
		for _, v := range r.t.columns[k].values {
			if ws := split(v); len(ws) > 0 {
				all = append(all, example{k, v, ws})
			}
		}
	}
	// Longer values first: Old Town Hall before Old Town.
	slices.SortStableFunc(all, func(a, b example) int { return cmp.Compare(len(b.words), len(a.words)) })
	for i := range r.words {
		for _, e := range all {
			n := len(e.words)
			if !r.sameWords(i, e.words) || n == 1 && !r.standsForValue(i) {
				continue
			}
			c := &r.t.columns[e.column]
			if c.lists() && !c.complete {
				break // more rows may have it among other things
			}
			found := condition{column: e.column, op: "$in", from: i, to: i + n}
			for _, same := range all {
				if same.column == e.column && slices.ContainsFunc(elements(same.value), func(ws []word) bool { return len(ws) == n && r.sameWords(i, ws) }) {
					found.values = append(found.values, same.value)
				}
			}
			if c.lists() {
				found.part = r.said(i, i+n)
			}
			if others := slices.ContainsFunc(all, func(o example) bool {
				return o.column != e.column && len(o.words) == n && r.sameWords(i, o.words)
			}); others {
				break // which column is meant comes out when the rows are searched
			}
			r.take(i, i+n)
			r.conditions = append(r.conditions, found)
			break
		}
	}
}

// lists reports whether values of the column are lists, such as "egg, milk".
func (c *column) lists() bool {
	return slices.ContainsFunc(c.values, func(v string) bool { return len(elements(v)) > 1 })
}

// elements gives the words of a value, and of each of its elements if it is a
// list.
func elements(value string) [][]word {
	all := [][]word{split(value)}
	if parts := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ';' || r == '|' }); len(parts) > 1 {
		for _, p := range parts {
			if ws := split(p); len(ws) > 0 {
				all = append(all, ws)
			}
		}
	}
	return all
}

// sameWords reports whether the words of a value stand at i.
func (r *reading) sameWords(i int, value []word) bool {
	if !r.free(i, i+len(value)) {
		return false
	}
	for k := range value {
		if r.words[i+k].stem != value[k].stem || k > 0 && r.words[i+k].quoted != r.words[i].quoted {
			return false
		}
	}
	return true
}

// standsForValue reports whether a single word may be a value although it is
// only one: it is quoted, or nothing else.
func (r *reading) standsForValue(i int) bool {
	if r.words[i].quoted > 0 {
		return true
	}
	if r.isFiller(i) && !r.closes(i) || negations[r.words[i].fold] || readLiteral(r.words[i:]).words > 0 {
		return false
	}
	return r.columnAt(i) == nil && !slices.Contains(stems(r.t.words), r.words[i].stem)
}

// closes reports whether a small word ends the question after a preposition,
// where it is more likely a name: employees in it.
func (r *reading) closes(i int) bool {
	return i == len(r.words)-1 && i > 0 && slices.Contains([]string{"in", "from", "at", "for"}, r.words[i-1].fold)
}
