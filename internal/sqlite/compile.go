package sqlite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// compiled is a query as SQL: one statement for the page, one that counts.
type compiled struct {
	page, total         string
	pageArgs, totalArgs []any

	out    []output
	order  []string // of the page, complete: no two rows are equal in it
	extras []string // columns that the order alone needs
}

// compile makes the SQL of a query. Nothing of the query's texts is in it but
// the names of the table and its columns, which are checked and quoted.
//
// The page is a materialized subquery, so that all of its work is done before
// the first row comes out: the driver watches a context only until then. It is
// sorted once more on the way out, which SQL asks for and which costs next to
// nothing.
func compile(q *deja.Query) (*compiled, error) {
	st := &statement{table: &q.Table}
	if q.Where != nil {
		st.write(" WHERE ")
		if err := st.condition(*q.Where, 0); err != nil {
			return nil, err
		}
	}
	c := &compiled{}
	grouped := len(q.GroupBy) > 0 || len(q.Aggregates) > 0
	plan := c.planRows
	if grouped {
		plan = c.planGroups
	}
	if err := plan(q, st); err != nil {
		return nil, err
	}

	table, _ := tableName(rowsPrefix, q.Table.ID)
	source := " FROM " + table + st.text.String()
	inner, outer := make([]string, len(c.out)), make([]string, len(c.out))
	for i, o := range c.out {
		outer[i] = fmt.Sprintf("c%d", i)
		inner[i] = o.sql + " AS " + outer[i]
	}
	groups, groupColumns := "", inner[:len(q.GroupBy)]
	if len(q.GroupBy) > 0 {
		groups = " GROUP BY " + strings.Join(outer[:len(q.GroupBy)], ", ")
	}
	order := " ORDER BY " + strings.Join(c.order, ", ")
	c.page = "WITH page AS MATERIALIZED (SELECT " + strings.Join(append(slices.Clone(inner), c.extras...), ", ") + source + groups + order +
		" LIMIT ? OFFSET ?) SELECT " + strings.Join(outer, ", ") + " FROM page" + order
	c.pageArgs = append(slices.Clone(st.args), max(q.Limit, 0), max(q.Offset, 0))

	c.totalArgs = st.args
	switch {
	case groups != "":
		c.total = "SELECT count(*) FROM (SELECT " + strings.Join(groupColumns, ", ") + source + groups + ")"
	case grouped:
		c.total, c.totalArgs = "SELECT 1", nil
	case q.Where == nil:
		c.total = "SELECT coalesce(max(n), 0)" + source // rows are numbered from 1, without gaps
	default:
		c.total = "SELECT count(*)" + source
	}
	return c, nil
}

func direction(desc bool) string {
	if desc {
		return " DESC"
	}
	return " ASC"
}

// planRows is for queries that give rows of the table.
func (c *compiled) planRows(q *deja.Query, st *statement) error {
	columns := q.Columns
	if len(columns) == 0 {
		for i := range q.Table.Columns {
			columns = append(columns, i)
		}
	}
	for _, i := range columns {
		column, name, err := st.column(i)
		if err != nil {
			return err
		}
		c.out = append(c.out, output{name: column.Name, sql: name, form: column.Type})
	}
	for i, k := range q.Sort {
		_, name, err := st.column(k.Column)
		if err != nil {
			return err
		}
		alias := fmt.Sprintf("k%d", i)
		c.extras = append(c.extras, name+" AS "+alias)
		c.order = append(c.order, alias+direction(k.Desc))
	}
	c.extras = append(c.extras, "n")
	c.order = append(c.order, "n") // the order of the file
	return nil
}

// planGroups is for queries that give groups of rows, or figures over all.
func (c *compiled) planGroups(q *deja.Query, st *statement) error {
	for _, i := range q.GroupBy {
		column, name, err := st.column(i)
		if err != nil {
			return err
		}
		c.out = append(c.out, output{name: column.Name, sql: name, form: column.Type})
	}
	for _, a := range q.Aggregates {
		o, err := aggregate(a, st)
		if err != nil {
			return err
		}
		c.out = append(c.out, o)
	}
	for _, k := range q.Sort {
		if k.Column < 0 || k.Column >= len(c.out) {
			return invalid("The result has no column %d to sort by.", k.Column)
		}
		c.order = append(c.order, fmt.Sprintf("c%d%s", k.Column, direction(k.Desc)))
	}
	// Equal ones are in order of the group; one row without groups is in any.
	for i := range max(1, len(q.GroupBy)) {
		c.order = append(c.order, fmt.Sprintf("c%d", i))
	}
	return nil
}

func aggregate(a deja.Aggregate, st *statement) (output, error) {
	if a.Column < 0 {
		if a.Func != "count" {
			return output{}, invalid("'%s' needs a column.", a.Func)
		}
		return output{name: a.As, sql: "count(*)", form: deja.TypeInteger}, nil
	}
	column, name, err := st.column(a.Column)
	if err != nil {
		return output{}, err
	}
	o := output{name: a.As, sql: a.Func + "(" + name + ")", form: column.Type}
	switch a.Func {
	case "min", "max":
	case "count":
		o.form = deja.TypeInteger
	case "sum", "avg":
		if !column.Type.Numeric() {
			return output{}, invalid("'%s' is for numbers, and column '%s' is of type %s.", a.Func, column.Name, column.Type)
		}
		switch {
		case a.Func == "avg":
			o.form = deja.TypeNumber
		case column.Type == deja.TypeNumber: // the sum of no values is 0, not null
			o.sql = "coalesce(" + o.sql + ", 0.0)"
		default:
			o.sql = "coalesce(" + o.sql + ", 0)"
		}
	default:
		return output{}, invalid("There is no aggregate '%s'.", a.Func)
	}
	return o, nil
}
