package sqlite

import (
	"bytes"
	"database/sql/driver"
	"unicode"
	"unicode/utf8"

	modernc "modernc.org/sqlite"
)

// The SQL functions for text without regard to case. Their first argument is a
// column, the second a text that fold has folded, as a blob.
const (
	containsFolded = "deja_contains"
	startsFolded   = "deja_starts"
	endsFolded     = "deja_ends"
)

func registerTextFunctions(d *modernc.Driver) error {
	for name, match := range map[string]func(text, part []byte) bool{
		containsFolded: bytes.Contains,
		startsFolded:   bytes.HasPrefix,
		endsFolded:     bytes.HasSuffix,
	} {
		err := d.RegisterFunction(name, &modernc.FunctionImpl{
			NArgs:         2,
			Deterministic: true,
			// Arguments are SQLite's own memory, so texts are not copied, and
			// are not cut at a NUL.
			VolatileArgs: true,
			Scalar: func(_ *modernc.FunctionContext, args []driver.Value) (driver.Value, error) {
				text, is := args[0].(string)
				if !is { // null matches nothing
					return int64(0), nil
				}
				part, _ := args[1].([]byte)
				var space [256]byte
				return match(fold(space[:0], text), part), nil
			},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fold appends text to b with each letter replaced by one that stands for it
// and its other cases, of all of Unicode (simple folding, so a letter becomes
// one letter: ß is ẞ, but not ss). Bytes that are not UTF-8 stay as they are.
func fold(b []byte, text string) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			b = append(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(b, c)
		} else {
			b = utf8.AppendRune(b, smallest(r))
		}
		i += n
	}
	return b
}

// smallest gives the smallest of a letter's cases.
func smallest(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}
