package sqlite

import (
	"strings"

	"github.com/dejahq/deja"
)

// Bounds of a filter, far above those of deja.Query.Validate. SQLite has its own, and
// the time that it takes to compile a filter, during which no context is
// watched, rises with the square of the conditions.
const (
	maxDepth      = 200
	maxConditions = 1200
	maxValues     = 20_000
)

// statement is SQL under construction: text of this package with the names of
// row tables, and values apart from it.
type statement struct {
	text       strings.Builder
	args       []any
	table      *deja.Table
	conditions int
}

func (q *statement) write(parts ...string) {
	for _, p := range parts {
		q.text.WriteString(p)
	}
}

// value adds a parameter.
func (q *statement) value(v any) error {
	if len(q.args) == maxValues {
		return invalid("The filter has more than %d values.", maxValues)
	}
	q.write("?")
	q.args = append(q.args, v)
	return nil
}

// column gives a column of the table with its SQL name.
func (q *statement) column(i int) (deja.Column, string, error) {
	if i < 0 || i >= len(q.table.Columns) {
		return deja.Column{}, "", invalid("The table '%s' has no column %d.", q.table.Name, i)
	}
	c := q.table.Columns[i]
	name, err := fieldName(c)
	return c, name, err
}

// condition writes a condition whose value is 0 or 1, never null, so that NOT
// inverts it.
func (q *statement) condition(c deja.Condition, depth int) error {
	if depth > maxDepth {
		return invalid("The filter is nested more than %d deep.", maxDepth)
	}
	if q.conditions++; q.conditions > maxConditions {
		return invalid("The filter has more than %d conditions.", maxConditions)
	}
	switch c.Op {
	case deja.OpAnd:
		return q.joined(c.Children, " AND ", "1", depth)
	case deja.OpOr:
		return q.joined(c.Children, " OR ", "0", depth)
	case deja.OpNot:
		if len(c.Children) != 1 {
			return invalid("'not' has %d conditions, and needs one.", len(c.Children))
		}
		q.write("NOT (")
		if err := q.condition(c.Children[0], depth+1); err != nil {
			return err
		}
		q.write(")")
		return nil
	}
	return q.comparison(c)
}

// joined writes conditions as a balanced tree: SQLite bounds the depth of an
// expression, and a chain of a thousand ORs is a thousand deep.
func (q *statement) joined(cs []deja.Condition, operator, ofNone string, depth int) error {
	switch len(cs) {
	case 0:
		q.write(ofNone)
		return nil
	case 1:
		return q.condition(cs[0], depth+1)
	}
	q.write("(")
	if err := q.joined(cs[:len(cs)/2], operator, ofNone, depth); err != nil {
		return err
	}
	q.write(operator)
	if err := q.joined(cs[len(cs)/2:], operator, ofNone, depth); err != nil {
		return err
	}
	q.write(")")
	return nil
}

func (q *statement) comparison(c deja.Condition) error {
	column, name, err := q.column(c.Column)
	if err != nil {
		return err
	}
	if !column.Type.Holds(c.Value) {
		return invalid("Column '%s' is of type %s and cannot be compared with a %T.", column.Name, column.Type, c.Value)
	}
	switch c.Op {
	case deja.OpEq:
		q.write(name, " IS ")
		return q.value(c.Value)
	case deja.OpNe:
		q.write(name, " IS NOT ") // a null is not something else
		return q.value(c.Value)
	case deja.OpIn, deja.OpNotIn:
		return q.list(c, column, name)
	}
	if c.Value == nil {
		q.write("0")
		return nil
	}
	if relation, is := relations[c.Op]; is {
		q.write("(", name, " IS NOT NULL AND ", name, relation)
		defer q.write(")")
		return q.value(c.Value)
	}
	function, is := textFunctions[c.Op]
	if !is {
		return invalid("There is no operator '%s'.", string(c.Op))
	}
	text, is := c.Value.(string)
	if !is {
		return invalid("'%s' is for text, and column '%s' is of type %s.", string(c.Op), column.Name, column.Type)
	}
	q.write(function, "(", name, ", ")
	defer q.write(")")
	return q.value(deja.AppendFold([]byte{}, text))
}

var relations = map[deja.Op]string{deja.OpGt: " > ", deja.OpGte: " >= ", deja.OpLt: " < ", deja.OpLte: " <= "}

var textFunctions = map[deja.Op]string{deja.OpContains: containsFolded, deja.OpStartsWith: startsFolded, deja.OpEndsWith: endsFolded}

// list writes OpIn and OpNotIn.
func (q *statement) list(c deja.Condition, column deja.Column, name string) error {
	null := false
	if c.Op == deja.OpNotIn {
		q.write("NOT ")
	}
	q.write("(", name, " IS NOT NULL AND ", name, " IN (")
	separator := ""
	for _, v := range c.Values {
		if !column.Type.Holds(v) {
			return invalid("Column '%s' is of type %s and cannot be compared with a %T.", column.Name, column.Type, v)
		}
		if v == nil {
			null = true
			continue
		}
		q.write(separator)
		separator = ", "
		if err := q.value(v); err != nil {
			return err
		}
	}
	q.write(")")
	if null {
		q.write(" OR ", name, " IS NULL")
	}
	q.write(")")
	return nil
}
