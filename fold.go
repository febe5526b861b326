package deja

import (
	"unicode"
	"unicode/utf8"
)

// Fold maps a text to its representative under Unicode simple case folding:
// two texts that differ only in case have the same representative.
// OpContains, OpStartsWith and OpEndsWith compare folded texts. A letter
// becomes one letter (ß is ẞ, not ss), and bytes that are not UTF-8 stay.
func Fold(s string) string { return string(AppendFold(nil, s)) }

// AppendFold appends what Fold gives to b.
func AppendFold(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			// The smallest member of every ASCII letter's orbit is its capital.
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			b = append(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(b, c)
		} else {
			b = utf8.AppendRune(b, foldRune(r))
		}
		i += n
	}
	return b
}

// foldRune gives the smallest rune of r's folding orbit, so that 'k', 'K' and
// the Kelvin sign all become 'K'.
func foldRune(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}
