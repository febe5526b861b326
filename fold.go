package deja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold maps a text to its representative under Unicode simple case folding:
// two texts that differ only in case have the same representative.
// OpContains, OpStartsWith and OpEndsWith compare folded texts.
func Fold(s string) string { return strings.Map(foldRune, s) }

// foldRune gives the smallest rune of r's folding orbit, so that 'k', 'K' and
// the Kelvin sign all become 'K'.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		// The smallest member of every ASCII letter's orbit is its capital.
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}
