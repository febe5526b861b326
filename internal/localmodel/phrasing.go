package localmodel

import (
	"fmt"
	"strings"
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

// conditionText says what the rows have in common: " with genre Poetry and
// price below 10".
func (r *reading) conditionText() string {
	var parts []string
	for i := 0; i < len(r.conditions); i++ {
		c := r.conditions[i]
		if next := i + 1; next < len(r.conditions) && isRange(c, r.conditions[next]) {
			k := &r.t.columns[c.column]
			parts = append(parts, fmt.Sprintf("%s from %s to %s", k.plain(), k.say(c.value), k.say(r.conditions[next].value)))
			i = next
			continue
		}
		parts = append(parts, r.condition(c))
	}
	if len(parts) == 0 {
		return ""
	}
	return " with " + enumerate(parts, "and")
}

func isRange(low, high condition) bool {
	return low.column == high.column && low.op == "$gte" && high.op == "$lte" && low.from == high.from
}

func (r *reading) condition(c condition) string {
	k := &r.t.columns[c.column]
	name := k.plain()
	switch {
	case c.part != "":
		return fmt.Sprintf("“%s” in the %s", c.part, name)
	case len(c.values) > 0:
		return name + " " + enumerate(c.values, "or")
	case c.value == true:
		return name + " marked yes"
	case c.value == false:
		return name + " marked no"
	}
	v := k.say(c.value)
	switch c.op {
	case "$gt":
		return name + k.either(" after ", " above ") + v
	case "$lt":
		return name + k.either(" before ", " below ") + v
	case "$gte":
		return name + k.either(" from ", " of at least ") + v + k.either(" on", "")
	case "$lte":
		return name + k.either(" until ", " of at most ") + v
	}
	return name + " " + v
}

// either gives the first text for columns of points in time, the second for
// others.
func (c *column) either(time, other string) string {
	if c.counts() || c.identifies() {
		return other
	}
	return time
}

// amongText says of which rows a figure is, where they are not all.
func (r *reading) amongText() string {
	if len(r.conditions) == 0 {
		return ""
	}
	return " among the " + r.noun(2) + r.conditionText()
}

// label says the name of a row.
func (r *reading) label(res result, row int) string {
	c := &r.t.columns[r.t.label]
	text := c.say(res.at(row, c.name))
	if !c.text() {
		return c.plain() + " " + text
	}
	return text
}

// details says columns of a row: "price 8.00, year 2019".
func (r *reading) details(res result, row int, ks []int) string {
	var parts []string
	seen := map[int]bool{r.t.label: true}
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
		if all := r.details(res, 0, r.known(res)); all != "" {
			return upper(name + ": " + all + ".")
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
	case v == true:
		return fmt.Sprintf("Yes: %s is marked yes under %s.", name, c.plain())
	case v == false:
		return fmt.Sprintf("No: %s is marked no under %s.", name, c.plain())
	case c.verb():
		return upper(fmt.Sprintf("%s %s %s.", name, c.plain(), c.moment(v)))
	case r.counting:
		return fmt.Sprintf("%s: %s %s.", upper(name), c.say(v), c.plain())
	}
	return fmt.Sprintf("The %s of %s is %s.", c.plain(), name, c.say(v))
}

// verb reports whether the column's name says what happens: opens, closes,
// opened on.
func (c *column) verb() bool {
	if c.counts() || len(c.words) == 0 {
		return false
	}
	first := c.words[0].fold
	return c.ordered() && (first == "opens" || first == "closes" || first == "starts" || first == "ends" || first == "begins" || first == "arrives" || first == "departs")
}

func (c *column) moment(v any) string { return "at " + c.say(v) }

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
	b.WriteString(upper(thereAre(res.Total, r.noun(res.Total)+r.conditionText())))
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
	n := count(res.at(0, "n"))
	of := fmt.Sprintf("the %d %s", n, r.noun(n))
	if n == 1 {
		of = "the only " + r.noun(1)
	}
	of += r.conditionText()
	v := res.at(0, "figure")
	if n == 0 || v == nil {
		return fmt.Sprintf("There is no %s %s: %s.", figureNames[r.aggregate], c.plain(), thereAre(0, r.noun(2)+r.conditionText()))
	}
	return fmt.Sprintf("The %s %s of %s is %s.", figureNames[r.aggregate], c.plain(), of, c.sayFigure(v, r.aggregate))
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
	return r.sayFirst(res, g.plain(), "the "+what+r.conditionText(), "figure",
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
	return r.sayFirst(res, r.noun(1)+r.conditionText(), "the "+most+" "+c.plain(), c.name,
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
	n := r.wanted()
	if n == 1 {
		switch {
		case equal == 1:
			return fmt.Sprintf("The %s with %s is %s (%s).", noun, by, name(0), detail(0))
		case equal > ties && int64(equal) < res.Total:
			return fmt.Sprintf("More than %d share %s (%s); the first is %s.", ties, by, detail(0), name(0))
		}
		names := make([]string, equal)
		for i := range names {
			names[i] = name(i)
		}
		return fmt.Sprintf("%d share %s (%s): %s.", equal, by, detail(0), enumerate(names, "and"))
	}
	n = min(n, len(res.Rows))
	var b strings.Builder
	fmt.Fprintf(&b, "The first %d by %s:", n, strings.TrimPrefix(by, "the "))
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
