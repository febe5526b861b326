package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/dejahq/deja"
)

// randomQueries compares a store with the reference on queries that nobody
// thought of.
func randomQueries(t *testing.T, s deja.Store) {
	rows := append(cityRows(), cityRows()...) // so that ties are many
	table := importRows(t, s, citiesTable(), rows)
	rapid.Check(t, func(rt *rapid.T) {
		q := randomQuery(rt, table)
		got, err := s.QueryRows(t.Context(), q)
		if err != nil {
			rt.Fatalf("%+v: %v", q, err)
		}
		// An average may be summed up in another order.
		if d := cmp.Diff(answer(q, rows), got, cmpopts.EquateEmpty(), cmpopts.EquateApprox(1e-12, 0)); d != "" {
			rt.Fatalf("where %+v\ngroup %v, aggregates %+v, sort %v, limit %d, offset %d (-want +got):\n%s",
				q.Where, q.GroupBy, q.Aggregates, q.Sort, q.Limit, q.Offset, d)
		}
	})
}

func randomQuery(rt *rapid.T, table deja.Table) deja.Query {
	column := rapid.IntRange(0, len(table.Columns)-1)
	q := deja.Query{
		Table:  table,
		Limit:  rapid.IntRange(1, 40).Draw(rt, "limit"),
		Offset: rapid.SampledFrom([]int{0, 0, 0, 1, 5, 50}).Draw(rt, "offset"),
	}
	if rapid.Bool().Draw(rt, "filtered") {
		q.Where = new(randomCondition(rt, table, 3))
	}
	width := len(table.Columns)
	if rapid.Bool().Draw(rt, "grouped") {
		q.GroupBy = rapid.SliceOfNDistinct(column, 0, 3, rapid.ID).Draw(rt, "groups")
		for _, f := range rapid.SliceOfN(rapid.SampledFrom([]string{"count", "sum", "avg", "min", "max", "rows"}), 0, 3).Draw(rt, "figures") {
			a := deja.Aggregate{Func: f, Column: column.Draw(rt, "of"), As: f}
			switch f {
			case "rows":
				a.Func, a.Column = "count", -1
			case "sum", "avg":
				a.Column = cityYear // others do not fit their types when summed up
			}
			q.Aggregates = append(q.Aggregates, a)
		}
		if n := len(q.GroupBy) + len(q.Aggregates); n > 0 {
			width = n
		}
	} else {
		q.Columns = rapid.SliceOfN(column, 0, 4).Draw(rt, "columns")
	}
	for _, c := range rapid.SliceOfNDistinct(rapid.IntRange(0, width-1), 0, 3, rapid.ID).Draw(rt, "sort") {
		q.Sort = append(q.Sort, deja.SortKey{Column: c, Desc: rapid.Bool().Draw(rt, "desc")})
	}
	return q
}

func randomCondition(rt *rapid.T, table deja.Table, depth int) deja.Condition {
	if depth > 0 && rapid.IntRange(0, 2).Draw(rt, "combined") > 0 {
		c := deja.Condition{Op: rapid.SampledFrom([]deja.Op{deja.OpAnd, deja.OpOr, deja.OpNot}).Draw(rt, "op")}
		n := 1
		if c.Op != deja.OpNot {
			n = rapid.IntRange(0, 3).Draw(rt, "children")
		}
		for range n {
			c.Children = append(c.Children, randomCondition(rt, table, depth-1))
		}
		return c
	}
	c := deja.Condition{Column: rapid.IntRange(0, len(table.Columns)-1).Draw(rt, "column")}
	ops := []deja.Op{deja.OpEq, deja.OpNe, deja.OpGt, deja.OpGte, deja.OpLt, deja.OpLte, deja.OpIn, deja.OpNotIn}
	switch table.Columns[c.Column].Type {
	case deja.TypeString, deja.TypeDate, deja.TypeDateTime, deja.TypeTime:
		ops = append(ops, deja.OpContains, deja.OpStartsWith, deja.OpEndsWith)
	}
	c.Op = rapid.SampledFrom(ops).Draw(rt, "comparison")
	value := rapid.Custom(func(rt *rapid.T) any {
		v := rapid.SampledFrom(cityRows()).Draw(rt, "value of row")[c.Column]
		if text, is := v.(string); is && rapid.Bool().Draw(rt, "part") {
			letters := []rune(text)
			i := rapid.IntRange(0, len(letters)).Draw(rt, "from")
			v = string(letters[i:rapid.IntRange(i, len(letters)).Draw(rt, "to")])
		}
		return v
	})
	if c.Op == deja.OpIn || c.Op == deja.OpNotIn {
		for range rapid.IntRange(0, 3).Draw(rt, "values") {
			c.Values = append(c.Values, value.Draw(rt, "value"))
		}
	} else {
		c.Value = value.Draw(rt, "value")
	}
	return c
}
