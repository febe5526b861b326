package sqlite

import (
	"math"
	"strings"
	"testing"

	"github.com/dejahq/deja"
)

func numbers() deja.Table {
	return deja.Table{ID: "tbl_x", Name: "numbers", Columns: []deja.Column{
		{Name: "n", Field: "n", Type: deja.TypeInteger},
		{Name: "text", Field: "text", Type: deja.TypeString},
	}}
}

// Whatever a field is called, it is refused or cannot leave its quotes.
func FuzzFieldName(f *testing.F) {
	for _, field := range []string{"", "a", "a b", `a"; DROP TABLE x; --`, "é", "a.b", "$where", "\x00", "SELECT", "a`", "a'"} {
		f.Add(field)
	}
	f.Fuzz(func(t *testing.T, field string) {
		name, err := fieldName(deja.Column{Field: field})
		if err != nil {
			if deja.ErrorCode(err) != deja.CodeInvalid {
				t.Errorf("%q: %v", field, err)
			}
			return
		}
		inside := name[1 : len(name)-1]
		if name[0] != '"' || name[len(name)-1] != '"' || strings.ContainsAny(inside, "\"\x00") || inside != fieldPrefix+field {
			t.Errorf("%q is named %s", field, name)
		}
	})
}

// Queries that no parser lets through are refused, not compiled.
func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	deep := deja.Condition{Op: deja.OpEq, Value: int64(1)}
	for range maxDepth + 1 {
		deep = deja.Condition{Op: deja.OpNot, Children: []deja.Condition{deep}}
	}
	wide := deja.Condition{Op: deja.OpOr, Children: make([]deja.Condition, maxConditions)}
	for i := range wide.Children {
		wide.Children[i] = deja.Condition{Op: deja.OpAnd}
	}
	where := func(c deja.Condition) deja.Query { return deja.Query{Where: &c} }
	for name, q := range map[string]deja.Query{
		"deep":                   where(deep),
		"wide":                   where(wide),
		"long list":              where(deja.Condition{Op: deja.OpIn, Values: slicesOf(int64(1), maxValues+1)}),
		"unknown operator":       where(deja.Condition{Op: "$where", Value: int64(1)}),
		"no operator":            where(deja.Condition{Value: int64(1)}),
		"column below":           where(deja.Condition{Op: deja.OpEq, Column: -1}),
		"column above":           where(deja.Condition{Op: deja.OpEq, Column: 2}),
		"text for integer":       where(deja.Condition{Op: deja.OpEq, Value: "1"}),
		"number for integer":     where(deja.Condition{Op: deja.OpGt, Value: 1.0}),
		"int for integer":        where(deja.Condition{Op: deja.OpGt, Value: 1}),
		"text for integer, list": where(deja.Condition{Op: deja.OpIn, Values: []any{int64(1), "1"}}),
		"contains in integers":   where(deja.Condition{Op: deja.OpContains, Value: int64(1)}),
		"not of none":            where(deja.Condition{Op: deja.OpNot}),
		"not of two":             where(deja.Condition{Op: deja.OpNot, Children: make([]deja.Condition, 2)}),
		"projection":             {Columns: []int{2}},
		"sort":                   {Sort: []deja.SortKey{{Column: 2}}},
		"sort of groups":         {GroupBy: []int{0}, Sort: []deja.SortKey{{Column: 1}}},
		"group":                  {GroupBy: []int{-1}},
		"aggregate":              {Aggregates: []deja.Aggregate{{Func: "group_concat", Column: 0}}},
		"aggregate as SQL":       {Aggregates: []deja.Aggregate{{Func: "count(*), max", Column: 0}}},
		"sum of rows":            {Aggregates: []deja.Aggregate{{Func: "sum", Column: -1}}},
		"sum of text":            {Aggregates: []deja.Aggregate{{Func: "sum", Column: 1}}},
		"average of text":        {Aggregates: []deja.Aggregate{{Func: "avg", Column: 1}}},
	} {
		q.Table, q.Limit = numbers(), 10
		if _, err := compile(&q); deja.ErrorCode(err) != deja.CodeInvalid {
			t.Errorf("%s: %v, want %s", name, err, deja.CodeInvalid)
		}
	}
	q := deja.Query{Table: numbers(), Limit: 1}
	q.Table.Columns[1].Field = `x"; DROP TABLE y; --`
	if _, err := compile(&q); deja.ErrorCode(err) != deja.CodeInvalid {
		t.Errorf("hostile field: %v", err)
	}
}

func slicesOf(v any, n int) []any {
	vs := make([]any, n)
	for i := range vs {
		vs[i] = v
	}
	return vs
}

// As many conditions and values as are let through run.
func TestCompileBounds(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	table := numbers()
	if _, err := s.ImportRows(t.Context(), table, func(yield func(deja.Row, error) bool) { yield(deja.Row{int64(7), "seven"}, nil) }); err != nil {
		t.Fatal(err)
	}
	deep := deja.Condition{Op: deja.OpEq, Value: int64(7)}
	for range maxDepth {
		deep = deja.Condition{Op: deja.OpNot, Children: []deja.Condition{deep}}
	}
	list := deja.Condition{Op: deja.OpIn, Values: slicesOf(int64(7), maxValues)}
	wide := deja.Condition{Op: deja.OpAnd}
	for range maxConditions - 1 {
		wide.Children = append(wide.Children, deja.Condition{Op: deja.OpOr, Children: nil})
	}
	wide = deja.Condition{Op: deja.OpNot, Children: []deja.Condition{wide}}
	wide.Children[0].Children = wide.Children[0].Children[1:]
	for _, where := range []deja.Condition{deep, list, wide} {
		res, err := s.QueryRows(t.Context(), deja.Query{Table: table, Where: &where, Limit: 10})
		if err != nil || res.Total != 1 {
			t.Errorf("%s: %v, %v", where.Op, res, err)
		}
	}
}

func TestFiguresThatAreNotFinite(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	table := deja.Table{ID: "tbl_x", Columns: []deja.Column{{Name: "x", Field: "x", Type: deja.TypeNumber}}}
	if _, err := s.ImportRows(t.Context(), table, func(yield func(deja.Row, error) bool) {
		for range 2 {
			if !yield(deja.Row{math.MaxFloat64}, nil) {
				return
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	_, err = s.QueryRows(t.Context(), deja.Query{Table: table, Limit: 1, Aggregates: []deja.Aggregate{{Func: "sum", Column: 0, As: "sum"}}})
	if deja.ErrorCode(err) != deja.CodeInvalid {
		t.Errorf("an infinite sum: %v, want %s", err, deja.CodeInvalid)
	}
}
