package localmodel

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dejahq/deja"
)

// table is a table as the request describes it.
type table struct {
	name    string
	rows    int64
	columns []column
	words   []word
	label   int // the column that names a row; -1 when there are no columns
}

type column struct {
	name     string
	kind     deja.ColumnType
	words    []word
	distinct int64    // 0: not said
	values   []string // examples, of text columns
	complete bool     // there are no other values
}

// text reports whether values are texts that a question can name.
func (c *column) text() bool { return c.kind == deja.TypeString }

func (c *column) plain() string { return plainName(c.name) }

// is reports whether a stem is among the words of the column's name.
func (c *column) is(stem string) bool {
	return slices.ContainsFunc(c.words, func(w word) bool { return w.stem == stem })
}

func (c *column) isAny(stems []string) bool { return slices.ContainsFunc(stems, c.is) }

// describes is the line with which schema.Describe begins.
const describes = "Tables that query_data can read:"

var (
	tableLine  = regexp.MustCompile(`^(\S.*) \((\d+) rows?\)$`)
	columnLine = regexp.MustCompile(`^- ("(?:[^"\\]|\\.)*"): ([a-z]+)(.*)$`)
	distinctOf = regexp.MustCompile(`(?:^|, )(\d+) distinct(.*)$`)
	jsonText   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

// readTables reads what schema.Describe wrote: it has a line per table and one
// per column, in a fixed form. Other text before it is not looked at.
func readTables(system string) []table {
	at := strings.LastIndex(system, describes)
	if at < 0 {
		return nil
	}
	var tables []table
	for line := range strings.Lines(system[at+len(describes):]) {
		line = strings.TrimRight(line, "\r\n")
		if m := tableLine.FindStringSubmatch(line); m != nil {
			rows, _ := strconv.ParseInt(m[2], 10, 64)
			tables = append(tables, table{name: m[1], rows: rows, words: nameWords(m[1])})
			continue
		}
		m := columnLine.FindStringSubmatch(line)
		if m == nil || len(tables) == 0 {
			continue
		}
		c := column{kind: deja.ColumnType(m[2])}
		if json.Unmarshal([]byte(m[1]), &c.name) != nil {
			continue
		}
		c.words = nameWords(c.name)
		c.readDetail(m[3])
		t := &tables[len(tables)-1]
		t.columns = append(t.columns, c)
	}
	for i := range tables {
		tables[i].label = tables[i].findLabel()
	}
	return slices.DeleteFunc(tables, func(t table) bool { return len(t.columns) == 0 })
}

// readDetail reads what follows a column's type: range, nulls, distinct values,
// examples.
func (c *column) readDetail(detail string) {
	list := detail
	if m := distinctOf.FindStringSubmatch(detail); m != nil {
		c.distinct, _ = strconv.ParseInt(m[1], 10, 64)
		list = m[2]
		c.complete = strings.HasPrefix(list, ": ")
	}
	if !c.text() {
		return
	}
	for _, q := range jsonText.FindAllString(list, -1) {
		var v string
		if json.Unmarshal([]byte(q), &v) == nil {
			c.values = append(c.values, v)
		}
	}
	c.complete = c.complete && int64(len(c.values)) == c.distinct
}

// naming are headers of columns that name rows.
var naming = stemsOf("name title product item")

// findLabel chooses the column that names a row: one that is called name or
// title, or like the table; else the first text column whose values all
// differ; else the first text column.
func (t *table) findLabel() int {
	best, bestScore := -1, -1
	for i := range t.columns {
		c := &t.columns[i]
		score := 0
		if c.identifies() {
			score -= 3
		}
		if c.text() {
			score += 2
			if unlike := c.distinct == 0 || c.distinct >= t.rows; unlike {
				score += 4
			}
		}
		last := c.words
		if len(last) > 0 {
			last = last[len(last)-1:]
		}
		for _, w := range last {
			switch {
			case len(t.words) > 0 && w.stem == t.words[len(t.words)-1].stem:
				score += 5
			case slices.Contains(naming, w.stem):
				score += 5
			}
		}
		if score > bestScore {
			best, bestScore = i, score
		}
	}
	return best
}

// noun gives the table's name for a sentence, as one or as many.
func (t *table) noun(n int64) string {
	if named := t.rowName(); named != "" {
		return countable(named, n)
	}
	return countable(plainName(t.name), n)
}

// noun does the same in the words of the question: practice_treatments are
// treatments to people, and the rows of an inventory are products.
func (r *reading) noun(n int64) string {
	if named := r.t.rowName(); named != "" {
		return countable(named, n)
	}
	if len(r.t.words) == 0 {
		return r.t.noun(n)
	}
	return countable(strings.Join(folds(r.t.words[r.nounFrom:]), " "), n)
}

// rowName gives what rows are called by the column that names them, for tables
// that are not called by what is in them: menu, inventory. It is "" for others.
func (t *table) rowName() string {
	if len(t.words) == 0 || t.label < 0 {
		return ""
	}
	head := t.words[len(t.words)-1].fold
	label := t.columns[t.label].words
	if plural(head) == head || len(label) == 0 || !t.columns[t.label].text() {
		return ""
	}
	if last := label[len(label)-1].stem; last == "nam" || last == "titl" || t.columns[t.label].identifies() {
		return ""
	}
	return t.columns[t.label].plain()
}

func countable(name string, n int64) string {
	head := name[strings.LastIndexByte(name, ' ')+1:]
	rest := strings.TrimSuffix(name, head)
	if n == 1 {
		return rest + singular(head)
	}
	return rest + plural(head)
}

// find gives the only column that one of the stems is about, the first stems
// being better; -1 when there is none, and false when there are several.
func (t *table) find(stems []string, fits func(*column) bool) (int, bool) {
	for _, s := range stems {
		found := -1
		for i := range t.columns {
			if c := &t.columns[i]; !fits(c) || !c.hintedBy(s) {
				continue
			}
			if found >= 0 {
				return -1, false
			}
			found = i
		}
		if found >= 0 {
			return found, true
		}
	}
	return -1, true
}

// hintedBy reports whether the column is one that a hint means.
func (c *column) hintedBy(stem string) bool {
	switch stem {
	case temporal:
		return c.saysWhen()
	case origin:
		return c.saysWhen() && !c.isAny(serving)
	}
	return c.is(stem)
}

// hinted gives the column of an adjective and its hint; -1 when there is none,
// and false when there are several.
func (t *table) hinted(a adjective) (k int, h hint, clear bool) {
	for _, h := range a {
		if k, clear := t.find([]string{h.stem}, (*column).ordered); k >= 0 || !clear {
			return k, h, clear
		}
	}
	return -1, hint{}, true
}

// saysWhen reports whether the column is a point in time, not a time of day.
func (c *column) saysWhen() bool {
	return c.kind == deja.TypeDate || c.kind == deja.TypeDateTime || c.kind == deja.TypeYear
}

func (c *column) ordered() bool { return c.kind.Ordered() }

// counts reports whether sums and averages of the column mean something: not
// those of years, numbers of orders, codes.
func (c *column) counts() bool {
	if c.kind != deja.TypeInteger && c.kind != deja.TypeNumber {
		return false
	}
	return !c.identifies()
}

// identifies reports whether the column's numbers are names.
func (c *column) identifies() bool {
	if len(c.words) == 0 {
		return false
	}
	switch c.words[len(c.words)-1].fold {
	case "id", "no", "nr", "number", "code", "key", "zip", "postcode", "isbn", "sku":
		return true
	}
	return false
}

// numbered gives the column whose numbers tell rows apart, where names do not:
// order 1003. -1: there is none, or none is needed.
func (t *table) numbered() int {
	if t.unique(t.label) {
		return -1
	}
	for k := range t.columns {
		if c := &t.columns[k]; c.identifies() && k != t.label && t.unique(k) {
			return k
		}
	}
	return -1
}

// flag reports whether the column says yes or no, and which values it has for
// them.
func (c *column) flag() (yes, no any, ok bool) {
	if c.kind == deja.TypeBoolean {
		return true, false, true
	}
	if !c.text() || !c.complete || len(c.values) != 2 {
		return nil, nil, false
	}
	for _, v := range c.values {
		switch strings.ToLower(v) {
		case "yes", "y", "true":
			yes = v
		case "no", "n", "false":
			no = v
		}
	}
	return yes, no, yes != nil && no != nil
}
