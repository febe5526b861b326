package localmodel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// query is a call of query_data. Equal queries have equal JSON, by which their
// results are found again.
type query struct {
	Table      string   `json:"table"`
	Filter     any      `json:"filter,omitempty"`
	Columns    []string `json:"columns,omitempty"`
	Sort       []order  `json:"sort,omitempty"`
	Limit      int      `json:"limit,omitempty"`
	GroupBy    []string `json:"group_by,omitempty"`
	Aggregates []figure `json:"aggregates,omitempty"`
}

// filter is a condition on columns: column, operator, value.
type filter map[string]map[string]any

type order struct {
	Column    string `json:"column"`
	Direction string `json:"direction"`
}

type figure struct {
	Function string `json:"function"`
	Column   string `json:"column,omitempty"`
	As       string `json:"as"`
}

func (q query) arguments() string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(q); err != nil {
		panic(err) // there is nothing in a query that JSON cannot write
	}
	return strings.TrimSpace(b.String())
}

// where gives the filter of a reading's conditions, nil when there are none.
func (r *reading) where(more ...condition) any {
	var all []filter
	for _, c := range append(r.conditions[:len(r.conditions):len(r.conditions)], more...) {
		name := r.t.columns[c.column].name
		switch {
		case c.op == "$contains":
			all = append(all, filter{name: {"$contains": c.part}})
		case c.none:
			all = append(all, filter{name: {"$in": []any{0, nil}}})
		case c.op == "$nin":
			all = append(all, filter{name: {c.op: c.values}})
		case len(c.values) == 1:
			all = append(all, filter{name: {"$eq": c.values[0]}})
		case len(c.values) > 1:
			all = append(all, filter{name: {"$in": c.values}})
		default:
			all = append(all, filter{name: {c.op: c.value}})
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return map[string][]filter{"$and": all}
}

// result is what came back.
type result struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
	Total   int64    `json:"total"`
	Error   string   `json:"error"`
}

func readResult(output string) result {
	d := json.NewDecoder(strings.NewReader(output))
	d.UseNumber()
	var r result
	if err := d.Decode(&r); err != nil {
		return result{Error: "the result cannot be read"}
	}
	for _, row := range r.Rows {
		if len(row) != len(r.Columns) {
			return result{Error: "the result cannot be read"}
		}
	}
	return r
}

// texts gives the texts of the first column.
func (r result) texts() []string {
	var out []string
	for _, row := range r.Rows {
		if len(row) > 0 {
			if s, ok := row[0].(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

// at gives the value of a column in a row, nil when there is none.
func (r result) at(row int, column string) any {
	for i, name := range r.Columns {
		if name == column && row < len(r.Rows) {
			return r.Rows[row][i]
		}
	}
	return nil
}

// count reads a whole number.
func count(v any) int64 {
	n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
