package storetest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/dejahq/deja"
)

// RunQueries compares a store with the reference on random tables, asked as
// models ask: in the language of query_data, through deja.ParseQuery. Run has
// one table and every condition; this has every table, and the conditions
// that the language can say.
func RunQueries(t *testing.T, open func(t *testing.T) deja.Store) {
	t.Helper()
	randomTables(t, open(t))
}

func randomTables(t *testing.T, s deja.Store) {
	rapid.Check(t, func(rt *rapid.T) {
		table, rows := drawTable(rt)
		n, err := s.ImportRows(t.Context(), table, rowsOf(rows))
		if err != nil || n != int64(len(rows)) {
			rt.Fatalf("%d of %d rows imported: %v", n, len(rows), err)
		}
		defer func() {
			if err := s.DropRows(t.Context(), table.ID); err != nil {
				rt.Errorf("rows not dropped: %v", err)
			}
		}()
		schema := &deja.Schema{Tables: []deja.Table{table}}
		for range 8 {
			args := drawArguments(rt, &table, rows)
			q, err := deja.ParseQuery(args, schema)
			if err != nil {
				rt.Fatalf("%s: %v", args, err)
			}
			got, err := s.QueryRows(t.Context(), q)
			if err != nil {
				rt.Fatalf("%s: %v", args, err)
			}
			// Figures may be summed up in another order.
			if d := cmp.Diff(answer(q, rows), got, cmpopts.EquateEmpty(), cmpopts.EquateApprox(1e-9, 1e-9)); d != "" {
				rt.Fatalf("%s\nof %v (-want +got):\n%s", args, rows, d)
			}
		}
	})
}

