package storetest

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dejahq/deja"
)

// answer gives what a query must find in rows: the contract of deja.Query once
// more, written for clearness only.
func answer(q deja.Query, rows []deja.Row) *deja.QueryResult {
	var found []deja.Row
	for _, r := range rows {
		if q.Where == nil || matches(*q.Where, r) {
			found = append(found, r)
		}
	}
	res := &deja.QueryResult{}
	if len(q.GroupBy) > 0 || len(q.Aggregates) > 0 {
		for _, c := range q.GroupBy {
			res.Columns = append(res.Columns, q.Table.Columns[c].Name)
		}
		for _, a := range q.Aggregates {
			res.Columns = append(res.Columns, a.As)
		}
		found = grouped(q, found)
		sortRows(found, q.Sort)
	} else {
		found = slices.Clone(found)
		sortRows(found, q.Sort)
		columns := q.Columns
		if len(columns) == 0 {
			for i := range q.Table.Columns {
				columns = append(columns, i)
			}
		}
		for _, c := range columns {
			res.Columns = append(res.Columns, q.Table.Columns[c].Name)
		}
		for i, r := range found {
			var row deja.Row
			for _, c := range columns {
				row = append(row, r[c])
			}
			found[i] = row
		}
	}
	res.Total = int64(len(found))
	found = found[min(q.Offset, len(found)):]
	res.Rows = found[:min(q.Limit, len(found))]
	return res
}

func matches(c deja.Condition, r deja.Row) bool {
	switch c.Op {
	case deja.OpAnd:
		return !slices.ContainsFunc(c.Children, func(c deja.Condition) bool { return !matches(c, r) })
	case deja.OpOr:
		return slices.ContainsFunc(c.Children, func(c deja.Condition) bool { return matches(c, r) })
	case deja.OpNot:
		return !matches(c.Children[0], r)
	case deja.OpIn:
		return slices.Contains(c.Values, r[c.Column])
	case deja.OpNotIn:
		return !slices.Contains(c.Values, r[c.Column])
	case deja.OpEq:
		return r[c.Column] == c.Value
	case deja.OpNe:
		return r[c.Column] != c.Value
	}
	v := r[c.Column]
	if v == nil || c.Value == nil {
		return false
	}
	switch c.Op {
	case deja.OpGt:
		return compare(v, c.Value) > 0
	case deja.OpGte:
		return compare(v, c.Value) >= 0
	case deja.OpLt:
		return compare(v, c.Value) < 0
	case deja.OpLte:
		return compare(v, c.Value) <= 0
	}
	text, part := []rune(v.(string)), c.Value.(string)
	// Simple folding maps a letter to a letter, so lengths in letters agree.
	n := utf8.RuneCountInString(part)
	for i := 0; i+n <= len(text); i++ {
		if c.Op == deja.OpStartsWith && i > 0 || c.Op == deja.OpEndsWith && i+n < len(text) {
			continue
		}
		if strings.EqualFold(string(text[i:i+n]), part) {
			return true
		}
	}
	return false
}

// compare orders two values of one column, null first.
func compare(a, b any) int {
	if a == nil || b == nil {
		switch {
		case a == b:
			return 0
		case a == nil:
			return -1
		}
		return 1
	}
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	case bool:
		switch {
		case a == b.(bool):
			return 0
		case a:
			return 1
		}
		return -1
	}
	panic("a value that no column has")
}

func sortRows(rows []deja.Row, keys []deja.SortKey) {
	slices.SortStableFunc(rows, func(a, b deja.Row) int {
		for _, k := range keys {
			d := compare(a[k.Column], b[k.Column])
			if k.Desc {
				d = -d
			}
			if d != 0 {
				return d
			}
		}
		return 0
	})
}

// grouped gives the groups of rows with their figures, in order of the groups.
func grouped(q deja.Query, rows []deja.Row) []deja.Row {
	var groups []deja.Row
	var members [][]deja.Row
	if len(q.GroupBy) == 0 {
		groups, members = []deja.Row{{}}, [][]deja.Row{rows}
	} else {
		for _, r := range rows {
			var key deja.Row
			for _, c := range q.GroupBy {
				key = append(key, r[c])
			}
			i := slices.IndexFunc(groups, func(g deja.Row) bool { return slices.Equal(g, key) })
			if i < 0 {
				i = len(groups)
				groups, members = append(groups, key), append(members, nil)
			}
			members[i] = append(members[i], r)
		}
	}
	for i := range groups {
		for _, a := range q.Aggregates {
			groups[i] = append(groups[i], figure(q.Table, a, members[i]))
		}
	}
	keys := make([]deja.SortKey, len(q.GroupBy))
	for i := range keys {
		keys[i].Column = i
	}
	sortRows(groups, keys)
	return groups
}

func figure(t deja.Table, a deja.Aggregate, rows []deja.Row) any {
	if a.Column < 0 {
		return int64(len(rows))
	}
	var values []any
	for _, r := range rows {
		if v := r[a.Column]; v != nil {
			values = append(values, v)
		}
	}
	switch a.Func {
	case "count":
		return int64(len(values))
	case "min", "max":
		if len(values) == 0 {
			return nil
		}
		if a.Func == "min" {
			return slices.MinFunc(values, compare)
		}
		return slices.MaxFunc(values, compare)
	}
	var integers int64
	var floats float64
	for _, v := range values {
		switch v := v.(type) {
		case int64:
			integers += v
			floats += float64(v)
		case float64:
			floats += v
		}
	}
	switch {
	case a.Func == "avg" && len(values) == 0:
		return nil
	case a.Func == "avg":
		return floats / float64(len(values))
	case t.Columns[a.Column].Type == deja.TypeNumber:
		return floats
	}
	return integers
}
