package localmodel

import (
	"slices"
)

const (
	shown = 20 // rows that an answer lists
	ties  = 10 // rows that are looked at for ties with the first
)

// selects gives the columns that the question asks for, besides the one that
// names the rows.
func (r *reading) selects() []int {
	var out []int
	for _, m := range r.mentions {
		if !m.used && m.column != r.t.label && !slices.Contains(out, m.column) {
			out = append(out, m.column)
		}
	}
	return out
}

// asksForLabel reports whether the column that names the rows is asked for.
func (r *reading) asksForLabel() bool {
	return slices.ContainsFunc(r.mentions, func(m mention) bool { return !m.used && m.column == r.t.label })
}

// answer chooses the kind of look-up. It gives "" when rows must be read first.
func (s *session) answer(r *reading) string {
	selects := r.selects()
	switch x := r.extreme; {
	case x != nil && (x.many || r.aggregate != ""):
		return s.extremeGroup(r)
	case r.counting && (x != nil || r.aggregate != "") || x != nil && r.aggregate != "":
		return s.refuse("I answer one question at a time.")
	case r.counting:
		return s.count(r, selects)
	case r.aggregate != "":
		if len(selects) > 0 {
			return s.refuse("I cannot tell what to do with “" + r.t.columns[selects[0]].plain() + "” in an average or a sum.")
		}
		return s.figures(r)
	case x != nil:
		return s.extremes(r, selects)
	case (r.existing || r.asking && len(selects) == 0) && (r.named || len(r.conditions) > 0):
		return s.whether(r)
	case len(selects) == 1 && r.subject(selects[0]) && !r.namesRow():
		return s.different(r, selects[0])
	case len(r.conditions) > 0:
		return s.rows(r, selects)
	case len(selects) == 1 && !r.t.columns[selects[0]].ordered():
		return s.different(r, selects[0])
	case r.named || r.asksForLabel():
		return s.rows(r, selects)
	case len(selects) > 0:
		return s.refuse("Please say of which " + r.noun(1) + " you want to know the " + r.t.columns[selects[0]].plain() + ".")
	}
	return s.refuse("I do not see what you want to know.")
}

// subject reports whether a text column is what the question is about: which
// publishers have poetry books.
func (r *reading) subject(column int) bool {
	return r.t.columns[column].text() && slices.ContainsFunc(r.mentions, func(m mention) bool {
		return m.column == column && m.from > 0 && m.from <= 2 && slices.Contains([]string{"which", "what"}, r.words[m.from-1].fold)
	})
}

// count answers "how many": rows, different values, or what a column of
// numbers adds up to.
func (s *session) count(r *reading, selects []int) string {
	if r.group >= 0 {
		if len(selects) > 0 {
			return s.refuse("I cannot tell what to do with “" + r.t.columns[selects[0]].plain() + "”.")
		}
		return s.groups(r, "count", -1)
	}
	counted := r.mentionAt(r.skipFillers(r.countedAt))
	if counted == nil && !r.named && r.namesRow() {
		// How many claw hammers: not how many rows say so.
		if k, _ := r.t.find(stock, (*column).counts); k >= 0 {
			return s.amount(r, k)
		}
	}
	if counted != nil && len(selects) <= 1 {
		if r.t.columns[counted.column].counts() {
			return s.amount(r, counted.column)
		}
		if counted.column != r.t.label || !r.t.unique(counted.column) {
			return s.countDifferent(r, counted.column)
		}
	}
	if len(selects) > 0 {
		return s.refuse("I cannot tell what to do with “" + r.t.columns[selects[0]].plain() + "” in a count.")
	}
	if r.distinct && !r.t.unique(r.t.label) {
		return s.countDifferent(r, r.t.label)
	}
	if !r.named && counted == nil && len(r.conditions) == 0 {
		return s.refuse("I cannot tell what to count.")
	}
	res, ok := s.ask(query{Table: r.t.name, Filter: r.where(), Aggregates: []figure{{Function: "count", As: "n"}}})
	if !ok {
		return ""
	}
	n := count(res.at(0, "n"))
	return upper(thereAre(n, r.noun(n)+r.conditionText()) + ".")
}

// amount answers "how many electric bikes": of one row, or of all together.
func (s *session) amount(r *reading, column int) string {
	if len(r.conditions) > 0 {
		res, ok := s.ask(r.rowQuery([]int{column}))
		if !ok || res.Total <= 1 {
			return s.rows(r, []int{column})
		}
	}
	r.aggregate, r.figure = "sum", column
	return s.figures(r)
}

// countDifferent counts the different values of a column.
func (s *session) countDifferent(r *reading, column int) string {
	c := &r.t.columns[column]
	q := r.differentQuery(column)
	res, ok := s.ask(q)
	if !ok {
		return ""
	}
	what := plural(c.plain())
	if res.Total == 1 {
		what = c.plain()
	}
	return upper(thereAre(res.Total, "different "+what+r.amongText()) + ".")
}

func (r *reading) differentQuery(column int) query {
	name := r.t.columns[column].name
	return query{
		Table: r.t.name, Filter: r.where(condition{column: column, op: "$ne"}), GroupBy: []string{name},
		Aggregates: []figure{{Function: "count", As: "n"}}, Sort: []order{{"n", "desc"}, {name, "asc"}}, Limit: shown,
	}
}

// different lists the values of a column.
func (s *session) different(r *reading, column int) string {
	res, ok := s.ask(r.differentQuery(column))
	if !ok {
		return ""
	}
	return r.sayDifferent(column, res)
}

