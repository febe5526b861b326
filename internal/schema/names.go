package schema

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Lengths of names in bytes.
const (
	maxColumnName = 120
	maxField      = 48
	maxSlug       = 64
)

// columnNames makes names of the cells of a header: trimmed, without line
// breaks, never empty, all different.
func columnNames(header []string) []string {
	names := make([]string, len(header))
	taken := make(map[string]bool, len(header))
	for i, text := range header {
		names[i], _ = cutText(cleanName(text), maxColumnName)
		names[i] = strings.TrimSpace(names[i])
		taken[names[i]] = true // a later name made up here must not be one of these
	}
	seen := make(map[string]bool, len(header))
	for i, name := range names {
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		unique := name
		for n := 2; seen[unique] || unique != names[i] && taken[unique]; n++ {
			unique = fmt.Sprintf("%s_%d", name, n)
		}
		seen[unique] = true
		names[i] = unique
	}
	return names
}

// cleanName makes one line of printable text.
func cleanName(text string) string {
	return strings.Join(strings.FieldsFunc(norm.NFC.String(text), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r)
	}), " ")
}

// reservedFields are names that stores may keep for themselves.
var reservedFields = []string{"id", "rowid", "oid", "row", "rank"}

// fields makes identifiers of names: lower-case ASCII letters, digits and '_',
// all different.
func fields(names []string) []string {
	made := make([]string, len(names))
	taken := make(map[string]bool, len(names))
	for i, name := range names {
		field := identifier(name)
		unique := field
		for n := 2; taken[unique] || slices.Contains(reservedFields, unique); n++ {
			unique = fmt.Sprintf("%s_%d", field, n)
		}
		taken[unique] = true
		made[i] = unique
	}
	return made
}

func identifier(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			b.WriteRune(r)
		case !unicode.IsMark(r):
			b.WriteByte('_')
		}
	}
	field := strings.Join(strings.FieldsFunc(b.String(), func(r rune) bool { return r == '_' }), "_")
	field = strings.TrimRight(field[:min(len(field), maxField)], "_")
	if field == "" || isDigit(field[0]) {
		field = strings.TrimRight("c_"+field, "_")
	}
	return field
}

// slug makes a table name: lower-case letters and digits of any script, and
// '_'. It is empty when there are none.
func slug(name string) string {
	words := strings.FieldsFunc(strings.ToLower(norm.NFC.String(name)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	cut, _ := cutText(strings.Join(words, "_"), maxSlug)
	return strings.TrimRight(cut, "_")
}

// uniqueName gives a name that is not taken yet, and takes it.
func uniqueName(name string, taken map[string]bool) string {
	unique := name
	for n := 2; taken[unique]; n++ {
		unique = fmt.Sprintf("%s_%d", name, n)
	}
	taken[unique] = true
	return unique
}

// headerSays is what a column's name tells of its values.
type headerSays uint8

const (
	saysNothing headerSays = iota
	saysYear
	saysDate
)

var (
	yearWords = []string{"year", "years", "yr", "yyyy", "fy", "jahr", "année", "annee", "año", "ano", "anno", "jaar", "år", "rok", "год", "年", "年度"}
	dateWords = []string{"date", "datum", "fecha", "день", "dátum", "日期"}
)

// yearHeader looks for the word year, or date, among the words of a name:
// BirthYear, year_built, Fiscal year, Date.
func yearHeader(name string) headerSays {
	says := saysNothing
	for _, word := range words(name) {
		switch {
		case slices.Contains(yearWords, word):
			return saysYear
		case slices.Contains(dateWords, word):
			says = saysDate
		}
	}
	return says
}

// words splits a name at everything that is not a letter, and before capitals
// that follow small letters.
func words(name string) []string {
	var split strings.Builder
	last := ' '
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			r = ' '
		}
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			split.WriteByte(' ')
		}
		split.WriteRune(r)
		last = r
	}
	return strings.Fields(strings.ToLower(split.String()))
}
