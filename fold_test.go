package deja

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Two texts fold to one exactly when Go says that they are equal but for case.
func FuzzFold(f *testing.F) {
	for _, pair := range [][2]string{
		{"", ""}, {"a", "A"}, {"straße", "STRAẞE"}, {"ss", "ß"}, {"kK\u212a", "KkK"}, {"σς", "ΣΣ"}, {"i", "İ"}, {"ı", "I"}, {"\x00z", "\x00Z"}, {"a\u0301", "á"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return // EqualFold takes all broken bytes for one letter
		}
		if got, want := bytes.Equal(AppendFold(nil, a), AppendFold(nil, b)), strings.EqualFold(a, b); got != want {
			t.Errorf("folding makes %q and %q equal: %v, want %v", a, b, got, want)
		}
	})
}

func TestFoldEveryLetter(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		folded := string(AppendFold(nil, string(r)))
		if utf8.RuneCountInString(folded) != 1 || !strings.EqualFold(folded, string(r)) {
			t.Fatalf("%U folds to %q", r, folded)
		}
		if again := string(AppendFold(nil, folded)); again != folded {
			t.Fatalf("%U folds to %q, and that to %q", r, folded, again)
		}
		if other := unicode.SimpleFold(r); string(AppendFold(nil, string(other))) != folded {
			t.Fatalf("%U and %U do not fold to one", r, other)
		}
	}
}

func TestFoldKeepsBrokenBytes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\xff", "A\xc3", "\xe2\x84", "\xed\xa0\x80"} {
		if got := string(AppendFold(nil, text)); got != text {
			t.Errorf("%q folds to %q", text, got)
		}
	}
}

func BenchmarkFold(b *testing.B) {
	for name, text := range map[string]string{"ascii": strings.Repeat("Zurich ", 10), "umlauts": strings.Repeat("Zürich ", 10)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var space [256]byte
			for b.Loop() {
				AppendFold(space[:0], text)
			}
		})
	}
}