// columnPools have the values that random columns are filled with: few, so
// that queries find some; with neighbours, so that comparisons can go wrong.
var columnPools = []struct {
	typ    deja.ColumnType
	values []any
}{
	{deja.TypeString, []any{"a", "A", "ab", "Ab c", "é", "É", "e\u0301", "%", "_", "x%y_z", "'", `"`, `\`, "0", "00", "1", "\u212a", "k", "ſ", "$a", "a.b", "日本", "null", "Straße", "STRASSE"}},
	{deja.TypeInteger, []any{int64(-2), int64(-1), int64(0), int64(1), int64(2), int64(10), int64(9_007_199_254_740_992), int64(9_007_199_254_740_993)}},
	{deja.TypeNumber, []any{-1.5, -1.0, 0.0, 0.1, 0.2, 0.30000000000000004, 1.0, 10.0, 1e100, 1e-100}},
	{deja.TypeBoolean, []any{true, false}},
	{deja.TypeDate, []any{"0001-01-01", "1999-12-31", "2000-01-01", "2024-02-29", "9998-12-31"}},
	{deja.TypeDateTime, []any{"1999-12-31T23:59:59Z", "2000-01-01T00:00:00Z", "2000-01-01T12:00:00Z", "2000-01-02T00:00:00Z"}},
	{deja.TypeDateTime, []any{"1999-12-31T23:59:59.999", "2000-01-01T00:00:00.000", "2000-01-01T00:00:00.001"}},
	{deja.TypeTime, []any{"00:00:00", "11:59:59", "12:00:00", "23:59:59"}},
	{deja.TypeYear, []any{int64(1000), int64(1999), int64(2000), int64(2999)}},
}

func drawTable(rt *rapid.T) (deja.Table, []deja.Row) {
	table := deja.Table{ID: deja.NewID(deja.TablePrefix), Name: "random"}
	pools := rapid.SliceOfN(rapid.SampledFrom(columnPools), 1, 6).Draw(rt, "columns")
	for i, pool := range pools {
		c := deja.Column{Name: fmt.Sprintf("%s %d", pool.typ, i), Field: fmt.Sprintf("f%d", i), Type: pool.typ, Nullable: true}
		if pool.typ.Ordered() {
			c.Min = pool.values[0] // tells the parser how datetimes are written here
		}
		table.Columns = append(table.Columns, c)
	}
	rows := make([]deja.Row, rapid.IntRange(0, 20).Draw(rt, "rows"))
	for i := range rows {
		for _, pool := range pools {
			var v any
			if rapid.IntRange(0, 5).Draw(rt, "null") > 0 {
				v = rapid.SampledFrom(pool.values).Draw(rt, "value")
			}
			rows[i] = append(rows[i], v)
		}
	}
	table.RowCount = int64(len(rows))
	return table, rows
}

// drawArguments writes a query as a model would, of values that the table has
// or could have.
func drawArguments(rt *rapid.T, table *deja.Table, rows []deja.Row) []byte {
	names := make([]string, len(table.Columns))
	for i := range names {
		names[i] = table.Columns[i].Name
	}
	some := func(label string, from []string, most int) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, min(most, len(from)), rapid.ID[string]).Draw(rt, label)
	}
	args := map[string]any{
		"limit":  rapid.IntRange(1, 30).Draw(rt, "limit"),
		"offset": rapid.SampledFrom([]int{0, 0, 0, 1, 3, 100}).Draw(rt, "offset"),
	}
	if rapid.IntRange(0, 3).Draw(rt, "filtered") > 0 {
		args["filter"] = drawFilter(rt, table, rows, 3)
	}
	result := names
	if rapid.Bool().Draw(rt, "grouped") {
		groups := some("groups", names, 3)
		result = groups
		var figures []map[string]any
		for i := range rapid.IntRange(0, 3).Draw(rt, "figures") {
			f, column := drawFigure(rt, table)
			as := fmt.Sprintf("figure %d", i)
			figure := map[string]any{"function": f, "as": as}
			if column >= 0 {
				figure["column"] = names[column]
			}
			figures = append(figures, figure)
			result = append(result, as)
		}
		args["group_by"], args["aggregates"] = groups, figures
		if len(result) == 0 {
			result = names
		}
	} else {
		args["columns"] = some("projection", names, len(names))
	}
	var sort []any
	for _, name := range some("sort", result, 3) {
		if rapid.Bool().Draw(rt, "desc") {
			name = "-" + name
		}
		sort = append(sort, name)
	}
	args["sort"] = sort
	b, err := json.Marshal(args)
	if err != nil {
		rt.Fatalf("%v", err)
	}
	return b
}

// drawFigure draws an aggregate that fits its column. Sums of integers that
// do not fit are another test's.
func drawFigure(rt *rapid.T, table *deja.Table) (function string, column int) {
	column = rapid.IntRange(-1, len(table.Columns)-1).Draw(rt, "of")
	functions := []string{"count"}
	if column >= 0 {
		switch table.Columns[column].Type {
		case deja.TypeBoolean:
		case deja.TypeInteger, deja.TypeNumber, deja.TypeYear:
			functions = []string{"count", "min", "max", "sum", "avg"}
		default:
			functions = []string{"count", "min", "max"}
		}
	}
	return rapid.SampledFrom(functions).Draw(rt, "function"), column
}

func drawFilter(rt *rapid.T, table *deja.Table, rows []deja.Row, depth int) map[string]any {
	if depth > 0 {
		nested := func() []any {
			var conditions []any
			for range rapid.IntRange(1, 3).Draw(rt, "conditions") {
				conditions = append(conditions, drawFilter(rt, table, rows, depth-1))
			}
			return conditions
		}
		switch rapid.IntRange(0, 6).Draw(rt, "combination") {
		case 0:
			return map[string]any{"$and": nested()}
		case 1:
			return map[string]any{"$or": nested()}
		case 2:
			return map[string]any{"$not": drawFilter(rt, table, rows, depth-1)}
		}
	}
	i := rapid.IntRange(0, len(table.Columns)-1).Draw(rt, "column")
	c := &table.Columns[i]
	ops := []string{"$eq", "$ne", "$in", "$nin"}
	if c.Type != deja.TypeBoolean {
		ops = append(ops, "$gt", "$gte", "$lt", "$lte")
	}
	if c.Type.Textual() {
		ops = append(ops, "$contains", "$starts_with", "$ends_with")
	}
	op := rapid.SampledFrom(ops).Draw(rt, "op")
	switch op {
	case "$eq", "$ne":
		if rapid.IntRange(0, 4).Draw(rt, "with null") == 0 {
			return map[string]any{c.Name: map[string]any{op: nil}}
		}
	case "$in", "$nin":
		values := []any{}
		for range rapid.IntRange(0, 3).Draw(rt, "values") {
			values = append(values, drawComparand(rt, c, rows, i, false))
		}
		if rapid.IntRange(0, 3).Draw(rt, "null too") == 0 {
			values = append(values, nil)
		}
		return map[string]any{c.Name: map[string]any{op: values}}
	case "$contains", "$starts_with", "$ends_with":
		text := []rune(fmt.Sprint(drawComparand(rt, c, rows, i, false)))
		from := rapid.IntRange(0, len(text)).Draw(rt, "from")
		return map[string]any{c.Name: map[string]any{op: string(text[from:rapid.IntRange(from, len(text)).Draw(rt, "to")])}}
	}
	ranged := op != "$eq" && op != "$ne"
	return map[string]any{c.Name: map[string]any{op: drawComparand(rt, c, rows, i, ranged)}}
}

// drawComparand draws something to compare a column with: a value that it has
// or could have, or for ranges what only the language can say.
func drawComparand(rt *rapid.T, c *deja.Column, rows []deja.Row, i int, ranged bool) any {
	if len(rows) > 0 && rapid.Bool().Draw(rt, "of a row") {
		if v := rapid.SampledFrom(rows).Draw(rt, "row")[i]; v != nil {
			return v
		}
	}
	if ranged && c.Type == deja.TypeInteger && rapid.Bool().Draw(rt, "fraction") {
		return rapid.SampledFrom([]float64{-1.5, 0.5, 1.25}).Draw(rt, "bound")
	}
	if ranged && c.Type == deja.TypeDateTime && rapid.Bool().Draw(rt, "day") {
		return rapid.SampledFrom([]string{"1999-12-31", "2000-01-01", "2000-01-02"}).Draw(rt, "bound")
	}
	for _, pool := range columnPools {
		if pool.typ == c.Type && (c.Type != deja.TypeDateTime || pool.values[0] == c.Min) {
			return rapid.SampledFrom(pool.values).Draw(rt, "value of pool")
		}
	}
	panic("a column of no pool")
}
