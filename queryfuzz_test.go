package deja

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"testing"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// writeQuery writes a query as arguments, the inverse of ParseQuery.
func writeQuery(q *Query) []byte {
	names := q.Table.columnNames()
	pick := func(positions []int) []string {
		picked := []string{}
		for _, p := range positions {
			picked = append(picked, names[p])
		}
		return picked
	}
	args := map[string]any{
		"table": q.Table.Name, "limit": q.Limit, "offset": q.Offset, "group_by": pick(q.GroupBy),
	}
	if q.Where != nil {
		args["filter"] = json.RawMessage(writeCondition(q.Where, names))
	}
	if !q.grouped() {
		args["columns"] = pick(q.Columns)
	}
	var aggregates []map[string]any
	for _, a := range q.Aggregates {
		m := map[string]any{"function": a.Func, "as": a.As}
		if a.Column >= 0 {
			m["column"] = names[a.Column]
		}
		aggregates = append(aggregates, m)
	}
	args["aggregates"] = aggregates
	var sort []map[string]any
	for _, k := range q.Sort {
		direction := "asc"
		if k.Desc {
			direction = "desc"
		}
		sort = append(sort, map[string]any{"column": q.resultNames()[k.Column], "direction": direction})
	}
	args["sort"] = sort
	return mustMarshal(args)
}

func writeCondition(c *Condition, names []string) []byte {
	switch c.Op {
	case OpNot:
		return fmt.Appendf(nil, `{"$not":%s}`, writeCondition(&c.Children[0], names))
	case OpAnd, OpOr:
		var children [][]byte
		for i := range c.Children {
			children = append(children, writeCondition(&c.Children[i], names))
		}
		return fmt.Appendf(nil, `{"$%s":[%s]}`, c.Op, bytes.Join(children, []byte(",")))
	case OpIn, OpNotIn:
		return mustMarshal(map[string]any{names[c.Column]: map[string]any{"$" + string(c.Op): append([]any{}, c.Values...)}})
	}
	return mustMarshal(map[string]any{names[c.Column]: map[string]any{"$" + string(c.Op): c.Value}})
}

func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// drawValue draws a value of a column, in its form.
func drawValue(t *rapid.T, col *Column) any {
	switch col.Type {
	case TypeInteger, TypeYear:
		return rapid.Int64().Draw(t, "integer")
	case TypeNumber:
		return rapid.Float64Range(-1e300, 1e300).Draw(t, "number")
	case TypeBoolean:
		return rapid.Bool().Draw(t, "boolean")
	case TypeDate:
		return drawDay(t)
	case TypeDateTime:
		if col.inUTC() {
			return drawDay(t) + "T" + drawClock(t) + "Z"
		}
		return drawDay(t) + "T" + drawClock(t)
	case TypeTime:
		return drawClock(t) + fmt.Sprintf(".%02d", rapid.IntRange(0, 99).Draw(t, "fraction"))
	}
	return rapid.StringOfN(rapid.RuneFrom([]rune("aB\"\\ é%_*.{$Kſ0-")), 0, 8, -1).Draw(t, "text")
}

func drawDay(t *rapid.T) string {
	return fmt.Sprintf("%04d-%02d-%02d", rapid.IntRange(0, 9998).Draw(t, "year"), rapid.IntRange(1, 12).Draw(t, "month"), rapid.IntRange(1, 28).Draw(t, "day"))
}

func drawClock(t *rapid.T) string {
	return fmt.Sprintf("%02d:%02d:%02d", rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"), rapid.IntRange(0, 59).Draw(t, "second"))
}

func drawCondition(t *rapid.T, table *Table, depth int) Condition {
	if depth < MaxFilterDepth && rapid.IntRange(0, 3).Draw(t, "combine") == 0 {
		op := rapid.SampledFrom([]Op{OpAnd, OpOr, OpNot}).Draw(t, "combination")
		n := 1
		if op != OpNot {
			n = rapid.IntRange(1, 3).Draw(t, "children")
		}
		c := Condition{Op: op}
		for range n {
			c.Children = append(c.Children, drawCondition(t, table, depth+1))
		}
		return c
	}
	column := rapid.IntRange(0, len(table.Columns)-1).Draw(t, "column")
	col := &table.Columns[column]
	op := rapid.SampledFrom(comparisons).Filter(func(op Op) bool { return operatorFits(op, col) == nil }).Draw(t, "op")
	value := func() any {
		if nullable(op) && rapid.IntRange(0, 4).Draw(t, "null") == 0 {
			return nil
		}
		return drawValue(t, col)
	}
	c := Condition{Op: op, Column: column}
	if op == OpIn || op == OpNotIn {
		for range rapid.IntRange(0, 4).Draw(t, "values") {
			c.Values = append(c.Values, value())
		}
		return c
	}
	c.Value = value()
	return c
}

func drawQuery(t *rapid.T, table Table) Query {
	positions := func(width, most int, label string) []int {
		return rapid.SliceOfNDistinct(rapid.IntRange(0, width-1), 0, min(most, width), rapid.ID[int]).Draw(t, label)
	}
	q := Query{
		Table: table, Limit: rapid.IntRange(1, MaxQueryLimit).Draw(t, "limit"),
		Offset: rapid.IntRange(0, MaxQueryOffset).Draw(t, "offset"),
	}
	if rapid.Bool().Draw(t, "filtered") {
		q.Where = new(drawCondition(t, &q.Table, 1))
	}
	width := len(table.Columns)
	if rapid.Bool().Draw(t, "grouped") {
		q.GroupBy = positions(width, 3, "groups")
		if len(q.GroupBy) == 0 || rapid.Bool().Draw(t, "aggregated") {
			q.Aggregates = []Aggregate{
				{Func: "count", Column: -1, As: "rows"},
				{Func: rapid.SampledFrom(aggregateFuncs).Draw(t, "func"), Column: colHeight, As: "height figure"},
			}
		}
		width = len(q.GroupBy) + len(q.Aggregates)
	} else {
		q.Columns = positions(width, width, "columns")
	}
	for _, column := range positions(width, MaxSortKeys, "sort") {
		q.Sort = append(q.Sort, SortKey{Column: column, Desc: rapid.Bool().Draw(t, "desc")})
	}
	return q
}

// TestParseQueryInverts holds ParseQuery to be the inverse of writing a query.
func TestParseQueryInverts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := drawQuery(t, people())
		if q.Validate() != nil {
			t.Skip("more conditions than allowed")
		}
		args := writeQuery(&q)
		got, err := ParseQuery(args, testSchema())
		if err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		if diff := gocmp.Diff(q, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s (-drawn +parsed):\n%s", args, diff)
		}
	})
}