// figures answers questions for an average or a sum, of all rows or per group.
func (s *session) figures(r *reading) string {
	if r.group >= 0 {
		return s.groups(r, r.aggregate, r.figure)
	}
	name := r.t.columns[r.figure].name
	res, ok := s.ask(query{Table: r.t.name, Filter: r.where(), Aggregates: []figure{
		{Function: r.aggregate, Column: name, As: "figure"}, {Function: "count", Column: name, As: "n"}, {Function: "count", As: "rows"},
	}})
	if !ok {
		return ""
	}
	return r.sayFigure(res)
}

// groups answers "how many per genre" and "the average price by genre".
func (s *session) groups(r *reading, function string, column int) string {
	f := figure{Function: function, As: "figure"}
	if column >= 0 {
		f.Column = r.t.columns[column].name
	}
	group := r.t.columns[r.group].name
	res, ok := s.ask(query{
		Table: r.t.name, Filter: r.where(), GroupBy: []string{group}, Aggregates: []figure{f},
		Sort: []order{{"figure", "desc"}, {group, "asc"}}, Limit: shown,
	})
	if !ok {
		return ""
	}
	return r.sayGroups(function, column, res)
}

// extremeGroup answers "which genre has the most books" and "which genre has
// the highest average price".
func (s *session) extremeGroup(r *reading) string {
	group := r.group
	for _, m := range r.mentions {
		if group < 0 && !m.used && !r.t.columns[m.column].counts() {
			group = m.column
		}
	}
	if group < 0 || r.counting {
		return s.refuse("I cannot tell what to compare.")
	}
	r.group = group
	r.useMentionsOf(group)
	if len(r.selects()) > 0 {
		return s.refuse("I answer one question at a time.")
	}
	f := figure{Function: "count", As: "figure"}
	if r.aggregate != "" {
		f.Function, f.Column = r.aggregate, r.t.columns[r.figure].name
	}
	name := r.t.columns[group].name
	res, ok := s.ask(query{
		Table: r.t.name, Filter: r.where(condition{column: group, op: "$ne"}), GroupBy: []string{name}, Aggregates: []figure{f},
		Sort: []order{{"figure", direction(r.extreme.desc)}, {name, "asc"}}, Limit: r.wanted() + ties,
	})
	if !ok {
		return ""
	}
	return r.sayExtremeGroup(res)
}

// extremes answers "which is the cheapest" and "the 5 largest".
func (s *session) extremes(r *reading, selects []int) string {
	x := r.extreme
	res, ok := s.ask(query{
		Table: r.t.name, Filter: r.where(condition{column: x.column, op: "$ne"}), Columns: r.columns(append([]int{x.column}, selects...)),
		Sort: []order{{r.t.columns[x.column].name, direction(x.desc)}}, Limit: r.wanted() + ties,
	})
	if !ok {
		return ""
	}
	return r.sayExtremes(res, selects)
}

func direction(desc bool) string {
	if desc {
		return "desc"
	}
	return "asc"
}

// wanted gives the number of rows that an extreme asks for.
func (r *reading) wanted() int { return max(r.limit, 1) }

// whether answers questions for yes or no.
func (s *session) whether(r *reading) string {
	res, ok := s.ask(query{Table: r.t.name, Filter: r.where(), Aggregates: []figure{{Function: "count", As: "n"}}})
	if !ok {
		return ""
	}
	n := count(res.at(0, "n"))
	said := thereAre(n, r.noun(n)+r.conditionText())
	if n == 0 {
		return "No, " + said + "."
	}
	return "Yes, " + said + "."
}

// rows answers with rows: one as a sentence, several as a list.
func (s *session) rows(r *reading, selects []int) string {
	res, ok := s.ask(r.rowQuery(selects))
	if !ok {
		return ""
	}
	switch {
	case res.Total == 0:
		return "I found no " + r.noun(2) + r.conditionText() + "."
	case res.Total == 1 && len(res.Rows) == 1:
		return r.sayRow(res, selects)
	}
	return r.sayRows(res, selects)
}

// rowQuery reads the columns that are asked for; all, where the question names
// a row and nothing else.
func (r *reading) rowQuery(selects []int) query {
	q := query{Table: r.t.name, Filter: r.where(), Limit: shown}
	if r.limit > 0 {
		q.Limit = r.limit
	}
	if r.sort != nil {
		q.Sort = []order{*r.sort}
	}
	if len(selects) > 0 || !r.namesRow() {
		q.Columns = r.columns(append(slices.Clone(selects), r.compared()...))
	}
	return q
}

// namesRow reports whether the question says which row it means.
func (r *reading) namesRow() bool {
	return slices.ContainsFunc(r.conditions, func(c condition) bool {
		if len(c.values) == 1 && c.op == "$in" {
			return c.column == r.t.label || r.t.unique(c.column) && r.t.columns[c.column].distinct > 0
		}
		return c.op == "$eq" && r.t.columns[c.column].identifies()
	})
}

// compared gives the columns of comparisons, which a list shows as well.
func (r *reading) compared() []int {
	var out []int
	for _, c := range r.conditions {
		if r.t.columns[c.column].ordered() && c.op != "$eq" && !slices.Contains(out, c.column) {
			out = append(out, c.column)
		}
	}
	return out
}

// columns gives the names of columns, the one that names the rows first.
func (r *reading) columns(ks []int) []string {
	names := []string{r.t.columns[r.t.label].name}
	if k := r.t.numbered(); k >= 0 {
		names = append(names, r.t.columns[k].name)
	}
	for _, k := range ks {
		if name := r.t.columns[k].name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
