package localmodel

import (
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// reading is what one table makes of a question: which words are understood,
// and as what.
type reading struct {
	t     *table
	text  string
	words []word
	use   []use

	named      bool // the question names the table
	nounFrom   int  // the first word of the table's name that it uses
	counting   bool // how many
	countedAt  int  // where what is counted is named
	distinct   bool // how many different
	asking     bool // whether something is so
	existing   bool // whether there is any
	aggregate  string
	figure     int // the column of the aggregate
	extreme    *extreme
	group      int // the column to group by, or -1
	limit      int // rows that were asked for, 0 when it was not said
	mentions   []mention
	conditions []condition
	phrases    []phrase // what is still to be understood

	problem string // why this table cannot give the answer
	vague   bool   // a column was only guessed by what it may hold
}

// use says what a word was read as.
type use uint8

const (
	unread use = iota
	filler
	read
)

// mention is a column that the question names.
type mention struct {
	column   int
	from, to int
	weak     bool // by a part of its name, or by another word for it
	used     bool // in a comparison, an extreme, a group
}

// extreme asks for the first rows in an order.
type extreme struct {
	column int
	desc   bool
	at     int
	many   bool // most, fewest: of the table's rows, per group
}

// phrase is a run of words that may be a value in the rows.
type phrase struct{ from, to int }

// understand reads a question against a table.
func understand(t *table, text string, words []word) *reading {
	r := &reading{t: t, text: text, words: words, use: make([]use, len(words)), group: -1, figure: -1}
	r.readOpening()
	r.readKnownValues()
	r.readTableName()
	r.readColumns()
	r.readCounting()
	r.readExtremes()
	r.readAggregates()
	r.readGroups()
	r.readComparisons()
	r.readQuestionWords()
	r.readNumbers()
	r.readFlags()
	r.readRest()
	return r
}

func (r *reading) take(from, to int) {
	for i := from; i < to; i++ {
		r.use[i] = read
	}
}

// free reports whether no word of the range was read yet.
func (r *reading) free(from, to int) bool {
	return from >= 0 && to <= len(r.words) && !slices.Contains(r.use[from:to], read)
}

// says reports whether the words of a text stand at i, unread and unquoted.
func (r *reading) says(i int, text string) (words int, ok bool) {
	n := 0
	for want := range strings.FieldsSeq(text) {
		if i+n >= len(r.words) || r.words[i+n].fold != want || r.use[i+n] == read || r.words[i+n].quoted > 0 {
			return 0, false
		}
		n++
	}
	return n, true
}

func (r *reading) saysAny(i int, texts ...string) (words int, ok bool) {
	for _, text := range texts {
		if n, ok := r.says(i, text); ok {
			return n, true
		}
	}
	return 0, false
}

func (r *reading) fail(problem string) {
	if r.problem == "" {
		r.problem = problem
	}
}

// isFiller reports whether the word at i carries no meaning of its own.
func (r *reading) isFiller(i int) bool {
	return r.words[i].quoted == 0 && fillers[r.words[i].fold]
}

// skipFillers gives the first position from i on that is not a filler.
func (r *reading) skipFillers(i int) int {
	for i < len(r.words) && r.use[i] != read && r.isFiller(i) {
		i++
	}
	return i
}

// readOpening finds out whether the question is one for yes or no.
func (r *reading) readOpening() {
	for i := range r.words {
		if n, ok := r.saysAny(i, "is there", "are there", "do you have", "have you", "do we have"); ok {
			r.existing = i == 0
			_ = n
		}
	}
	if len(r.words) > 0 {
		switch r.words[0].fold {
		case "is", "are", "was", "were", "does", "do", "did", "has", "have", "can":
			r.asking = true
		}
	}
}

// readTableName finds the table's name, or enough of it: the last word of it
// is what its rows are called. Where there is one row for each, "entries" and
// the like mean the same.
func (r *reading) readTableName() {
	names := r.t.words
	if len(names) == 0 {
		return
	}
	for i := range r.words {
		if r.use[i] == read || r.words[i].quoted > 0 {
			continue
		}
		for from := range names {
			if n := len(names) - from; r.matches(i, names[from:]) {
				r.take(i, i+n)
				r.named, r.nounFrom = true, from
				break
			}
		}
		if r.use[i] != read && slices.Contains([]string{"row", "record", "entri"}, r.words[i].stem) {
			r.use[i] = read
		}
	}
	// Other words of the name are understood, but name nothing by themselves.
	for i := range r.words {
		if r.use[i] == unread && !r.isFiller(i) && len(names) > 1 && slices.Contains(stems(names[:len(names)-1]), r.words[i].stem) {
			if r.columnAt(i) == nil {
				r.use[i] = filler
			}
		}
	}
}

// matches reports whether the words of a name stand at i.
func (r *reading) matches(i int, name []word) bool {
	if len(name) == 0 || !r.free(i, i+len(name)) {
		return false
	}
	for k := range name {
		if w := r.words[i+k]; w.stem != name[k].stem || w.quoted > 0 {
			return false
		}
	}
	return true
}

// readFlags finds what is asked of columns that are true or false: in stock,
// not in stock.
func (r *reading) readFlags() {
	for i := range r.mentions {
		m := &r.mentions[i]
		if m.used || r.t.columns[m.column].kind != deja.TypeBoolean {
			continue
		}
		not := -1
		for k := m.from - 1; k >= 0 && k >= m.from-3 && (r.isFiller(k) || negations[r.words[k].fold]); k-- {
			if negations[r.words[k].fold] {
				not = k
				break
			}
		}
		if n, ok := r.says(m.from-2, "out of"); ok && n == 2 {
			not = m.from - 2
		}
		if not < 0 && (r.asking && !r.existing || r.group == m.column) {
			continue // it is what is asked for
		}
		if not >= 0 {
			r.use[not] = read
		}
		m.used = true
		r.conditions = append(r.conditions, condition{column: m.column, op: "$eq", value: not < 0, known: true})
	}
}

// readRest calls what is left either without meaning or not understood.
func (r *reading) readRest() {
	for i := range r.words {
		if r.use[i] != unread {
			continue
		}
		w := r.words[i]
		switch {
		case r.isFiller(i):
			r.use[i] = filler
		case w.quoted > 0:
		case negations[w.fold]:
			r.readNegation(i)
		case w.fold == "and" || w.fold == "or":
			r.use[i] = filler
		case unsupported[w.fold]:
			r.fail("I do not know how to take “" + w.text + "” into account.")
		}
	}
	for i := 0; i < len(r.words); i++ {
		if r.use[i] != unread {
			continue
		}
		from := i
		for i < len(r.words) && r.use[i] == unread && r.words[i].quoted == r.words[from].quoted && (i == from || !r.words[i].broken) {
			i++
		}
		r.phrases = append(r.phrases, phrase{from, i})
		i--
	}
}

// readNegation understands "without electric bikes" and "no electric bikes"
// as none of them; other negations are beyond this model.
func (r *reading) readNegation(i int) {
	for k := range r.mentions {
		m := &r.mentions[k]
		if m.from == r.skipFillers(i+1) && !m.used && r.t.columns[m.column].counts() && slices.Contains([]string{"no", "without"}, r.words[i].fold) {
			r.use[i], m.used = read, true
			r.conditions = append(r.conditions, condition{column: m.column, op: "$eq", value: number("0"), known: true})
			return
		}
	}
	r.fail("I do not understand “" + r.words[i].text + "” in a question.")
}
