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
	if k := r.only(func(c *column) bool { return c.isAny(kin(w.stem)) }); k >= 0 {
		return &mention{column: k, from: i, to: i + 1, weak: true}
	}
	if k := r.only(func(c *column) bool {
		return slices.ContainsFunc(c.words, func(n word) bool { return doer(n.stem, w.stem) })
	}); k >= 0 {
		return &mention{column: k, from: i, to: i + 1, weak: true}
	}
	return nil
}

// meaning leaves out the words of a name that carry none: opened of opened_on.
func meaning(name []word) []word {
	return slices.DeleteFunc(slices.Clone(name), func(w word) bool { return fillers[w.fold] || len(w.fold) == 1 })
}

// doer reports whether a noun is who does what a verb says: publisher, publish.
func doer(noun, verb string) bool {
	rest, ok := strings.CutPrefix(noun, verb)
	return ok && len(verb) >= 3 && (rest == "er" || rest == "or" || rest == "r")
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
		switch w := r.words[i].fold; w {
		case "when":
			r.ask(i, 1, (*column).tellsTime, func() (int, bool) { return r.t.find(happening, (*column).tellsTime) })
		case "where", "where's":
			r.ask(i, 1, func(c *column) bool { return c.text() && c.isAny(placeWords) }, func() (int, bool) { return r.t.find(placeWords, (*column).text) })
		case "who", "whose", "whom", "who's":
			person := func(c *column) bool { return c.text() && c.isAny(personWords) }
			r.ask(i, 1, person, func() (int, bool) { return r.t.find(personWords, (*column).text) })
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
		hints := slices.Concat(adj.more, adj.less)
		fits := func(c *column) bool {
			return c.ordered() && (c.isAny(hints) || c.saysWhen() && slices.Contains(hints, temporal))
		}
		r.ask(i, 2, fits, func() (int, bool) { return r.t.find(hints, (*column).ordered) })
		return
	}
	r.fail("I do not know how to answer “how " + next + "”.")
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
		r.vague = true
		return
	}
	r.mentions = append(r.mentions, mention{column: k, from: i, to: i + words, weak: true})
}

// tellsTime reports whether the column answers "when".
func (c *column) tellsTime() bool {
	return c.saysWhen() || c.kind == deja.TypeTime || c.text() && (c.is("dat") || c.is("day") || c.is("tim") || c.is("year"))
}
