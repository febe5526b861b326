package storetest

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/dejahq/deja"
)

// is makes a comparison.
func is(op deja.Op, column int, v any) deja.Condition {
	return deja.Condition{Op: op, Column: column, Value: v}
}

// among makes a comparison with a list.
func among(op deja.Op, column int, vs ...any) deja.Condition {
	return deja.Condition{Op: op, Column: column, Values: vs}
}

// join makes a combination.
func join(op deja.Op, cs ...deja.Condition) deja.Condition {
	return deja.Condition{Op: op, Children: cs}
}

func but(rows ...int) []int {
	var others []int
	for i := range cityRows() {
		if !slices.Contains(rows, i) {
			others = append(others, i)
		}
	}
	return others
}

// filters are conditions with the cities that they match.
var filters = []struct {
	name  string
	where deja.Condition
	want  []int
}{
	{"eq text", is(deja.OpEq, cityName, "roma"), []int{7}},
	{"eq empty text", is(deja.OpEq, cityName, ""), []int{8}},
	{"eq null", is(deja.OpEq, cityName, nil), []int{3}},
	{"eq operator as text", is(deja.OpEq, cityName, "$where"), []int{4}},
	{"eq path as text", is(deja.OpEq, cityName, "a.b"), []int{5}},
	{"eq quotes", is(deja.OpEq, cityName, "'; DROP TABLE x; --"), []int{6}},
	{"eq object as text", is(deja.OpEq, cityNote, `{"$gt":""}`), []int{9}},
	{"eq variable as text", is(deja.OpEq, cityNote, "$$ROOT"), []int{13}},
	{"eq text with nul", is(deja.OpEq, cityNote, "tab\tnul\x00end"), []int{12}},
	{"eq text up to nul", is(deja.OpEq, cityNote, "tab\tnul"), nil},
	{"eq composed differently", is(deja.OpEq, cityName, "Zu\u0308rich"), nil},
	{"eq integer", is(deja.OpEq, cityPeople, int64(447082)), []int{0, 11, 13}},
	{"eq above 2^53", is(deja.OpEq, cityPeople, int64(1<<53+1)), []int{6}},
	{"eq 2^53", is(deja.OpEq, cityPeople, int64(1<<53)), []int{7}},
	{"eq largest", is(deja.OpEq, cityPeople, int64(math.MaxInt64)), []int{4}},
	{"eq smallest", is(deja.OpEq, cityPeople, int64(math.MinInt64)), []int{5}},
	{"eq number", is(deja.OpEq, cityArea, 0.1), []int{9}},
	{"eq tiny number", is(deja.OpEq, cityArea, math.SmallestNonzeroFloat64), []int{6}},
	{"eq true", is(deja.OpEq, cityCapital, true), []int{1, 4, 6, 9, 10}},
	{"eq date", is(deja.OpEq, cityFounded, "1218-01-01"), []int{0, 7}},

	{"ne text", is(deja.OpNe, cityName, "roma"), but(7)},
	{"ne null", is(deja.OpNe, cityName, nil), but(3)},
	{"ne false", is(deja.OpNe, cityCapital, false), []int{1, 3, 4, 6, 7, 9, 10, 13}},

	{"gt integer", is(deja.OpGt, cityPeople, int64(1<<53)), []int{4, 6}},
	{"gte integer", is(deja.OpGte, cityPeople, int64(1<<53)), []int{4, 6, 7}},
	{"lt integer", is(deja.OpLt, cityPeople, int64(0)), []int{5, 9}},
	{"lte integer", is(deja.OpLte, cityPeople, int64(0)), []int{5, 8, 9}},
	{"gt number", is(deja.OpGt, cityArea, 1285.0), []int{4, 12}},
	{"lt number", is(deja.OpLt, cityArea, 0.0), []int{5, 7}},
	{"gt text, by bytes", is(deja.OpGt, cityName, "a"), []int{5, 7, 10, 11, 12, 13}},
	{"lt text, by bytes", is(deja.OpLt, cityName, "$z"), []int{4, 8}},
	{"gte date", is(deja.OpGte, cityFounded, "2026-01-01"), []int{4, 6, 9}},
	{"lt datetime", is(deja.OpLt, citySeen, "2026-03-01"), []int{1, 4, 5}},
	{"gt time", is(deja.OpGt, cityOpens, "12:00:00"), []int{4}},
	{"lte year", is(deja.OpLte, cityYear, int64(0)), []int{1, 2, 8, 12}},
	{"gt false", is(deja.OpGt, cityCapital, false), []int{1, 4, 6, 9, 10}},
	{"gt null", is(deja.OpGt, cityPeople, nil), nil},
	{"gte null", is(deja.OpGte, cityPeople, nil), nil},
	{"lt null", is(deja.OpLt, cityPeople, nil), nil},
	{"lte null", is(deja.OpLte, cityPeople, nil), nil},

	{"in", among(deja.OpIn, cityName, "Roma", "roma", "nowhere"), []int{1, 7}},
	{"in with null", among(deja.OpIn, cityPeople, int64(0), nil), []int{3, 8, 10}},
	{"in only null", among(deja.OpIn, cityPeople, nil), []int{3, 10}},
	{"in nothing", among(deja.OpIn, cityPeople), nil},
	{"in large integers", among(deja.OpIn, cityPeople, int64(1<<53+1), int64(math.MinInt64)), []int{5, 6}},
	{"in booleans", among(deja.OpIn, cityCapital, true, nil), []int{1, 3, 4, 6, 7, 9, 10, 13}},
	{"nin", among(deja.OpNotIn, cityName, "Roma", "roma"), but(1, 7)},
	{"nin with null", among(deja.OpNotIn, cityPeople, int64(447082), nil), but(0, 3, 10, 11, 13)},
	{"nin nothing", among(deja.OpNotIn, cityPeople), but()},

	{"contains", is(deja.OpContains, cityName, "OM"), []int{1, 7, 9}},
	{"contains nothing", is(deja.OpContains, cityName, ""), but(3)},
	{"contains null", is(deja.OpContains, cityName, nil), nil},
	{"contains umlaut", is(deja.OpContains, cityName, "ÜR"), []int{0}},
	{"contains accent", is(deja.OpContains, cityName, "NÈVE"), []int{2}},
	{"contains accent, not base", is(deja.OpContains, cityName, "neve"), nil},
	{"contains greek", is(deja.OpContains, cityName, "ΘΉΝΑ"), []int{10}},
	{"contains final sigma", is(deja.OpContains, cityNote, "σίσυφος"), []int{1}},
	{"contains sigma for final sigma", is(deja.OpContains, cityNote, "φοσ"), []int{1}},
	{"contains sharp s", is(deja.OpContains, cityNote, "STRAẞE"), []int{0}},
	{"contains sharp s, not ss", is(deja.OpContains, cityNote, "STRASSE"), nil},
	{"contains kelvin", is(deja.OpContains, cityName, "kelvin"), []int{11}},
	{"contains k for kelvin sign", is(deja.OpContains, cityName, "\u212a"), []int{11}},
	{"contains dotted capital i", is(deja.OpContains, cityName, "i̇stan"), nil},
	{"contains after dotted capital i", is(deja.OpContains, cityName, "STANBUL"), []int{12}},
	{"contains percent", is(deja.OpContains, cityNote, "%"), []int{6}},
	{"contains underscore", is(deja.OpContains, cityNote, "50_"), []int{7}},
	{"contains dot star", is(deja.OpContains, cityNote, ".*"), []int{5}},
	{"contains backslash", is(deja.OpContains, cityNote, `\`), []int{10}},
	{"contains brackets", is(deja.OpContains, cityNote, "(["), []int{11}},
	{"contains dollar", is(deja.OpContains, cityNote, "$"), []int{4, 9, 13}},
	{"contains after nul", is(deja.OpContains, cityNote, "NUL\x00END"), []int{12}},
	{"contains line break", is(deja.OpContains, cityName, "a\ne"), []int{9}},
	{"contains emoji", is(deja.OpContains, cityName, "👩"), []int{13}},
	{"contains in dates", is(deja.OpContains, cityFounded, "-01-01"), []int{0, 4, 5, 6, 7}},
	{"starts", is(deja.OpStartsWith, cityName, "ROM"), []int{1, 7, 9}},
	{"starts, in the middle", is(deja.OpStartsWith, cityName, "OM"), nil},
	{"starts second line", is(deja.OpStartsWith, cityName, "EST"), nil},
	{"starts with everything", is(deja.OpStartsWith, cityName, "zÜRICH"), []int{0}},
	{"starts with more", is(deja.OpStartsWith, cityName, "zürichs"), nil},
	{"starts with caret", is(deja.OpStartsWith, cityName, "^"), nil},
	{"ends", is(deja.OpEndsWith, cityName, "MA"), []int{1, 7}},
	{"ends, before line break", is(deja.OpEndsWith, cityName, "roma"), []int{1, 7}},
	{"ends with kelvin", is(deja.OpEndsWith, cityName, "KELVIN"), []int{11}},
	{"ends with nothing", is(deja.OpEndsWith, cityName, ""), but(3)},

	{"and", join(deja.OpAnd, is(deja.OpEq, cityCapital, true), is(deja.OpGt, cityPeople, int64(0))), []int{1, 4, 6}},
	{"or", join(deja.OpOr, is(deja.OpEq, cityName, "Roma"), is(deja.OpEq, cityName, nil)), []int{1, 3}},
	{"and of nothing", join(deja.OpAnd), but()},
	{"or of nothing", join(deja.OpOr), nil},
	{"and of one", join(deja.OpAnd, is(deja.OpEq, cityYear, int64(1))), []int{5}},
	{"same column twice", join(deja.OpAnd, is(deja.OpGte, cityYear, int64(0)), is(deja.OpLte, cityYear, int64(1))), []int{5, 8}},
	{"not eq", join(deja.OpNot, is(deja.OpEq, cityCapital, true)), but(1, 4, 6, 9, 10)},
	{"not gt", join(deja.OpNot, is(deja.OpGt, cityPeople, int64(1<<53))), but(4, 6)},
	{"not in", join(deja.OpNot, among(deja.OpIn, cityPeople, int64(0), nil)), but(3, 8, 10)},
	{"not nin with null", join(deja.OpNot, among(deja.OpNotIn, cityPeople, int64(0), nil)), []int{3, 8, 10}},
	{"not contains", join(deja.OpNot, is(deja.OpContains, cityName, "roma")), but(1, 7, 9)},
	{"not gt null", join(deja.OpNot, is(deja.OpGt, cityPeople, nil)), but()},
	{"not not", join(deja.OpNot, join(deja.OpNot, is(deja.OpEq, cityName, "Roma"))), []int{1}},
	{"not and of nothing", join(deja.OpNot, join(deja.OpAnd)), nil},
	{
		"nested", join(deja.OpOr,
			join(deja.OpAnd, is(deja.OpEq, cityCapital, false), join(deja.OpNot, is(deja.OpGt, cityPeople, int64(300000)))),
			join(deja.OpAnd, join(deja.OpOr, is(deja.OpEq, cityYear, int64(2026)), is(deja.OpEq, cityYear, nil)), is(deja.OpEq, cityArea, nil))),
		[]int{2, 3, 5, 8, 11},
	},
}

var queryTests = []storeTest{
	{"filters", func(t *testing.T, s deja.Store) {
		rows := cityRows()
		table := importRows(t, s, citiesTable(), rows)
		for _, f := range filters {
			q := all(table)
			q.Where = &f.where
			res, err := s.QueryRows(t.Context(), q)
			if err != nil {
				t.Errorf("%s: %v", f.name, err)
				continue
			}
			if got := positions(rows, res.Rows); !slices.Equal(got, f.want) {
				t.Errorf("%s: rows %v, want %v", f.name, got, f.want)
			}
			if res.Total != int64(len(f.want)) {
				t.Errorf("%s: total %d, want %d", f.name, res.Total, len(f.want))
			}
		}
	}},
	{"wide and deep filters", func(t *testing.T, s deja.Store) {
		table := importRows(t, s, citiesTable(), cityRows())
		wide := join(deja.OpOr)
		list := among(deja.OpIn, cityPeople)
		// As many as a query that was parsed can have, and more.
		for i := range 2 * deja.MaxConditions {
			wide.Children = append(wide.Children, is(deja.OpEq, cityPeople, int64(i)))
		}
		for i := range 2 * deja.MaxListValues {
			list.Values = append(list.Values, int64(i))
		}
		deep := is(deja.OpEq, cityPeople, int64(0))
		for range 20 {
			deep = join(deja.OpNot, join(deja.OpAnd, join(deja.OpOr, deep), join(deja.OpAnd)))
		}
		for _, where := range []deja.Condition{wide, list, deep} {
			q := all(table)
			q.Where = &where
			res, err := s.QueryRows(t.Context(), q)
			ok(t, err)
			same(t, "rows", res.Rows, cityRows()[8:9])
		}
	}},
	{"result", func(t *testing.T, s deja.Store) {
		table := importRows(t, s, citiesTable(), cityRows())
		res, err := s.QueryRows(t.Context(), all(table))
		ok(t, err)
		var names []string
		for _, c := range table.Columns {
			names = append(names, c.Name)
		}
		same(t, "all rows", res, &deja.QueryResult{Columns: names, Rows: cityRows(), Total: int64(len(cityRows()))})

		q := all(table)
		q.Where = new(join(deja.OpOr))
		res, err = s.QueryRows(t.Context(), q)
		ok(t, err)
		text, err := json.Marshal(res.Rows)
		ok(t, err)
		if string(text) != "[]" || res.Total != 0 {
			t.Errorf("no rows are %s, total %d, want [], 0", text, res.Total)
		}
	}},
	{"projection", func(t *testing.T, s deja.Store) {
		table := importRows(t, s, citiesTable(), cityRows())
		q := all(table)
		q.Columns = []int{cityCapital, cityName, cityCapital}
		q.Sort = []deja.SortKey{{Column: cityArea, Desc: true}} // a column that is not shown
		q.Limit = 2
		res, err := s.QueryRows(t.Context(), q)
		ok(t, err)
		same(t, "result", res, &deja.QueryResult{
			Columns: []string{"SELECT", "$where", "SELECT"},
			Rows:    []deja.Row{{true, "$where", true}, {false, "İstanbul", false}},
			Total:   int64(len(cityRows())),
		})
	}},
	{"sort", func(t *testing.T, s deja.Store) {
		rows := cityRows()
		table := importRows(t, s, citiesTable(), rows)
		for i := range table.Columns {
			for _, keys := range [][]deja.SortKey{
				{{Column: i}},
				{{Column: i, Desc: true}},
				{{Column: cityCapital, Desc: true}, {Column: i}},
				{{Column: cityFounded}, {Column: i, Desc: true}},
			} {
				q := all(table)
				q.Sort = keys
				res, err := s.QueryRows(t.Context(), q)
				ok(t, err)
				want := answer(q, rows)
				if got, want := positions(rows, res.Rows), positions(rows, want.Rows); !slices.Equal(got, want) {
					t.Errorf("sorted by %v: rows %v, want %v", keys, got, want)
				}
			}
		}
		q := all(table)
		q.Sort = []deja.SortKey{{Column: cityPeople, Desc: true}}
		res, err := s.QueryRows(t.Context(), q)
		ok(t, err)
		// Nulls last, ties in the order of the file.
		same(t, "descending", positions(rows, res.Rows), []int{4, 6, 7, 12, 1, 0, 11, 13, 2, 8, 9, 5, 3, 10})
	}},
	{"limit and offset", func(t *testing.T, s deja.Store) {
		rows := cityRows()
		table := importRows(t, s, citiesTable(), rows)
		for _, sort := range [][]deja.SortKey{nil, {{Column: cityYear, Desc: true}}} {
			for _, where := range []*deja.Condition{nil, new(is(deja.OpNe, cityYear, nil))} {
				for _, offset := range []int{0, 1, 9, len(rows) - 1, len(rows), len(rows) + 1} {
					for _, limit := range []int{1, 5, len(rows), 1000} {
						q := deja.Query{Table: table, Where: where, Sort: sort, Limit: limit, Offset: offset}
						res, err := s.QueryRows(t.Context(), q)
						ok(t, err)
						same(t, fmt.Sprintf("limit %d, offset %d", limit, offset), res, answer(q, rows))
					}
				}
			}
		}
	}},
	{"beyond the end", func(t *testing.T, s deja.Store) {
		for _, n := range []int{0, 3} {
			table := numbersTable("short")
			_, err := s.ImportRows(t.Context(), table, numberRows(n))
			ok(t, err)
			res, err := s.QueryRows(t.Context(), deja.Query{Table: table, Limit: 10, Offset: 5})
			ok(t, err)
			same(t, "result", res, &deja.QueryResult{Columns: []string{"n"}, Total: int64(n)})
		}
	}},
	{"hostile text", func(t *testing.T, s deja.Store) {
		texts := []string{
			"$where", "a.b", `"`, "'", "`", `\`, `\\`, "''", `{"$ne":null}`, "%", "_", "*", ".", "^$", "[a-z]", "(?i)x", `\Q`, `\E`,
			"?1", ":a", "@a", "$1", "NULL", "null", "true", "0", "1e3", "\x00", "\n", "\r\n", "\t", " ", "  ", "\u2028", "\ufeff", "é", "e\u0301",
			"\ufb01", "\u017f", "S", "\u03a9", "\u2126", "🇨🇭", "\U0010ffff", "$$NOW", "$name", "--", "/*", ";", "--\n", strings.Repeat("x", 3000),
		}
		table := deja.Table{ID: deja.NewID(deja.TablePrefix), Name: "t", Columns: []deja.Column{{Name: "x", Field: "x", Type: deja.TypeString}}}
		var rows []deja.Row
		for _, text := range texts {
			rows = append(rows, deja.Row{text})
		}
		table = importRows(t, s, table, rows)
		for _, text := range texts {
			for _, op := range []deja.Op{deja.OpEq, deja.OpNe, deja.OpContains, deja.OpStartsWith, deja.OpEndsWith, deja.OpLt, deja.OpGte} {
				q := all(table)
				q.Where = new(is(op, 0, text))
				res, err := s.QueryRows(t.Context(), q)
				ok(t, err)
				same(t, fmt.Sprintf("%s %.20q", op, text), res, answer(q, rows))
			}
			q := all(table)
			q.Where = new(among(deja.OpIn, 0, text, nil))
			res, err := s.QueryRows(t.Context(), q)
			ok(t, err)
			same(t, fmt.Sprintf("in %.20q", text), res.Rows, []deja.Row{{text}})
		}
		q := all(table)
		q.GroupBy = []int{0}
		q.Aggregates = []deja.Aggregate{{Func: "min", Column: 0, As: "$min"}, {Func: "count", Column: -1, As: "a.count"}}
		res, err := s.QueryRows(t.Context(), q)
		ok(t, err)
		same(t, "groups", res, answer(q, rows))
	}},
	{"random queries", randomQueries},
}

// positions gives where rows are in the cities; rows that are nowhere are -1.
func positions(cities, rows []deja.Row) []int {
	var found []int
	for _, r := range rows {
		found = append(found, slices.IndexFunc(cities, func(c deja.Row) bool { return slices.Equal(c, r) }))
	}
	return found
}
