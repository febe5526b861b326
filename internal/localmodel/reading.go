package localmodel

import (
	"slices"
	"strings"
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
	sort       *order
	mentions   []mention
	conditions []condition
	phrases    []phrase // what is still to be understood

	problem string // why this table cannot give the answer
	missing string // what it has no column for
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
// alone says that there is no other table.
func understand(t *table, text string, words []word, alone bool) *reading {
	r := &reading{t: t, text: text, words: words, use: make([]use, len(words)), group: -1, figure: -1}
	r.readOpening()
	r.readKnownValues()
	r.readTableName(alone)
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
		if i < 0 || i+n >= len(r.words) || r.words[i+n].fold != want || r.use[i+n] == read || r.words[i+n].quoted > 0 {
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
	return r.words[i].quoted == 0 && fillers[r.words[i].fold] && !r.shouts(i) && !r.capital(i)
}

// capital reports whether a small word has a capital in the middle of a
// sentence, as in the film It: it may be a name, or the beginning of one.
func (r *reading) capital(i int) bool {
	w := r.words[i]
	if i == 0 || w.broken || w.text == w.fold || w.fold == "i" || strings.HasPrefix(w.fold, "i'") || r.titled() {
		return false
	}
	return w.text[0] >= 'A' && w.text[0] <= 'Z'
}

// titled reports whether the question is written Like This Throughout.
func (r *reading) titled() bool {
	return !slices.ContainsFunc(r.words, func(w word) bool { return w.text == w.fold && letters(w.fold) })
}

// shouts reports whether a word is all capitals where others are not: US and
// IT are names, us and it are not.
func (r *reading) shouts(i int) bool {
	w := r.words[i]
	return len(w.text) > 1 && w.text == strings.ToUpper(w.text) && w.text != w.fold && strings.ToUpper(r.text) != r.text
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
		if _, ok := r.saysAny(i, "is there", "are there", "do you have", "have you", "do we have"); ok && i == 0 {
			r.existing = true
		}
		// Polite words that would mean something elsewhere.
		if n, ok := r.saysAny(i, "would like", "i'd like", "more about", "more on", "more information", "more details", "how about", "what about"); ok {
			r.take(i, i+n)
		}
	}
	if len(r.words) > 0 {
		switch r.words[0].fold {
		case "is", "are", "was", "were", "does", "do", "did", "has", "have":
			r.asking = true
		}
	}
}

// readTableName finds the table's name, or enough of it: the last word of it
// is what its rows are called. Where there is one row for each, "entries" and
// the like mean the same.
func (r *reading) readTableName(alone bool) {
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
		if r.use[i] != read && slices.Contains(kin(names[len(names)-1].stem), r.words[i].stem) && r.columnAt(i) == nil {
			r.take(i, i+1)
			r.named = true
		}
		if r.use[i] != read && slices.Contains([]string{"row", "record", "entri"}, r.words[i].stem) {
			r.use[i] = read
			r.named = r.named || alone
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
