package localmodel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// thereAre says how many there are of something.
func thereAre(n int64, of string) string {
	switch n {
	case 0:
		return "there are no " + of
	case 1:
		return "there is 1 " + of
	}
	return fmt.Sprintf("there are %d %s", n, of)
}

// label says the name of a row, or its number where names are not enough.
func (r *reading) label(res result, row int) string {
	c := &r.t.columns[r.t.label]
	text := c.say(res.at(row, c.name))
	if k := r.t.numbered(); k >= 0 {
		return r.noun(1) + " " + r.t.columns[k].say(res.at(row, r.t.columns[k].name)) + " (" + text + ")"
	}
	if !c.text() {
		return c.plain() + " " + text
	}
	return text
}

// details says columns of a row: "price 8.00, year 2019".
func (r *reading) details(res result, row int, ks []int) string {
	var parts []string
	seen := map[int]bool{r.t.label: true, r.t.numbered(): true}
	for _, k := range ks {
		if c := &r.t.columns[k]; !seen[k] {
			parts = append(parts, c.plain()+" "+c.say(res.at(row, c.name)))
		}
		seen[k] = true
	}
	return strings.Join(parts, ", ")
}

// sayRow answers with one row.
func (r *reading) sayRow(res result, selects []int) string {
	name := r.label(res, 0)
	if len(selects) == 0 {
		all := r.details(res, 0, r.known(res))
		if r.namesRow() {
			return upper(name + ": " + all + ".")
		}
		if all != "" {
			name += " (" + all + ")"
		}
		return upper(thereAre(1, r.noun(1)+r.conditionText()) + ": " + name + ".")
	}
	if len(selects) > 1 {
		return upper(name + ": " + r.details(res, 0, selects) + ".")
	}
	c := &r.t.columns[selects[0]]
	v := res.at(0, c.name)
	switch {
	case v == nil:
		return fmt.Sprintf("The %s of %s is not recorded.", c.plain(), name)
	case r.isYes(c, v):
		return fmt.Sprintf("Yes: %s is marked “%s”.", name, c.plain())
	case r.isNo(c, v):
		return fmt.Sprintf("No: %s is not marked “%s”.", name, c.plain())
	case c.happens():
		return upper(fmt.Sprintf("%s %s at %s.", name, c.plain(), c.say(v)))
	case c.asVerb() != c.plain():
		return upper(fmt.Sprintf("%s: %s %s.", name, c.plain(), c.say(v)))
	case c.counts() && c.isPlural():
		return upper(fmt.Sprintf("%s: %s %s.", name, c.say(v), c.plain()))
	}
	return fmt.Sprintf("The %s of %s is %s.", c.plain(), name, c.say(v))
}

// isPlural reports whether the column's name is of many things: minutes.
func (c *column) isPlural() bool {
	if len(c.words) == 0 {
		return false
	}
	last := c.words[len(c.words)-1].fold
	return strings.HasSuffix(last, "s") && !hasAny(last, "ss", "us", "is")
}

func (r *reading) isYes(c *column, v any) bool {
	yes, _, ok := c.flag()
	return ok && v == yes
}

func (r *reading) isNo(c *column, v any) bool {
	_, no, ok := c.flag()
	return ok && v == no
}

// happens reports whether the column's name says what happens at its times:
// opens, closes.
func (c *column) happens() bool {
	return c.kind == deja.TypeTime && len(c.words) == 1 && strings.HasSuffix(c.words[0].fold, "s")
}

// known gives all columns of which the row has a value.
func (r *reading) known(res result) []int {
	var ks []int
	for k := range r.t.columns {
		if res.at(0, r.t.columns[k].name) != nil {
			ks = append(ks, k)
		}
	}
	return ks
}

// sayRows answers with a list.
func (r *reading) sayRows(res result, selects []int) string {
	var b strings.Builder
	n := int64(len(res.Rows))
	if onlyNames := !slices.ContainsFunc(r.conditions, func(c condition) bool { return c.column != r.t.label || c.op != "$in" || c.part != "" }); onlyNames && len(r.conditions) > 0 {
		fmt.Fprintf(&b, "I found %d %s", res.Total, r.noun(res.Total))
	} else {
		b.WriteString(upper(thereAre(res.Total, r.noun(res.Total)+r.conditionText())))
	}
	switch {
	case n < res.Total && n == 1:
		b.WriteString("; this is the first:")
	case n < res.Total:
		fmt.Fprintf(&b, "; these are the first %d:", n)
	default:
		b.WriteString(":")
	}
	for i := range res.Rows {
		b.WriteString("\n- " + r.label(res, i))
		if d := r.details(res, i, append(selects[:len(selects):len(selects)], r.compared()...)); d != "" {
			b.WriteString(": " + d)
		}
	}
	return b.String()
}

// sayDifferent lists the values of a column.
func (r *reading) sayDifferent(column int, res result) string {
	c := &r.t.columns[column]
	if res.Total == 0 {
		return "No " + c.plain() + " is recorded" + r.amongText() + "."
	}
	var values []string
	for i := range res.Rows {
		values = append(values, c.say(res.at(i, c.name)))
	}
	what := plural(c.plain())
	if res.Total == 1 {
		what = c.plain()
	}
	said := upper(thereAre(res.Total, "different "+what+r.amongText()))
	if int64(len(values)) < res.Total {
		return said + fmt.Sprintf("; the %d most frequent are ", len(values)) + enumerate(values, "and") + "."
	}
	return said + ": " + enumerate(values, "and") + "."
}

var figureNames = map[string]string{"avg": "average", "sum": "total"}

