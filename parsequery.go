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

func findTable(v any, s *Schema) (*Table, *Error) {
	names := make([]string, len(s.Tables))
	for i := range s.Tables {
		names[i] = s.Tables[i].Name
	}
	if len(names) == 0 {
		return nil, Errorf(CodeInvalid, "there are no tables to query")
	}
	switch v := v.(type) {
	case nil:
		if len(names) == 1 {
			return &s.Tables[0], nil
		}
		return nil, Errorf(CodeInvalid, "name a table; there are %s", quoted(names))
	case string:
		if i := match(names, v); i >= 0 {
			return &s.Tables[i], nil
		}
		return nil, Errorf(CodeInvalid, "there is no table %q; there are %s", brief(v), quoted(names))
	}
	return nil, Errorf(CodeInvalid, "the table must be a name, not %s; there are %s", kindOf(v), quoted(names))
}

// match finds a name among names: the same, or else the only one that differs
// in case alone. It gives -1 when there is none.
func match(names []string, name string) int {
	if i := slices.Index(names, name); i >= 0 {
		return i
	}
	found := -1
	for i := range names {
		if strings.EqualFold(names[i], strings.TrimSpace(name)) {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// columnNames are the names of a table's columns.
func (t *Table) columnNames() []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// findColumn finds a column by its name, see match.
func (t *Table) findColumn(v any) (int, *Error) {
	names := t.columnNames()
	name, ok := v.(string)
	if !ok {
		return -1, Errorf(CodeInvalid, "a column must be a name, not %s; table %q has %s", kindOf(v), t.Name, quoted(names))
	}
	if i := match(names, name); i >= 0 {
		return i, nil
	}
	return -1, Errorf(CodeInvalid, "there is no column %q in table %q; it has %s", brief(name), t.Name, quoted(names))
}

// parseNames reads a list of columns, or a single one. Repeats count once.
func (t *Table) parseNames(v any) ([]int, *Error) {
	var positions []int
	for _, item := range asList(v) {
		i, err := t.findColumn(item)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(positions, i) {
			positions = append(positions, i)
		}
	}
	return positions, nil
}

// asList takes a single value for a list of one, and null for none.
func asList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
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

func (q *Query) parseSort(v any) *Error {
	names := q.resultNames()
	for _, item := range asList(v) {
		key, err := parseSortKey(item, names)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(q.Sort, func(k SortKey) bool { return k.Column == key.Column }) {
			q.Sort = append(q.Sort, key) // a repeat could not change the order
		}
	}
	return nil
}

// parseSortKey reads "name", "-name" or {"column":"name","direction":"desc"}.
func parseSortKey(v any, names []string) (SortKey, *Error) {
	var key SortKey
	name, ok := v.(string)
	if ok {
		key.Column = match(names, name)
		if rest, minus := strings.CutPrefix(name, "-"); minus && key.Column < 0 {
			key = SortKey{Column: match(names, rest), Desc: true}
		}
	} else {
		o, isObject := v.(object)
		if !isObject {
			return key, Errorf(CodeInvalid, `a sort key is {"column":"name","direction":"asc"} or "name" or "-name", not %s`, kindOf(v))
		}
		for _, m := range o {
			text, isText := m.value.(string)
			switch {
			case m.name == "column" && isText:
				name, ok = text, true
			case m.name == "direction" && isText && strings.EqualFold(text, "asc"):
				key.Desc = false
			case m.name == "direction" && isText && strings.EqualFold(text, "desc"):
				key.Desc = true
			case m.name == "column":
				return key, Errorf(CodeInvalid, "a sort key's column must be a name, not %s", kindOf(m.value))
			case m.name == "direction":
				return key, Errorf(CodeInvalid, `a sort direction is "asc" or "desc", not %s`, kindOf(m.value))
			default:
				return key, Errorf(CodeInvalid, `a sort key has "column" and "direction", not %q`, brief(m.name))
			}
		}
		if !ok {
			return key, Errorf(CodeInvalid, "a sort key needs a column")
		}
		key.Column = match(names, name)
	}
	if key.Column < 0 {
		return key, Errorf(CodeInvalid, "there is no column %q to sort by; there are %s", brief(name), quoted(names))
	}
	return key, nil
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
