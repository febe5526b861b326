package localmodel

import "strconv"

// readNumbers understands what is left of numbers: "capacity of 42", "order
// 1003", "list 5 books".
func (r *reading) readNumbers() {
	for i := range r.words {
		if i > 0 && roughly[r.words[i-1].fold] && readLiteral(r.words[i:]).words > 0 {
			r.fail("I can compare with exact numbers only, not with “" + r.said(i-1, i+1) + "”.")
		}
		l := r.literalAt(i)
		if l.words == 0 || r.words[i].quoted > 0 || !l.number && l.clock == "" {
			continue
		}
		if m := r.mentionAt(i + l.words); m != nil && i > 0 && having[r.words[i-1].fold] && r.t.columns[m.column].counts() {
			m.used = true
			r.take(i, i+l.words)
			r.add(m.column, "$eq", l, i, m.to)
			continue
		}
		if numerals[r.words[i].fold] != "" && r.words[i].fold == "one" {
			continue
		}
		before := i - 1
		for before >= 0 && r.use[before] != read && (r.isFiller(before) || r.words[before].fold == "=") {
			before--
		}
		if m := r.mentionEnding(before + 1); m != nil && l.fits(&r.t.columns[m.column]) {
			m.used = true
			r.take(before+1, i+l.words)
			r.add(m.column, "$eq", l, m.from, i+l.words)
			continue
		}
		if before == i-1 && r.tableEndsAt(i) {
			if k := r.only(func(c *column) bool { return c.identifies() && l.fits(c) }); k >= 0 {
				r.take(i, i+l.words)
				r.add(k, "$eq", l, i, i+l.words)
				continue
			}
		}
		if n, ok := smallNumber(r.words[i]); ok && r.limit == 0 && r.namesTableAt(i+1) && !r.counting {
			r.limit = n
			r.take(i, i+1)
		}
	}
}

// having are words after which a number of something says how many there are.
var having = set("have has having with")

// roughly are words that make a number less than exact.
var roughly = set("about around approximately roughly nearly almost circa")

// mentionEnding gives the unused mention that ends at i.
func (r *reading) mentionEnding(i int) *mention {
	for k := range r.mentions {
		if m := &r.mentions[k]; m.to == i && !m.used {
			return m
		}
	}
	return nil
}

// tableEndsAt reports whether the word before i names the table.
func (r *reading) tableEndsAt(i int) bool {
	return i > 0 && len(r.t.words) > 0 && r.use[i-1] == read && r.words[i-1].stem == r.t.words[len(r.t.words)-1].stem
}

// smallNumber reads a number of rows.
func smallNumber(w word) (int, bool) {
	text := w.fold
	if n, ok := numerals[text]; ok {
		text = n
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n > 0 && n <= 100
}
