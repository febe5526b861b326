package deja

import "slices"

// Limits of a query. They bound what a store is asked to do, whoever asks.
const (
	DefaultQueryLimit = 50      // rows, when the query does not say
	MaxQueryLimit     = 500     // rows at most
	MaxQueryOffset    = 1 << 30 // rows that can be skipped
	MaxFilterDepth    = 8       // levels of conditions within conditions
	MaxConditions     = 100     // conditions of a filter, combinations included
	MaxListValues     = 500     // values of OpIn and OpNotIn
	MaxTextValue      = 4 << 10 // bytes of a text to compare with
	MaxSortKeys       = 8
	MaxGroupColumns   = 8
	MaxAggregates     = 20
	MaxResultName     = 64 // bytes of Aggregate.As
)

// aggregateFuncs are the functions that Aggregate.Func may name.
var aggregateFuncs = []string{"count", "sum", "avg", "min", "max"}

// Validate checks everything that a store may rely on: positions, operators,
// the forms of values, and the limits above. What ParseQuery gives is valid.
// The error's code is CodeInvalid.
func (q *Query) Validate() error {
	if len(q.Table.Columns) == 0 {
		return Errorf(CodeInvalid, "the table %q has no columns", q.Table.Name)
	}
	if q.Limit < 1 || q.Limit > MaxQueryLimit {
		return Errorf(CodeInvalid, "the limit must be from 1 to %d", MaxQueryLimit).WithParam("limit")
	}
	if q.Offset < 0 || q.Offset > MaxQueryOffset {
		return Errorf(CodeInvalid, "the offset must be from 0 to %d", MaxQueryOffset).WithParam("offset")
	}
	if q.Where != nil {
		left := MaxConditions
		if err := q.Where.validate(&q.Table, 1, &left); err != nil {
			return err.WithParam("filter")
		}
	}
	if !distinctPositions(q.Columns, len(q.Table.Columns)) {
		return Errorf(CodeInvalid, "the columns are not distinct columns of the table").WithParam("columns")
	}
	return q.validateGrouping()
}

func (q *Query) validateGrouping() error {
	width := len(q.Table.Columns)
	if len(q.GroupBy) > MaxGroupColumns || !distinctPositions(q.GroupBy, width) {
		return Errorf(CodeInvalid, "grouping takes at most %d distinct columns of the table", MaxGroupColumns).WithParam("group_by")
	}
	if len(q.Aggregates) > MaxAggregates {
		return Errorf(CodeInvalid, "there are more than %d aggregates", MaxAggregates).WithParam("aggregates")
	}
	names := q.figureNames()
	for i := range q.Aggregates {
		a := &q.Aggregates[i]
		if err := a.validate(&q.Table); err != nil {
			return err.WithParam("aggregates")
		}
		if slices.Contains(names[:len(q.GroupBy)+i], a.As) {
			return Errorf(CodeInvalid, "two columns of the result have the name %q", a.As).WithParam("aggregates")
		}
	}
	if q.grouped() {
		width = len(names)
	}
	sorted := make([]int, len(q.Sort))
	for i, k := range q.Sort {
		sorted[i] = k.Column
	}
	if len(sorted) > MaxSortKeys || !distinctPositions(sorted, width) {
		return Errorf(CodeInvalid, "sorting takes at most %d distinct columns of the result", MaxSortKeys).WithParam("sort")
	}
	return nil
}

func distinctPositions(positions []int, width int) bool {
	for i, p := range positions {
		if p < 0 || p >= width || slices.Contains(positions[:i], p) {
			return false
		}
	}
	return true
}

func (a *Aggregate) validate(t *Table) *Error {
	if !slices.Contains(aggregateFuncs, a.Func) {
		return Errorf(CodeInvalid, "%q is not an aggregate function; there are %s", brief(a.Func), list(aggregateFuncs))
	}
	if !validResultName(a.As) {
		return Errorf(CodeInvalid, "%q cannot be the name of a result column: use letters, digits, '_', '-' and spaces, at most %d bytes", brief(a.As), MaxResultName)
	}
	if a.Column == -1 && a.Func == "count" {
		return nil
	}
	if a.Column < 0 || a.Column >= len(t.Columns) {
		return Errorf(CodeInvalid, "%s needs a column of the table", a.Func)
	}
	c := &t.Columns[a.Column]
	switch {
	case (a.Func == "sum" || a.Func == "avg") && !c.Type.Numeric():
		return Errorf(CodeInvalid, "%s needs a column of numbers, but %q is of type %s", a.Func, c.Name, c.Type)
	case (a.Func == "min" || a.Func == "max") && c.Type == TypeBoolean:
		return Errorf(CodeInvalid, "%s does not apply to %q, which is of type boolean", a.Func, c.Name)
	}
	return nil
}

// validate checks a condition at a depth, taking what it uses from left.
func (c *Condition) validate(t *Table, depth int, left *int) *Error {
	if depth > MaxFilterDepth {
		return Errorf(CodeInvalid, "conditions are nested more than %d levels deep", MaxFilterDepth)
	}
	if *left--; *left < 0 {
		return Errorf(CodeInvalid, "there are more than %d conditions", MaxConditions)
	}
	switch c.Op {
	case OpAnd, OpOr, OpNot:
		if c.Op == OpNot && len(c.Children) != 1 {
			return Errorf(CodeInvalid, "not takes one condition")
		}
		for i := range c.Children {
			if err := c.Children[i].validate(t, depth+1, left); err != nil {
				return err
			}
		}
		return nil
	}
	if c.Column < 0 || c.Column >= len(t.Columns) {
		return Errorf(CodeInvalid, "a condition names no column of the table")
	}
	return c.validateComparison(&t.Columns[c.Column])
}

func (c *Condition) validateComparison(col *Column) *Error {
	if !slices.Contains(comparisons, c.Op) {
		return Errorf(CodeInvalid, "%q is not an operator; there are %s", brief(string(c.Op)), operatorList())
	}
	if err := operatorFits(c.Op, col); err != nil {
		return err
	}
	values := c.Values
	if c.Op != OpIn && c.Op != OpNotIn {
		values = []any{c.Value}
	}
	if len(values) > MaxListValues {
		return Errorf(CodeInvalid, "a list has more than %d values", MaxListValues)
	}
	for _, v := range values {
		if !col.Type.Holds(v) {
			return Errorf(CodeInvalid, "a value for %q is not of type %s", col.Name, col.Type)
		}
		if v == nil && !nullable(c.Op) {
			return Errorf(CodeInvalid, "%s cannot compare with null; only eq, ne, in and nin can", c.Op)
		}
		if s, ok := v.(string); ok && len(s) > MaxTextValue {
			return Errorf(CodeInvalid, "a text to compare with is longer than %d bytes", MaxTextValue)
		}
	}
	return nil
}

// operatorFits says whether an operator means something for a column.
func operatorFits(op Op, col *Column) *Error {
	switch op {
	case OpContains, OpStartsWith, OpEndsWith:
		if !col.Type.Textual() {
			return Errorf(CodeInvalid, "%s needs text, but %q is of type %s", op, col.Name, col.Type)
		}
	case OpGt, OpGte, OpLt, OpLte:
		if col.Type == TypeBoolean {
			return Errorf(CodeInvalid, "%s needs an order, but %q is of type boolean: use eq", op, col.Name)
		}
	}
	return nil
}

// nullable reports whether an operator can compare with null.
func nullable(op Op) bool {
	return op == OpEq || op == OpNe || op == OpIn || op == OpNotIn
}
