package localmodel

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is a word of a text, or one of the signs that mean something.
type word struct {
	text   string // as written
	fold   string // lower case, without a possessive 's
	stem   string
	at     int  // where it begins in the text, in bytes
	end    int  // where it ends
	quoted int  // which quotation it is in, from 1; 0: none
	broken bool // a comma or the like stands before it
}

// signs are read as words of their own.
const signs = "<>=≤≥$€£%"

var quotes = map[rune]rune{'"': '"', '“': '”', '„': '“', '«': '»', '‘': '’', '`': '`'}

// split cuts a text into words. Hyphens, points and the like stay inside a
// word: check-up, 3.5, 17:00, O'Brien.
func split(text string) []word {
	var words []word
	var closing rune // the sign that ends the quotation
	quotation, quoted, broken := 0, 0, false
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case wordRune(r), r == '-' && negative(text, i):
			end := wordEnd(text, i+size)
			words = append(words, newWord(text, i, end, quoted, broken))
			broken = false
			i = end
			continue
		case strings.ContainsRune(signs, r):
			words = append(words, newWord(text, i, i+size, quoted, broken))
			broken = false
		case closing != 0 && r == closing:
			closing, quoted = 0, 0
		case closing == 0 && quotes[r] != 0 && strings.ContainsRune(text[i+size:], quotes[r]):
			closing = quotes[r]
			quotation++
			quoted = quotation
		case !unicode.IsSpace(r):
			broken = true
		}
		i += size
	}
	return words
}

// negative reports whether the hyphen at i is a number's sign.
func negative(text string, i int) bool {
	return (i == 0 || strings.ContainsRune(" \t\n(<>=", rune(text[i-1]))) && i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9'
}

func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_'
}

// wordEnd finds the end of the word that begins at i.
func wordEnd(text string, i int) int {
	for i < len(text) {
		r, size := utf8.DecodeRuneInString(text[i:])
		if !wordRune(r) {
			next, _ := utf8.DecodeRuneInString(text[i+size:])
			inside := strings.ContainsRune("-'’.:/&", r) || r == ',' && unicode.IsDigit(next)
			before, _ := utf8.DecodeLastRuneInString(text[:i])
			if !inside || !wordRune(next) || r == ',' && !unicode.IsDigit(before) {
				return i
			}
		}
		i += size
	}
	return i
}

func newWord(text string, at, end, quoted int, broken bool) word {
	w := word{text: text[at:end], at: at, end: end, quoted: quoted, broken: broken}
	w.fold = strings.ToLower(w.text)
	for _, s := range []string{"'s", "’s"} {
		w.fold = strings.TrimSuffix(w.fold, s)
	}
	w.stem = stem(w.fold)
	return w
}

var irregular = map[string]string{
	"people": "person", "persons": "person", "children": "child", "men": "man", "women": "woman",
	"mice": "mouse", "feet": "foot", "teeth": "tooth", "data": "data", "series": "series", "species": "species",
	"wrote": "write", "written": "write", "sang": "sing", "sung": "sing", "made": "make", "sold": "sell", "taught": "teach",
	"cost": "cost", "costs": "cost", "bought": "buy", "built": "build", "paid": "pay", "won": "win", "drew": "draw", "led": "lead",
}

// stem gives the part that the forms of a word share: book, books, opened,
// opening and opens, cities and city. It is crude, and used on both sides.
func stem(w string) string {
	if to, ok := irregular[w]; ok {
		w = to
	}
	if !letters(w) {
		return w
	}
	switch {
	case len(w) < 4:
	case strings.HasSuffix(w, "ies") && len(w) > 4:
		w = w[:len(w)-3] + "y"
	case hasAny(w, "sses", "xes", "zes", "ches", "shes", "oes"):
		w = w[:len(w)-2]
	case strings.HasSuffix(w, "s") && !hasAny(w, "ss", "us", "is"):
		w = w[:len(w)-1]
	}
	for _, suffix := range []string{"ing", "ed"} {
		root, ok := strings.CutSuffix(w, suffix)
		if ok && len(root) >= 3 && strings.ContainsAny(root, "aeiouy") {
			w = root
			if n := len(w); w[n-1] == w[n-2] && !strings.ContainsRune("lsz", rune(w[n-1])) {
				w = w[:n-1] // planned, plan
			}
			break
		}
	}
	if len(w) > 3 {
		w = strings.TrimSuffix(w, "e")
	}
	if root, ok := strings.CutSuffix(w, "y"); ok && len(root) >= 2 {
		w = root + "i"
	}
	return w
}

func letters(w string) bool {
	return !strings.ContainsFunc(w, func(r rune) bool { return r < 'a' || r > 'z' })
}

func hasAny(w string, suffixes ...string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(w, s) {
			return true
		}
	}
	return false
}

// nameWords cuts the name of a table or a column into its words:
// electric_bikes, ElectricBikes, "Electric bikes (total)".
func nameWords(name string) []word {
	var b strings.Builder
	var before rune
	for _, r := range name {
		if r == '_' || r == '-' || r == '.' || r == '/' {
			r = ' '
		}
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		before = r
	}
	return split(b.String())
}

// plainName writes such a name the way people do: electric bikes.
func plainName(name string) string {
	words := strings.Fields(strings.ReplaceAll(name, "_", " "))
	for i, w := range words {
		w = strings.TrimSuffix(w, ".") // Dept.
		words[i] = w
		if lower := strings.ToLower(w); len(w) > 1 && w[1:] == lower[1:] {
			words[i] = lower // Release Date, but SKU and E-Mail
		}
	}
	return strings.Join(words, " ")
}

func stems(ws []word) []string {
	out := make([]string, len(ws))
	for i := range ws {
		out[i] = ws[i].stem
	}
	return out
}

func folds(ws []word) []string {
	out := make([]string, len(ws))
	for i := range ws {
		out[i] = ws[i].fold
	}
	return out
}

// plural and singular are for texts; wrong guesses only look odd.
func plural(w string) string {
	switch {
	case w == "" || !wordRune(rune(w[len(w)-1])) || hasAny(w, "people", "children", "data"):
		return w
	case hasAny(w, "x", "z", "ch", "sh", "ss", "us"):
		return w + "es"
	case strings.HasSuffix(w, "s"):
		return w
	case hasAny(w, "x", "z", "ch", "sh"):
		return w + "es"
	case strings.HasSuffix(w, "y") && !hasAny(w, "ay", "ey", "oy", "uy"):
		return w[:len(w)-1] + "ies"
	}
	return w + "s"
}

func singular(w string) string {
	switch {
	case strings.HasSuffix(w, "people"):
		return strings.TrimSuffix(w, "people") + "person"
	case strings.HasSuffix(w, "children"):
		return strings.TrimSuffix(w, "ren")
	case strings.HasSuffix(w, "ies") && len(w) > 5:
		return w[:len(w)-3] + "y"
	case hasAny(w, "sses", "uses", "xes", "ches", "shes"):
		return w[:len(w)-2]
	case strings.HasSuffix(w, "s") && !hasAny(w, "ss", "us", "is", "series", "species"):
		return w[:len(w)-1]
	}
	return w
}
