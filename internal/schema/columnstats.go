package schema

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what is kept per column while a file is read.
const (
	maxDistinct = 1000    // values counted exactly, fewer in tables of very many columns
	allDistinct = 100_000 // the same for all columns of a table together
	maxExamples = 10      // values kept; fewer are shown of columns with many values
	maxKeptText = 100     // bytes of an example
	maxKeyText  = 64      // bytes of a distinct value that are kept as they are
)

// variety is what is kept of the values of a column, as they were written.
type variety struct {
	most     int                 // distinct values that are counted
	distinct map[string]struct{} // nil when there are more
	hashed   bool                // some of them are hashes of longer texts
	examples []example           // the first distinct values
}

// example is one of the first values of a column.
type example struct {
	text string
	row  int64 // where it was first seen
	cut  bool
}

func newVariety(columns int) variety {
	return variety{most: min(maxDistinct, allDistinct/max(columns, 1)), distinct: make(map[string]struct{})}
}

// add takes a value of a row.
func (v *variety) add(text string, row int64) {
	if v.distinct == nil {
		return
	}
	key := text
	if len(text) > maxKeyText {
		sum := sha256.Sum256([]byte(text))
		key, v.hashed = string(sum[:]), true
	}
	if _, seen := v.distinct[key]; seen {
		return
	}
	if len(v.distinct) == v.most {
		v.distinct = nil
		return
	}
	v.distinct[strings.Clone(key)] = struct{}{} // not the whole row that key is a part of
	if len(v.examples) < maxExamples {
		kept, cut := cutText(text, maxKeptText)
		v.examples = append(v.examples, example{text: strings.Clone(kept), row: row, cut: cut})
	}
}

// addEarlier takes a value that was put aside when it was first seen in a row.
func (v *variety) addEarlier(text string, row int64) {
	if v.distinct == nil {
		// There are many values already; the examples may still want it.
		if len(v.examples) > 0 && row > v.examples[len(v.examples)-1].row {
			return
		}
	} else {
		v.distinct[text] = struct{}{}
		if len(v.distinct) > v.most {
			v.distinct = nil
		}
	}
	v.examples = append(v.examples, example{text: text, row: row})
	slices.SortStableFunc(v.examples, func(a, b example) int { return cmp.Compare(a.row, b.row) })
	v.examples = v.examples[:min(len(v.examples), maxExamples)]
}

// cutText cuts a text to at most n bytes, between characters.
func cutText(text string, n int) (string, bool) {
	if len(text) <= n {
		return text, false
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n], true
}
