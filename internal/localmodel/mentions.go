package localmodel

import (
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// readColumns finds the columns that the question names.
func (r *reading) readColumns() {
	for i := 0; i < len(r.words); {
		m := r.columnAt(i)
		if m == nil {
			i++
			continue
		}
		r.mentions = append(r.mentions, *m)
		r.take(m.from, m.to)
		i = m.to
		// The ISO code, the price value.
		if i < len(r.words) && slices.Contains([]string{"code", "number", "value", "values", "column", "field"}, r.words[i].fold) && r.columnAt(i) == nil && r.free(i, i+1) {
			r.use[i] = read
		}
	}
}

// columnAt gives the column that the words at i name: by its whole name, by a
// word that only this column has, or by another word for one.
func (r *reading) columnAt(i int) *mention {
	if r.use[i] == read || r.words[i].quoted > 0 {
		return nil
	}
	best, length := -1, 0
	for k := range r.t.columns {
		for _, name := range [][]word{r.t.columns[k].words, meaning(r.t.columns[k].words)} {
			if len(name) > length && r.matches(i, name) {
				best, length = k, len(name)
			}
		}
	}
	if best >= 0 {
		return &mention{column: best, from: i, to: i + length}
	}
	w := r.words[i]
	if r.isFiller(i) || len(w.stem) < 3 || !letters(w.stem) || unsupported[w.fold] {
		return nil
	}
	if slices.Contains(stems(r.t.words), w.stem) {
		return nil
	}
	if k := r.only(func(c *column) bool { return c.is(w.stem) }); k >= 0 {
		return &mention{column: k, from: i, to: i + 1}
	}
	same := kin(w.stem)
	if k := r.only(func(c *column) bool { return c.isAny(same) }); k >= 0 {
		return &mention{column: k, from: i, to: i + 1, weak: true}
	}
	made := func(c *column) bool {
		return slices.ContainsFunc(c.words, func(n word) bool { return related(n.stem, w.stem) })
	}
	if k := r.only(made); k >= 0 {
		return &mention{column: k, from: i, to: i + 1, weak: true}
	}
	if w.stem == "nam" {
		return &mention{column: r.t.label, from: i, to: i + 1, weak: true}
	}
	return nil
}

// meaning leaves out the words of a name that carry none: opened of opened_on.
func meaning(name []word) []word {
	return slices.DeleteFunc(slices.Clone(name), func(w word) bool { return fillers[w.fold] || len(w.fold) == 1 })
}

// related reports whether one word is made from the other: publisher from
// publish, insurance from insure.
func related(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if n := common(a, b); n >= 6 && len(a)-n <= 3 && len(b)-n <= 3 {
		return true
	}
	rest, ok := strings.CutPrefix(a, b)
	if !ok || len(b) < 3 {
		return false
	}
	return rest == "er" || rest == "or" || len(b) >= 5 && slices.Contains([]string{"r", "ur", "li", "eli", "anc", "enc", "ation", "ion", "ment", "al", "ity"}, rest)
}

// only gives the column for which f holds, or -1 when there is none or more
// than one.
func (r *reading) only(f func(*column) bool) int {
	found := -1
	for k := range r.t.columns {
		if !f(&r.t.columns[k]) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = k
	}
	return found
}

// mentionAt gives the unused mention that begins at i, nil if there is none.
func (r *reading) mentionAt(i int) *mention {
	for k := range r.mentions {
		if m := &r.mentions[k]; m.from == i && !m.used {
			return m
		}
	}
	return nil
}

// mentionAfter gives the unused mention that comes next after i, with nothing
// but fillers before it.
func (r *reading) mentionAfter(i int) *mention { return r.mentionAt(r.skipFillers(i)) }

// mentionBefore gives the last unused mention before i whose column fits.
func (r *reading) mentionBefore(i int, fits func(*column) bool) *mention {
	for k := len(r.mentions) - 1; k >= 0; k-- {
		if m := &r.mentions[k]; m.to <= i && !m.used && fits(&r.t.columns[m.column]) {
			return m
		}
	}
	return nil
}

// readQuestionWords understands "when", "where", "who", "how much" and "how
// old" as the column that holds the answer, where the question does not name
// it itself.
func (r *reading) readQuestionWords() {
	for i := range r.words {
		if r.use[i] == read || r.words[i].quoted > 0 {
			continue
		}
		if n, ok := r.says(i, "what time"); ok {
			clock := func(c *column) bool { return c.kind == deja.TypeTime }
			r.ask(i, n, clock, func() (int, bool) { return r.only(clock), true })
			continue
		}
		switch w := r.words[i].fold; w {
		case "when":
			r.dropVerbs()
			r.ask(i, 1, (*column).tellsTime, func() (int, bool) { return r.t.find([]string{temporal}, (*column).tellsTime) })
		case "where", "where's":
			r.ask(i, 1, func(c *column) bool { return c.text() && c.isAny(placeWords) }, func() (int, bool) { return r.t.find(placeWords, (*column).text) })
		case "who", "whose", "whom", "who's":
			if r.t.columns[r.t.label].isAny(personWords) {
				r.use[i] = read // rows are persons
				continue
			}
			r.ask(i, 1, (*column).text, func() (int, bool) { return r.t.find(personWords, (*column).text) })
		case "how":
			r.readHow(i)
		}
	}
}

func (r *reading) readHow(i int) {
	if i+1 >= len(r.words) || r.use[i+1] == read {
		r.use[i] = read
		return
	}
	next := r.words[i+1].fold
	if next == "much" {
		paid := func(c *column) bool { return c.counts() && (c.isAny(money) || c.isAny(pay)) }
		r.ask(i, 2, (*column).counts, func() (int, bool) { return r.t.find(slices.Concat(money, pay), paid) })
		return
	}
	if adj, ok := adjectives[next]; ok {
		fits := func(c *column) bool {
			return c.ordered() && slices.ContainsFunc(adj, func(h hint) bool { return c.hintedBy(h.stem) })
		}
		r.ask(i, 2, fits, func() (int, bool) {
			k, _, clear := r.t.hinted(adj)
			return k, clear
		})
		return
	}
	r.take(i, i+1)
	r.fail("I do not know how to answer a question with “how " + next + "”.")
}

// ask adds the column that a question word asks for, unless a column that
// fits is named anyway.
func (r *reading) ask(i, words int, fits func(*column) bool, find func() (int, bool)) {
	r.take(i, i+words)
	for _, m := range r.mentions {
		if fits(&r.t.columns[m.column]) {
			return
		}
	}
	k, _ := find()
	if k < 0 {
		r.missing = "I see no column in " + plainName(r.t.name) + " that says “" + strings.ToLower(r.said(i, i+words)) + "”."
		return
	}
	r.mentions = append(r.mentions, mention{column: k, from: i, to: i + words, weak: true})
}

// tellsTime reports whether the column answers "when".
func (c *column) tellsTime() bool {
	return c.saysWhen() || c.kind == deja.TypeTime || c.text() && (c.is("dat") || c.is("day") || c.is("tim") || c.is("year"))
}
