package localmodel

import (
	"cmp"
	"slices"
	"strings"
)

// hit is a column in which a phrase was found.
type hit struct {
	condition
	exact bool // the question says the values as they are
}

// match finds those of a column's values that the phrase names. A value that
// the question has in full is better than one of which the phrase is a part.
func (r *reading) match(k int, p phrase, values []string, more bool) *hit {
	var exact, partial hit
	for _, v := range values {
		all := elements(v)
		found := false
		for _, ws := range all {
			from, ok := r.occurrence(ws, p)
			if !ok {
				continue
			}
			found = true
			if n := len(ws); n > exact.to-exact.from {
				exact = hit{condition{column: k, op: "$in", from: from, to: from + n}, true}
			}
			if len(ws) == exact.to-exact.from && !slices.Contains(exact.values, v) {
				exact.values = append(exact.values, v)
			}
		}
		if !found && r.partOf(all[0], p) {
			partial.values = append(partial.values, v)
		}
	}
	if more && exact.values != nil && len(exact.values[0]) != len(r.said(exact.from, exact.to)) {
		exact.values = nil // lists, and there are more of them
	}
	if exact.values != nil {
		if slices.ContainsFunc(exact.values, func(v string) bool { return len(elements(v)) > 1 }) {
			exact.part = r.said(exact.from, exact.to)
		}
		return &exact
	}
	if partial.values == nil {
		return nil
	}
	partial.condition.column, partial.op, partial.from, partial.to = k, "$in", p.from, p.to
	partial.part = r.said(p.from, p.to)
	if more {
		partial.op, partial.values = "$contains", nil
	}
	return &partial
}

// occurrence finds a value's words in the question, around the phrase.
func (r *reading) occurrence(value []word, p phrase) (int, bool) {
	n := len(value)
	for from := max(0, p.to-n); from <= p.from && from+n <= len(r.words); from++ {
		same := true
		for k := range value {
			same = same && value[k].stem == r.words[from+k].stem
		}
		if same && n > 0 {
			return from, true
		}
	}
	return 0, false
}

// partOf reports whether the phrase's words are among the value's, in order.
func (r *reading) partOf(value []word, p phrase) bool {
	n := p.to - p.from
	for from := 0; from+n <= len(value); from++ {
		same := true
		for k := range n {
			same = same && value[from+k].stem == r.words[p.from+k].stem
		}
		if same {
			return true
		}
	}
	return false
}

// choose decides between columns: exact values before parts of values, then
// the column that is named before them, then the one that names rows.
func (r *reading) choose(hits []hit) *condition {
	if slices.ContainsFunc(hits, func(h hit) bool { return h.exact }) {
		hits = slices.DeleteFunc(hits, func(h hit) bool { return !h.exact })
	}
	if len(hits) > 1 {
		named := func(h hit) bool {
			before := h.from
			if before > 0 && r.words[before-1].fold == "by" {
				before--
			}
			m, after := r.mentionEnding(before), r.mentionAt(h.to)
			owner := strings.HasSuffix(r.words[h.to-1].text, "s") && r.words[h.to-1].fold != strings.ToLower(r.words[h.to-1].text)
			return m != nil && m.column == h.column || after != nil && after.column == h.column && !owner
		}
		way := func(h hit) bool { // from here to there
			if h.from == 0 {
				return false
			}
			ways := map[string][]string{"from": sources, "to": targets}[r.words[h.from-1].fold]
			return r.t.columns[h.column].isAny(ways)
		}
		label := func(h hit) bool { return h.column == r.t.label }
		for _, better := range []func(hit) bool{named, way, label} {
			if i := slices.IndexFunc(hits, better); i >= 0 {
				return &hits[i].condition
			}
		}
		names := make([]string, len(hits))
		for i, h := range hits {
			names[i] = r.t.columns[h.column].plain()
		}
		r.fail("“" + r.said(hits[0].from, hits[0].to) + "” is found under " + enumerate(names, "and") + "; please say which you mean.")
	}
	return &hits[0].condition
}

// accept adds what was found. Words that turn out to be part of a value were
// not the name of a column after all.
func (r *reading) accept(c condition) {
	r.take(c.from, c.to)
	r.mentions = slices.DeleteFunc(r.mentions, func(m mention) bool { return m.from >= c.from && m.to <= c.to })
	if r.extreme != nil && r.extreme.at >= c.from && r.extreme.at < c.to {
		r.extreme = nil
	}
	r.conditions = append(r.conditions, c)
}

// mergeValues joins several values of one column, "poetry or history", into
// one condition, and takes columns that are named with a value of theirs as
// understood.
func (r *reading) mergeValues() {
	slices.SortStableFunc(r.conditions, func(a, b condition) int { return cmp.Compare(a.from, b.from) })
	var merged []condition
	for _, c := range r.conditions {
		if len(c.values) > 0 {
			r.useMentionsOf(c.column)
			i := slices.IndexFunc(merged, func(m condition) bool { return m.column == c.column && m.op == "$in" && len(m.values) > 0 })
			if i >= 0 && c.op == "$in" && r.joined(merged[i].to, c.from, r.t.columns[c.column].lists()) {
				merged[i].join(c)
				continue
			}
		}
		merged = append(merged, c)
	}
	r.conditions = merged
	r.checkOr()
}

// join makes a condition hold for what another holds for as well.
func (c *condition) join(other condition) {
	for _, v := range other.values {
		if !slices.Contains(c.values, v) {
			c.values = append(c.values, v)
		}
	}
	if c.part != "" && other.part != "" {
		c.part += "” or “" + other.part
	}
	c.to = other.to
}

// joined reports whether "or", "and" or a comma stands between two values, so
// that either will do. Where rows have lists, "and" asks for both.
func (r *reading) joined(from, to int, lists bool) bool {
	for i := from; i < to; i++ {
		if f := r.words[i].fold; f == "or" || f == "and" {
			return f == "or" || !lists
		}
	}
	return !lists && to < len(r.words) && r.words[to].broken
}

// checkOr refuses an "or" that does not stand between values of one column.
func (r *reading) checkOr() {
	for i := range r.words {
		if r.words[i].fold != "or" || r.use[i] == read || r.words[i].quoted > 0 {
			continue
		}
		inside := slices.ContainsFunc(r.conditions, func(c condition) bool { return len(c.values) > 1 && c.from < i && i < c.to })
		if !inside {
			r.fail("I do not understand “or” between different things.")
		}
	}
}
