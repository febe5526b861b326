package mongo

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"github.com/dejahq/deja"
)

// TestPatternMatchesItsText compares patterns with simple folding, by Go's
// own regular expressions, which fold as MongoDB's do.
func TestPatternMatchesItsText(t *testing.T) {
	t.Parallel()
	letters := rapid.OneOf(
		rapid.RuneFrom([]rune("iIİıkK\u212asSſßẞσςΣµμΜåÅ\u212bθϴͅι.*+?()[]{}|^$\\-/ \n\r\x00\u2028aAéÉ😀\U0010ffff")),
		rapid.RuneFrom(nil, unicode.Letter),
		rapid.Rune(),
	)
	texts := rapid.StringOfN(letters, 1, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		text := texts.Draw(t, "text")
		other := rapid.OneOf(texts, rapid.Just(strings.ToUpper(text)), rapid.Just(strings.ToLower(text))).Draw(t, "other")
		p, err := regexp.Compile(`(?i)\A` + patternOf(text) + `\z`)
		if err != nil {
			t.Fatalf("%q becomes %q: %v", text, patternOf(text), err)
		}
		if !p.MatchString(text) {
			t.Fatalf("%q does not match itself: %q", text, p)
		}
		if got, want := p.MatchString(other), strings.EqualFold(text, other); got != want {
			t.Fatalf("%q matches %q: %v, want %v", p, other, got, want)
		}
	})
}

func TestPatternsAreLimited(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]deja.Code{
		strings.Repeat("x", maxPattern):          "",
		strings.Repeat("x", maxPattern+1):        deja.CodeInvalid,
		strings.Repeat("(", maxPattern/2+1):      deja.CodeInvalid,
		strings.Repeat("\U0001f600", maxPattern): deja.CodeInvalid,
	} {
		_, err := filterOf(&deja.Condition{Op: deja.OpContains, Value: text}, []string{"f"})
		if got := deja.ErrorCode(err); got != want {
			t.Errorf("%d bytes of %.10q: %v", len(text), text, err)
		}
	}
}

func TestConditionsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range []deja.Condition{
		{},
		{Op: "$where", Value: "1"},
		{Op: deja.OpEq, Column: 2, Value: "x"},
		{Op: deja.OpEq, Column: -1, Value: "x"},
		{Op: deja.OpNot},
		{Op: deja.OpNot, Children: make([]deja.Condition, 2)},
		{Op: deja.OpContains, Value: int64(1)},
		{Op: deja.OpAnd, Children: []deja.Condition{{Op: "regex"}}},
	} {
		if f, err := filterOf(&c, []string{"a", "b"}); deja.ErrorCode(err) != deja.CodeInvalid {
			t.Errorf("%+v becomes %v, %v", c, f, err)
		}
	}
}

// TestNoOrderWithNull: MongoDB's $gte and $lte of null match null, which the
// server of the tests does not know.
func TestNoOrderWithNull(t *testing.T) {
	t.Parallel()
	for _, op := range []deja.Op{deja.OpGt, deja.OpGte, deja.OpLt, deja.OpLte} {
		f, err := filterOf(&deja.Condition{Op: op}, []string{"f"})
		if d := cmp.Diff(nothing, f); d != "" || err != nil {
			t.Errorf("%s null (-want +got), %v:\n%s", op, err, d)
		}
	}
}

// FuzzFilter puts any text where a query can have one, and finds no name in
// the filter that is not the store's own: values stay values.
func FuzzFilter(f *testing.F) {
	for _, text := range []string{"", "$where", "$gt", "a.b", "_id", "\x00", "(?i)", `\E`, "\xff", "İ"} {
		f.Add(text, uint8(0), uint8(1), true)
	}
	ops := []deja.Op{
		deja.OpEq, deja.OpNe, deja.OpGt, deja.OpGte, deja.OpLt, deja.OpLte, deja.OpIn, deja.OpNotIn,
		deja.OpContains, deja.OpStartsWith, deja.OpEndsWith, deja.OpAnd, deja.OpOr, deja.OpNot,
	}
	allowed := map[string]bool{"$and": true, "$or": true, "$nor": true, "_id": true, "field": true}
	for _, op := range comparisons {
		allowed[op] = true
	}
	f.Fuzz(func(t *testing.T, text string, inner, outer uint8, twice bool) {
		if !utf8.ValidString(text) {
			return // JSON has none
		}
		leaf := deja.Condition{Op: ops[int(inner)%len(ops)], Value: text, Values: []any{text, nil}}
		c := deja.Condition{Op: ops[int(outer)%len(ops)], Value: text, Values: []any{text}, Children: []deja.Condition{leaf}}
		if twice {
			c.Children = append(c.Children, leaf)
		}
		filter, err := filterOf(&c, []string{"field"})
		if err != nil {
			return
		}
		raw, err := bson.Marshal(filter)
		if err != nil {
			t.Fatalf("%v: %v", filter, err)
		}
		names(t, raw, allowed)
	})
}

func names(t *testing.T, doc bson.Raw, allowed map[string]bool) {
	elements, err := doc.Elements()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range elements {
		v := e.Value()
		switch {
		case !allowed[e.Key()]:
			t.Fatalf("the filter has %q: %s", e.Key(), doc)
		case v.Type == bson.TypeEmbeddedDocument:
			names(t, v.Document(), allowed)
		case v.Type == bson.TypeArray:
			values, err := v.Array().Values()
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				if v.Type == bson.TypeEmbeddedDocument {
					names(t, v.Document(), allowed)
				}
			}
		}
	}
}