func (r *reading) sayFigure(res result) string {
	c := &r.t.columns[r.figure]
	n, rows := count(res.at(0, "n")), count(res.at(0, "rows"))
	of := fmt.Sprintf("the %d %s", rows, r.noun(rows))
	if rows == 1 {
		of = "the only " + r.noun(1)
	}
	of += r.conditionText()
	recorded := ""
	if n < rows {
		recorded = fmt.Sprintf(" (it is recorded for %d of them)", n)
	}
	v := res.at(0, "figure")
	switch {
	case rows == 0:
		return fmt.Sprintf("There is no %s %s: %s.", figureNames[r.aggregate], c.plain(), thereAre(0, r.noun(2)+r.conditionText()))
	case n == 0 || v == nil:
		return fmt.Sprintf("No %s is recorded for %s.", c.plain(), of)
	}
	is := "is"
	if c.isPlural() {
		is = "are"
	}
	return fmt.Sprintf("The %s %s of %s %s %s%s.", figureNames[r.aggregate], c.plain(), of, is, c.sayFigure(v, r.aggregate), recorded)
}

func (r *reading) sayGroups(function string, column int, res result) string {
	g := &r.t.columns[r.group]
	var b strings.Builder
	switch function {
	case "count":
		fmt.Fprintf(&b, "The number of %s%s for each %s", r.noun(2), r.conditionText(), g.plain())
	default:
		fmt.Fprintf(&b, "The %s %s of the %s%s for each %s", figureNames[function], r.t.columns[column].plain(), r.noun(2), r.conditionText(), g.plain())
	}
	if n := int64(len(res.Rows)); n < res.Total {
		fmt.Fprintf(&b, ", the first %d of %d", n, res.Total)
	}
	b.WriteString(":")
	for i := range res.Rows {
		fmt.Fprintf(&b, "\n- %s: %s", g.say(res.at(i, g.name)), r.sayGroupFigure(res.at(i, "figure")))
	}
	if len(res.Rows) == 0 {
		return "I found no " + r.noun(2) + r.conditionText() + "."
	}
	return b.String()
}

func (r *reading) sayGroupFigure(v any) string {
	if r.aggregate == "" {
		return fmt.Sprint(v)
	}
	return r.t.columns[r.figure].sayFigure(v, r.aggregate)
}

func (r *reading) sayExtremeGroup(res result) string {
	g := &r.t.columns[r.group]
	if len(res.Rows) == 0 {
		return "I found no " + r.noun(2) + r.conditionText() + "."
	}
	most := "most"
	if !r.extreme.desc {
		most = "fewest"
	}
	what := most + " " + r.noun(2)
	if r.aggregate != "" {
		most = "highest "
		if !r.extreme.desc {
			most = "lowest "
		}
		what = most + figureNames[r.aggregate] + " " + r.t.columns[r.figure].plain()
	}
	return r.sayFirst(res, g.plain(), "the "+what, "figure",
		func(i int) string { return g.say(res.at(i, g.name)) },
		func(i int) string { return r.sayGroupFigure(res.at(i, "figure")) })
}

func (r *reading) sayExtremes(res result, selects []int) string {
	c := &r.t.columns[r.extreme.column]
	if len(res.Rows) == 0 {
		return "I found no " + r.noun(2) + r.conditionText() + " whose " + c.plain() + " is recorded."
	}
	most := c.either("latest", "highest")
	if !r.extreme.desc {
		most = c.either("earliest", "lowest")
	}
	name := c.plain()
	if c.counts() && c.isPlural() {
		most = map[bool]string{true: "most", false: "fewest"}[r.extreme.desc]
	}
	if c.asVerb() != name {
		name = "“" + name + "”"
	}
	return r.sayFirst(res, r.noun(1), "the "+most+" "+name, c.name,
		func(i int) string { return r.label(res, i) },
		func(i int) string { return r.details(res, i, append([]int{r.extreme.column}, selects...)) })
}

// sayFirst says which rows are first in an order, and tells when others are
// their equals.
func (r *reading) sayFirst(res result, noun, by, column string, name, detail func(int) string) string {
	first := fmt.Sprint(res.at(0, column))
	equal := 1
	for equal < len(res.Rows) && fmt.Sprint(res.at(equal, column)) == first {
		equal++
	}
	of, with := "", ""
	if len(r.conditions) > 0 {
		of = "Of the " + r.noun(2) + r.conditionText() + ", "
	}
	n := r.wanted()
	if n == 1 {
		switch {
		case equal == 1:
			with = fmt.Sprintf("the %s with %s is %s (%s).", noun, by, name(0), detail(0))
		case equal > ties && int64(equal) < res.Total:
			with = fmt.Sprintf("more than %d share %s (%s); the first is %s.", ties, by, detail(0), name(0))
		default:
			names := make([]string, equal)
			for i := range names {
				names[i] = name(i)
			}
			with = fmt.Sprintf("%d share %s (%s): %s.", equal, by, detail(0), enumerate(names, "and"))
		}
		return upper(of + with)
	}
	n = min(n, len(res.Rows))
	var b strings.Builder
	b.WriteString(upper(fmt.Sprintf("%sthese %d have %s:", of, n, by)))
	for i := range n {
		fmt.Fprintf(&b, "\n%d. %s: %s", i+1, name(i), detail(i))
	}
	if n < len(res.Rows) && fmt.Sprint(res.at(n, column)) == fmt.Sprint(res.at(n-1, column)) {
		b.WriteString("\nOthers are equal to the last of these.")
	}
	return b.String()
}

// enumerate writes a list in a sentence.
func enumerate(items []string, and string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	last := len(items) - 1
	return strings.Join(items[:last], ", ") + " " + and + " " + items[last]
}

// upper makes the first letter of a sentence a capital.
func upper(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}
