package storetest

import (
	"math"
	"testing"

	"github.com/dejahq/deja"
)

// figures are all aggregates of a column and the number of rows.
func figures(column int) []deja.Aggregate {
	return []deja.Aggregate{
		{Func: "count", Column: -1, As: "rows"},
		{Func: "count", Column: column, As: "count"},
		{Func: "sum", Column: column, As: "sum"},
		{Func: "avg", Column: column, As: "$avg"},
		{Func: "min", Column: column, As: "min.x"},
		{Func: "max", Column: column, As: "max'"},
	}
}

var aggregateTests = []storeTest{
	{"whole table", func(t *testing.T, s deja.Store) {
		table := importRows(t, s, citiesTable(), cityRows())
		q := all(table)
		q.Where = new(join(deja.OpOr, is(deja.OpEq, cityYear, nil), is(deja.OpLt, cityYear, int64(2000))))
		q.Aggregates = figures(cityYear)
		res, err := s.QueryRows(t.Context(), q)
		ok(t, err)
		same(t, "years", res, &deja.QueryResult{
			Columns: []string{"rows", "count", "sum", "$avg", "min.x", "max'"},
			Rows:    []deja.Row{{int64(11), int64(6), int64(-312), -52.0, int64(-753), int64(1218)}},
			Total:   1,
		})
	}},
	{"no rows", func(t *testing.T, s deja.Store) {
		for name, rows := range map[string][]deja.Row{"empty": nil, "filtered": cityRows()} {
			table := importRows(t, s, citiesTable(), rows)
			q := all(table)
			q.Where = new(is(deja.OpEq, cityName, "nowhere"))
			q.Aggregates = append(figures(cityPeople), figures(cityArea)...)
			res, err := s.QueryRows(t.Context(), q)
			ok(t, err)
			same(t, name, res.Rows, []deja.Row{{
				int64(0), int64(0), int64(0), nil, nil, nil,
				int64(0), int64(0), 0.0, nil, nil, nil,
			}})
			same(t, name, res.Total, int64(1))

			q.GroupBy = []int{cityCapital}
			res, err = s.QueryRows(t.Context(), q)
			ok(t, err)
			if len(res.Rows) != 0 || res.Total != 0 {
				t.Errorf("%s: %d groups of no rows", name, res.Total)
			}
		}
	}},
	{"only nulls", func(t *testing.T, s deja.Store) {
		table := importRows(t, s, numbersTable("nulls"), []deja.Row{{nil}, {nil}})
		q := all(table)
		q.Aggregates = figures(0)
		res, err := s.QueryRows(t.Context(), q)
		ok(t, err)
		same(t, "figures", res.Rows, []deja.Row{{int64(2), int64(0), int64(0), nil, nil, nil}})
	}},
	{"types", func(t *testing.T, s deja.Store) {
		rows := cityRows()
		table := importRows(t, s, citiesTable(), rows)
		for i, c := range table.Columns {
			q := all(table)
			q.GroupBy = []int{i}
			for _, f := range []string{"count", "min", "max"} {
				q.Aggregates = append(q.Aggregates, deja.Aggregate{Func: f, Column: i, As: f})
			}
			if c.Type == deja.TypeYear || c.Type == deja.TypeNumber {
				q.Aggregates = append(q.Aggregates, deja.Aggregate{Func: "sum", Column: i, As: "sum"})
			}
			res, err := s.QueryRows(t.Context(), q)
			ok(t, err)
			same(t, "groups of "+c.Name, res, answer(q, rows))
		}
	}},
	{"large integers", func(t *testing.T, s deja.Store) {
		table := importRows(t, s, numbersTable("large"), []deja.Row{{int64(1 << 60)}, {int64(1)}, {int64(1 << 60)}, {int64(-2)}})
		q := all(table)
		q.Aggregates = figures(0)
		res, err := s.QueryRows(t.Context(), q)
		ok(t, err)
		same(t, "sum", res.Rows[0][2], any(int64(1<<61-1)))

		table = importRows(t, s, numbersTable("too large"), []deja.Row{{int64(math.MaxInt64)}, {int64(math.MaxInt64)}})
		q = all(table)
		q.Aggregates = figures(0)[2:3]
		_, err = s.QueryRows(t.Context(), q)
		wantCode(t, err, deja.CodeInvalid)
	}},
	{"groups", func(t *testing.T, s deja.Store) {
		table := importRows(t, s, citiesTable(), cityRows())
		q := all(table)
		q.GroupBy = []int{cityCapital, cityFounded}
		q.Aggregates = []deja.Aggregate{{Func: "count", Column: -1, As: "n"}, {Func: "max", Column: cityName, As: "last"}}
		res, err := s.QueryRows(t.Context(), q)
		ok(t, err)
		same(t, "groups", res, &deja.QueryResult{
			Columns: []string{"SELECT", "名前", "n", "last"},
			Rows: []deja.Row{
				{nil, nil, int64(2), "😀👩‍👩‍👧"},
				{nil, "1218-01-01", int64(1), "roma"},
				{false, nil, int64(4), "\u212aelvin"},
				{false, "0001-01-01", int64(1), "a.b"},
				{false, "1218-01-01", int64(1), "Zürich"},
				{true, nil, int64(1), "Αθήνα"},
				{true, "0753-04-21", int64(1), "Roma"},
				{true, "2026-01-01", int64(2), "'; DROP TABLE x; --"},
				{true, "9999-12-31", int64(1), "ROMA\nEST"},
			},
			Total: 9,
		})

		q.Sort = []deja.SortKey{{Column: 2, Desc: true}} // the number; ties by capital, founded
		q.Limit, q.Offset = 3, 1
		res, err = s.QueryRows(t.Context(), q)
		ok(t, err)
		same(t, "sorted groups", res, &deja.QueryResult{
			Columns: []string{"SELECT", "名前", "n", "last"},
			Rows: []deja.Row{
				{nil, nil, int64(2), "😀👩‍👩‍👧"},
				{true, "2026-01-01", int64(2), "'; DROP TABLE x; --"},
				{nil, "1218-01-01", int64(1), "roma"},
			},
			Total: 9,
		})
	}},
	{"a sum of nothing sorts as 0", func(t *testing.T, s deja.Store) {
		table := importRows(t, s, citiesTable(), []deja.Row{
			{"a", int64(5), 0.5, nil, nil, nil, nil, int64(1), nil},
			{"b", nil, nil, nil, nil, nil, nil, nil, nil},
			{"c", int64(-5), -0.5, nil, nil, nil, nil, int64(-1), nil},
		})
		q := all(table)
		q.GroupBy = []int{cityName}
		for _, column := range []int{cityPeople, cityArea, cityYear} {
			q.Aggregates = []deja.Aggregate{{Func: "sum", Column: column, As: "sum"}}
			q.Sort = []deja.SortKey{{Column: 1}}
			res, err := s.QueryRows(t.Context(), q)
			ok(t, err)
			same(t, "order", []any{res.Rows[0][0], res.Rows[1][0], res.Rows[2][0]}, []any{"c", "b", "a"})
		}
	}},
	{"distinct", func(t *testing.T, s deja.Store) {
		table := importRows(t, s, citiesTable(), cityRows())
		q := all(table)
		q.GroupBy = []int{cityOpens}
		q.Sort = []deja.SortKey{{Column: 0, Desc: true}}
		res, err := s.QueryRows(t.Context(), q)
		ok(t, err)
		same(t, "distinct times", res, &deja.QueryResult{
			Columns: []string{"$gt"},
			Rows:    []deja.Row{{"23:59:59.999"}, {"12:00:00"}, {"08:00:00"}, {"07:30:00"}, {"00:00:00"}, {nil}},
			Total:   6,
		})
	}},
	{"limit and offset", func(t *testing.T, s deja.Store) {
		rows := cityRows()
		table := importRows(t, s, citiesTable(), rows)
		for _, groups := range [][]int{nil, {cityYear}} {
			for offset := range 4 {
				for _, limit := range []int{1, 2, 100} {
					q := deja.Query{Table: table, GroupBy: groups, Aggregates: figures(cityYear), Limit: limit, Offset: offset}
					res, err := s.QueryRows(t.Context(), q)
					ok(t, err)
					same(t, "groups", res, answer(q, rows))
				}
			}
		}
	}},
}
