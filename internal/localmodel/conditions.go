package localmodel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// conditionText says what the rows have in common, to follow the name of the
// rows: " marked “in stock” with genre Poetry and price below 10".
func (r *reading) conditionText() string {
	var clauses, with []string
	for i := 0; i < len(r.conditions); i++ {
		c := r.conditions[i]
		k := &r.t.columns[c.column]
		var text string
		switch next := i + 1; {
		case c.flag && c.op == "$eq" && k.kind != deja.TypeInteger && k.kind != deja.TypeNumber:
			clauses = append(clauses, map[bool]string{true: "not marked “", false: "marked “"}[c.no]+k.plain()+"”")
			continue
		case c.none:
			with = append(with, "no "+k.plain())
			continue
		case next < len(r.conditions) && isRange(c, r.conditions[next]):
			text = fmt.Sprintf("%s from %s to %s", k.asVerb(), k.say(c.value), k.say(r.conditions[next].value))
			i = next
		default:
			text = r.condition(c)
		}
		if k.asVerb() != k.plain() {
			clauses = append(clauses, text)
		} else {
			with = append(with, text)
		}
	}
	if len(with) > 0 {
		clauses = append(clauses, "with "+enumerate(with, "and"))
	}
	if len(clauses) == 0 {
		return ""
	}
	return " " + strings.Join(clauses, ", ")
}

func isRange(low, high condition) bool {
	return low.column == high.column && low.op == "$gte" && high.op == "$lte" && low.from == high.from
}

func (r *reading) condition(c condition) string {
	k := &r.t.columns[c.column]
	name := k.asVerb()
	switch {
	case c.part != "":
		return fmt.Sprintf("“%s” in the %s", c.part, name)
	case c.op == "$nin":
		return name + " other than " + enumerate(c.values, "or")
	case len(c.values) > 0:
		return name + " " + enumerate(c.values, "or")
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
	return k.plain() + " " + v
}

// asVerb gives opened for a column that is called opened on.
func (c *column) asVerb() string {
	name := c.plain()
	if n := len(c.words); n == 2 && slices.Contains([]string{"on", "at", "in"}, c.words[1].fold) && strings.HasSuffix(c.words[0].fold, "ed") && c.ordered() {
		return c.words[0].fold
	}
	return name
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
