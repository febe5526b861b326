package deja

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// queryKeys are the arguments of the query_data tool, all there are.
var queryKeys = []string{"table", "filter", "columns", "sort", "limit", "offset", "group_by", "aggregates"}

// ParseQuery turns the JSON arguments of a query_data call into a query on one
// of the schema's tables:
//
//	{"table": "people",
//	 "filter": {"age": {"$gte": 30}, "$or": [{"city": "Rome"}, {"name": {"$starts_with": "A"}}]},
//	 "columns": ["name", "age"],
//	 "sort": [{"column": "age", "direction": "desc"}, "name"],
//	 "limit": 20, "offset": 0,
//	 "group_by": ["city"],
//	 "aggregates": [{"function": "avg", "column": "age", "as": "mean_age"}]}
//
// Everything is optional, the table too when the schema has one. Only what is
// listed here and in [Op] is understood; the arguments come from a language
// model, so every refusal is a CodeInvalid whose message says what is allowed.
// Names of tables and columns match exactly, or else without regard to case
// where that leaves one. Values take the form of their column: "42" is a
// number for a column of numbers, 2024/3/1 is the date 2024-03-01. A filter on
// a datetime column may name a whole day.
//
// The query is valid in the sense of [Query.Validate].
func ParseQuery(args []byte, s *Schema) (Query, error) {
	q, err := parseQuery(args, s)
	if err != nil {
		return Query{}, err
	}
	if err := q.Validate(); err != nil {
		return Query{}, err
	}
	return q, nil
}

func parseQuery(args []byte, s *Schema) (Query, *Error) {
	o, err := parseObject(args)
	if err != nil {
		return Query{}, err
	}
	given := make(map[string]any, len(o))
	for _, m := range o {
		if !slices.Contains(queryKeys, m.name) {
			return Query{}, Errorf(CodeInvalid, "there is no argument %q; there are %s", brief(m.name), list(queryKeys))
		}
		if _, twice := given[m.name]; twice {
			return Query{}, Errorf(CodeInvalid, "the argument %q is given twice", m.name).WithParam(m.name)
		}
		given[m.name] = m.value
	}
	t, err := findTable(given["table"], s)
	if err != nil {
		return Query{}, err.WithParam("table")
	}
	q := Query{Table: *t, Limit: DefaultQueryLimit}
	for _, part := range []struct {
		name  string
		parse func(any) *Error
	}{
		{"filter", q.parseFilter},
		{"group_by", q.parseGroupBy},
		{"aggregates", q.parseAggregates},
		{"columns", q.parseColumns}, // after the two that it may repeat
		{"sort", q.parseSort},       // after all that it may name
		{"limit", func(v any) *Error { return parseCount(v, &q.Limit, 1, MaxQueryLimit) }},
		{"offset", func(v any) *Error { return parseCount(v, &q.Offset, 0, MaxQueryOffset) }},
	} {
		if err := part.parse(given[part.name]); err != nil {
			return Query{}, err.WithParam(part.name)
		}
	}
	return q, nil
}

func (q *Query) parseGroupBy(v any) *Error {
	var err *Error
	q.GroupBy, err = q.Table.parseNames(v)
	return err
}

// parseColumns reads the projection. A grouped query has its own columns; it
// may list those, which changes nothing.
func (q *Query) parseColumns(v any) *Error {
	if !q.grouped() {
		var err *Error
		q.Columns, err = q.Table.parseNames(v)
		return err
	}
	names := q.figureNames()
	for _, item := range asList(v) {
		if name, ok := item.(string); !ok || match(names, name) < 0 {
			return Errorf(CodeInvalid, "a query with groups or aggregates has the columns %s, not %s", quoted(names), kindOf(item))
		}
	}
	return nil
}

// resultNames are the columns that sort may name.
func (q *Query) resultNames() []string {
	if !q.grouped() {
		return q.Table.columnNames()
	}
	return q.figureNames()
}

// grouped reports whether the result has columns of its own.
func (q *Query) grouped() bool { return len(q.GroupBy) > 0 || len(q.Aggregates) > 0 }

// figureNames are the columns of a grouped result.
func (q *Query) figureNames() []string {
	names := make([]string, 0, len(q.GroupBy)+len(q.Aggregates))
	for _, c := range q.GroupBy {
		names = append(names, q.Table.Columns[c].Name)
	}
	for i := range q.Aggregates {
		names = append(names, q.Aggregates[i].As)
	}
	return names
}

// parseCount reads a whole number between two bounds; null leaves it alone.
func parseCount(v any, into *int, least, most int) *Error {
	if v == nil {
		return nil
	}
	var n float64
	err := fmt.Errorf("not a number")
	switch v := v.(type) {
	case json.Number:
		n, err = v.Float64()
	case string:
		n, err = strconv.ParseFloat(strings.TrimSpace(v), 64)
	}
	if err != nil || n != math.Trunc(n) || n < float64(least) || n > float64(most) {
		return Errorf(CodeInvalid, "must be a whole number from %d to %d, not %s", least, most, kindOf(v))
	}
	*into = int(n)
	return nil
}
