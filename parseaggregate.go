package deja

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// parseAggregates reads a list of {"function","column","as"}.
func (q *Query) parseAggregates(v any) *Error {
	items := asList(v)
	if len(items) > MaxAggregates {
		return Errorf(CodeInvalid, "there are more than %d aggregates", MaxAggregates)
	}
	for _, item := range items {
		a, err := q.Table.parseAggregate(item)
		if err != nil {
			return err
		}
		if a.As == "" {
			a.As = q.freeName(a)
		}
		q.Aggregates = append(q.Aggregates, a)
	}
	return nil
}

func (t *Table) parseAggregate(v any) (Aggregate, *Error) {
	a := Aggregate{Column: -1}
	o, ok := v.(object)
	if !ok {
		return a, Errorf(CodeInvalid, `an aggregate is {"function":"avg","column":"name","as":"name"}, not %s`, kindOf(v))
	}
	for _, m := range o {
		text, isText := m.value.(string)
		switch m.name {
		case "function":
			a.Func = strings.ToLower(text)
		case "as":
			if a.As = text; !isText && m.value != nil {
				return a, Errorf(CodeInvalid, "an aggregate's name must be text, not %s", kindOf(m.value))
			}
		case "column":
			if m.value == nil || text == "*" && t.Column("*") < 0 {
				continue // the rows themselves
			}
			var err *Error
			if a.Column, err = t.findColumn(m.value); err != nil {
				return a, err
			}
		default:
			return a, Errorf(CodeInvalid, `an aggregate has "function", "column" and "as", not %q`, brief(m.name))
		}
	}
	if !slices.Contains(aggregateFuncs, a.Func) {
		return a, Errorf(CodeInvalid, "an aggregate's function is one of %s", list(aggregateFuncs))
	}
	return a, nil
}

// freeName makes up a name for an aggregate that has none.
func (q *Query) freeName(a Aggregate) string {
	base := a.Func
	if a.Column >= 0 {
		base += "_" + strings.Map(func(r rune) rune {
			if resultNameRune(r) {
				return r
			}
			return '_'
		}, q.Table.Columns[a.Column].Name)
	}
	base = strings.TrimSpace(base)
	const room = MaxResultName - 8 // for a number that makes the name unique
	for len(base) > room {
		r := []rune(base)
		base = string(r[:len(r)-1])
	}
	names := q.figureNames()
	name := base
	for n := 2; slices.Contains(names, name); n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	return name
}

// validResultName keeps out what a store's language could take for syntax.
func validResultName(s string) bool {
	if s == "" || len(s) > MaxResultName || strings.TrimSpace(s) != s {
		return false
	}
	for _, r := range s {
		if !resultNameRune(r) {
			return false
		}
	}
	return true
}

func resultNameRune(r rune) bool {
	return r == '_' || r == '-' || r == ' ' || unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)
}
