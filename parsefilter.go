package deja

import (
	"slices"
	"strings"
)

// comparisons are the operators that compare a column.
var comparisons = []Op{OpEq, OpNe, OpGt, OpGte, OpLt, OpLte, OpIn, OpNotIn, OpContains, OpStartsWith, OpEndsWith}

// operatorList is comparisons, for messages.
func operatorList() string {
	names := make([]string, len(comparisons))
	for i, op := range comparisons {
		names[i] = "$" + string(op)
	}
	return list(names)
}

// parseFilter reads the filter. Null and {} match every row.
func (q *Query) parseFilter(v any) *Error {
	if v == nil {
		return nil
	}
	o, ok := v.(object)
	if !ok {
		return Errorf(CodeInvalid, `the filter must be an object such as {"name":{"$eq":"x"}}, not %s`, kindOf(v))
	}
	if len(o) == 0 {
		return nil
	}
	p := filterParser{table: &q.Table}
	c, err := p.object(o)
	if err != nil {
		return err
	}
	q.Where = &c
	return nil
}

// filterParser reads a filter on a table. What it reads is bounded by the
// limits of the JSON text; Validate has the say on how much a filter may hold.
type filterParser struct {
	table *Table
}

// object reads an object of columns and combinations, all of which must hold.
func (p *filterParser) object(o object) (Condition, *Error) {
	if len(o) == 0 {
		return Condition{}, Errorf(CodeInvalid, "a condition must not be empty")
	}
	return p.all(len(o), func(i int) (Condition, *Error) {
		return p.member(o[i])
	})
}

// all reads n conditions that must all hold. A single one stands for itself,
// which keeps filters as flat as they were written.
func (p *filterParser) all(n int, read func(i int) (Condition, *Error)) (Condition, *Error) {
	if n == 1 {
		return read(0)
	}
	return p.combination(OpAnd, n, read)
}

func (p *filterParser) combination(op Op, n int, read func(i int) (Condition, *Error)) (Condition, *Error) {
	c := Condition{Op: op}
	for i := range n {
		child, err := read(i)
		if err != nil {
			return Condition{}, err
		}
		c.Children = append(c.Children, child)
	}
	return c, nil
}

// member reads one member of a filter object: a combination, or a column with
// what is asked of it. A column named "and" is reached by its exact name.
func (p *filterParser) member(m member) (Condition, *Error) {
	op, dollar := strings.CutPrefix(m.name, "$")
	if dollar || p.table.Column(m.name) < 0 {
		switch Op(op) {
		case OpAnd, OpOr:
			return p.combine(Op(op), m.value)
		case OpNot:
			o, ok := m.value.(object)
			if !ok {
				return Condition{}, Errorf(CodeInvalid, "$not takes one condition as an object, not %s", kindOf(m.value))
			}
			return p.combination(OpNot, 1, func(int) (Condition, *Error) { return p.object(o) })
		}
	}
	if dollar && p.table.Column(m.name) < 0 {
		if slices.Contains(comparisons, Op(op)) {
			return Condition{}, Errorf(CodeInvalid, `%q belongs inside a column, as in {"name":{%q:...}}`, m.name, m.name)
		}
		return Condition{}, Errorf(CodeInvalid, "there is no operator %q here; there are $and, $or and $not, and inside a column %s", brief(m.name), operatorList())
	}
	column, err := p.table.findColumn(m.name)
	if err != nil {
		return Condition{}, err
	}
	o, ok := m.value.(object)
	if !ok {
		return p.comparison(column, OpEq, m.value)
	}
	return p.column(column, o)
}

// combine reads the list of $and or $or.
func (p *filterParser) combine(op Op, v any) (Condition, *Error) {
	items, ok := v.([]any)
	if !ok || len(items) == 0 {
		return Condition{}, Errorf(CodeInvalid, "$%s takes a list of at least one condition, not %s", op, kindOf(v))
	}
	return p.combination(op, len(items), func(i int) (Condition, *Error) {
		o, ok := items[i].(object)
		if !ok {
			return Condition{}, Errorf(CodeInvalid, "$%s takes conditions as objects, not %s", op, kindOf(items[i]))
		}
		return p.object(o)
	})
}

// column reads the operators of one column, all of which must hold.
func (p *filterParser) column(column int, o object) (Condition, *Error) {
	if len(o) == 0 {
		return Condition{}, Errorf(CodeInvalid, "the condition on %q is empty; inside a column there are %s", p.table.Columns[column].Name, operatorList())
	}
	return p.all(len(o), func(i int) (Condition, *Error) {
		op := Op(strings.TrimPrefix(o[i].name, "$"))
		if op == OpNot {
			inner, ok := o[i].value.(object)
			if !ok {
				return Condition{}, Errorf(CodeInvalid, "$not inside a column takes an object of operators, not %s", kindOf(o[i].value))
			}
			return p.combination(OpNot, 1, func(int) (Condition, *Error) { return p.column(column, inner) })
		}
		return p.comparison(column, op, o[i].value)
	})
}

// comparison reads what one operator compares a column with.
func (p *filterParser) comparison(column int, op Op, v any) (Condition, *Error) {
	col := &p.table.Columns[column]
	if !slices.Contains(comparisons, op) {
		return Condition{}, Errorf(CodeInvalid, "there is no operator %q; inside a column there are %s", brief(string(op)), operatorList())
	}
	if err := operatorFits(op, col); err != nil {
		return Condition{}, err
	}
	c := Condition{Op: op, Column: column}
	if op != OpIn && op != OpNotIn {
		return p.compare(c, col, v)
	}
	items, ok := v.([]any)
	if !ok {
		return Condition{}, Errorf(CodeInvalid, "$%s takes a list of values, not %s", op, kindOf(v))
	}
	if len(items) > MaxListValues {
		return Condition{}, Errorf(CodeInvalid, "a list has more than %d values", MaxListValues)
	}
	c.Values = make([]any, len(items))
	for i, item := range items {
		value, err := col.parseValue(item)
		if err != nil {
			return Condition{}, err
		}
		c.Values[i] = value
	}
	return c, nil
}