// TestRewrittenComparisons holds conditions that stand for others to match the
// same values: a fraction against integers, a day against datetimes.
func TestRewrittenComparisons(t *testing.T) {
	t.Parallel()
	ordered := map[Op]func(int) bool{
		OpGt: func(d int) bool { return d > 0 }, OpGte: func(d int) bool { return d >= 0 },
		OpLt: func(d int) bool { return d < 0 }, OpLte: func(d int) bool { return d <= 0 },
		OpEq: func(d int) bool { return d == 0 }, OpNe: func(d int) bool { return d != 0 },
	}
	parse := func(t *rapid.T, column string, op Op, value any) *Condition {
		q, err := ParseQuery(mustMarshal(map[string]any{"filter": map[string]any{column: map[string]any{string(op): value}}}), testSchema())
		if err != nil {
			t.Fatal(err)
		}
		return q.Where
	}
	rapid.Check(t, func(t *rapid.T) {
		op := rapid.SampledFrom([]Op{OpGt, OpGte, OpLt, OpLte}).Draw(t, "op")
		age := rapid.Int64Range(-5, 5).Draw(t, "age")
		fraction := float64(rapid.Int64Range(-20, 20).Draw(t, "quarters")) / 4
		c := parse(t, "Age", op, fraction)
		if got, want := ordered[c.Op](cmp.Compare(age, c.Value.(int64))), ordered[op](cmp.Compare(float64(age), fraction)); got != want {
			t.Fatalf("%d %s %v became %d %s %v", age, op, fraction, age, c.Op, c.Value)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		op := rapid.SampledFrom([]Op{OpGt, OpGte, OpLt, OpLte, OpEq, OpNe}).Draw(t, "op")
		moments := []string{"2024-02-28T23:59:59Z", "2024-02-29T00:00:00Z", "2024-02-29T12:00:00Z", "2024-03-01T00:00:00Z"}
		moment := rapid.SampledFrom(moments).Draw(t, "moment")
		day := rapid.SampledFrom([]string{"2024-02-28", "2024-02-29", "2024-03-01"}).Draw(t, "day")
		c := parse(t, "seen", op, day)
		var holds func(c *Condition) bool
		holds = func(c *Condition) bool {
			switch c.Op {
			case OpNot:
				return !holds(&c.Children[0])
			case OpAnd:
				return holds(&c.Children[0]) && holds(&c.Children[1])
			}
			return ordered[c.Op](cmp.Compare(moment, c.Value.(string)))
		}
		if got, want := holds(c), ordered[op](cmp.Compare(moment[:len(day)], day)); got != want {
			t.Fatalf("%s %s %s became %+v", moment, op, day, c)
		}
	})
}

// FuzzParseQuery holds for any bytes: no panic; a refusal is CodeInvalid with
// a message of valid text and bounded length; and what is accepted is valid
// and comes back unchanged when it is written and parsed again.
func FuzzParseQuery(f *testing.F) {
	f.Add([]byte(`{"table":"people","filter":{"Age":{"$gt":30.5},"$or":[{"name":"x"},{"seen":"2024-02-29"}]},"sort":["-age"],"limit":5}`))
	f.Add([]byte(`{"group_by":["born"],"aggregates":[{"function":"avg","column":"height"}],"sort":[{"column":"born","direction":"desc"}]}`))
	f.Add([]byte(`{"filter":{"seen":{"$ne":"2024-12-31","$not":{"$in":["2024-03-01T10:00:00+02:00",null]}},"alarm":{"$lt":"6:30 PM"}}}`))
	f.Add([]byte(`{"filter":{"Age":1e99,"height":-0,"member":"true","joined":2e3,"local":{"$contains":7}}}`))
	f.Fuzz(func(t *testing.T, args []byte) {
		q, err := ParseQuery(args, testSchema())
		if err != nil {
			message := ErrorMessage(err)
			if ErrorCode(err) != CodeInvalid || !utf8.ValidString(message) || len(message) > 4096 {
				t.Fatalf("refused with %q (%s)", message, ErrorCode(err))
			}
			return
		}
		if err := q.Validate(); err != nil {
			t.Fatalf("accepted a query that is not valid: %v", err)
		}
		written := writeQuery(&q)
		again, err := ParseQuery(written, testSchema())
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if diff := gocmp.Diff(q, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s (-first +again):\n%s", written, diff)
		}
	})
}
