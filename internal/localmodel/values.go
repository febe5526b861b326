package localmodel

import (
	"cmp"
	"slices"
	"strings"
)

// readKnownValues finds values that the schema lists as examples.
func (r *reading) readKnownValues() {
	type example struct {
		column int
		value  string
		words  []word
	}
	var all []example
	for k := range r.t.columns {
		for _, v := range r.t.columns[k].values {
			if ws := split(v); len(ws) > 0 {
				all = append(all, example{k, v, ws})
			}
		}
	}
	// Longer values first: Old Town Hall before Old Town.
	slices.SortStableFunc(all, func(a, b example) int { return cmp.Compare(len(b.words), len(a.words)) })
	for i := range r.words {
		for _, e := range all {
			n := len(e.words)
			if !r.sameWords(i, e.words) || n == 1 && !r.standsForValue(i) {
				continue
			}
			found := condition{column: e.column, op: "$in", known: true, from: i, to: i + n}
			for _, same := range all {
				if same.column == e.column && len(same.words) == n && r.sameWords(i, same.words) {
					found.values = append(found.values, same.value)
				}
			}
			if others := slices.ContainsFunc(all, func(o example) bool {
				return o.column != e.column && len(o.words) == n && r.sameWords(i, o.words)
			}); others {
				break // which column is meant comes out when the rows are searched
			}
			r.take(i, i+n)
			r.conditions = append(r.conditions, found)
			break
		}
	}
}

// sameWords reports whether the words of a value stand at i.
func (r *reading) sameWords(i int, value []word) bool {
	if !r.free(i, i+len(value)) {
		return false
	}
	for k := range value {
		if r.words[i+k].stem != value[k].stem || k > 0 && r.words[i+k].quoted != r.words[i].quoted {
			return false
		}
	}
	return true
}

// standsForValue reports whether a single word may be a value although it is
// only one: it is quoted, or nothing else.
func (r *reading) standsForValue(i int) bool {
	if r.words[i].quoted > 0 {
		return true
	}
	if r.isFiller(i) || negations[r.words[i].fold] || readLiteral(r.words[i:]).words > 0 {
		return false
	}
	return r.columnAt(i) == nil && !slices.Contains(stems(r.t.words), r.words[i].stem)
}

const (
	maxProbed = 12  // text columns that are searched for a phrase
	maxValues = 200 // different values of one column that are looked at
)

// search looks for the phrases of a reading in the rows. It reports false
// while it waits for results. What it finds becomes conditions; what it does
// not find stays in phrases.
func (s *session) search(r *reading) bool {
	ready := true
	var rest []phrase
	for _, group := range r.groups() {
		found, ok := s.searchGroup(r, group)
		ready = ready && ok
		if !found {
			rest = append(rest, group...)
		}
	}
	if ready {
		r.phrases = rest
		r.mergeValues()
	}
	return ready
}

// groups puts phrases together that only fillers part: Lord [of the] Rings.
func (r *reading) groups() [][]phrase {
	const most = 8 // words
	var groups [][]phrase
	for _, p := range r.phrases {
		if len(groups) > 0 {
			last := groups[len(groups)-1]
			end := last[len(last)-1].to
			if p.to-last[0].from <= most && r.onlyFillers(end, p.from) {
				groups[len(groups)-1] = append(last, p)
				continue
			}
		}
		groups = append(groups, []phrase{p})
	}
	return groups
}

func (r *reading) onlyFillers(from, to int) bool {
	for i := from; i < to; i++ {
		if r.use[i] == read || r.words[i].quoted > 0 || r.words[i].broken {
			return false
		}
	}
	return !r.words[to].broken && r.words[to].quoted == 0 && r.words[from-1].quoted == 0
}

// searchGroup looks for a group as a whole, and for each phrase of it.
func (s *session) searchGroup(r *reading, group []phrase) (found, ready bool) {
	whole := phrase{group[0].from, group[len(group)-1].to}
	hit, ready := s.searchPhrase(r, whole)
	if len(group) == 1 {
		if ready && hit != nil {
			r.accept(*hit)
		}
		return hit != nil, ready
	}
	var hits []condition
	for _, p := range group {
		h, ok := s.searchPhrase(r, p)
		ready = ready && ok
		if h != nil {
			hits = append(hits, *h)
		}
	}
	switch {
	case !ready:
		return false, false
	case hit != nil:
		r.accept(*hit)
		return true, true
	case len(hits) == len(group):
		for _, h := range hits {
			r.accept(h)
		}
		return true, true
	}
	return false, true
}

// hit is a column in which a phrase was found.
type hit struct {
	condition
	exact bool // the question says the values as they are
}

// searchPhrase searches the text columns of the table.
func (s *session) searchPhrase(r *reading, p phrase) (*condition, bool) {
	var hits []hit
	ready, probed := true, 0
	for k := range r.t.columns {
		c := &r.t.columns[k]
		if !c.text() || probed >= maxProbed {
			continue
		}
		var values []string
		total := int64(len(c.values))
		if c.complete {
			values = c.values
		} else {
			probed++
			res, ok := s.ask(query{
				Table: r.t.name, Filter: filter{c.name: {"$contains": r.needle(p)}}, GroupBy: []string{c.name}, Limit: maxValues,
			})
			if !ok {
				ready = false
				continue
			}
			values, total = res.texts(), res.Total
		}
		if h := r.match(k, p, values, total > int64(len(values))); h != nil {
			hits = append(hits, *h)
		}
	}
	if !ready || len(hits) == 0 {
		return nil, ready
	}
	return r.choose(hits), true
}

// needle is what to search for: the phrase as it was written, without what may
// be the ending of a plural.
func (r *reading) needle(p phrase) string {
	text := r.said(p.from, p.to)
	if last := r.words[p.to-1]; last.quoted == 0 {
		text = strings.TrimSuffix(text, "'s")
		text = strings.TrimSuffix(text, "’s")
		if cut := common(last.fold, singular(last.fold)); cut >= 3 {
			text = text[:len(text)-len(last.fold)+cut]
		}
	}
	return text
}

// common gives the length of the beginning that two texts share.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// match finds those of a column's values that the phrase names. A value that
// the question has in full is better than one of which the phrase is a part.
func (r *reading) match(k int, p phrase, values []string, more bool) *hit {
	var exact, partial hit
	for _, v := range values {
		ws := split(v)
		if from, ok := r.occurrence(ws, p); ok {
			if n := len(ws); n > exact.to-exact.from {
				exact = hit{condition{column: k, op: "$in", from: from, to: from + n}, true}
			}
			if len(ws) == exact.to-exact.from {
				exact.values = append(exact.values, v)
			}
			continue
		}
		if r.partOf(ws, p) {
			partial.values = append(partial.values, v)
		}
	}
	if exact.values != nil {
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
			m := r.mentionEnding(h.from)
			return m != nil && m.column == h.column || r.mentionAt(h.to) != nil && r.mentionAt(h.to).column == h.column
		}
		label := func(h hit) bool { return h.column == r.t.label }
		for _, better := range []func(hit) bool{named, label} {
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
			if i >= 0 && r.joined(merged[i].to, c.from) {
				merged[i].values = append(merged[i].values, c.values...)
				merged[i].to = c.to
				continue
			}
		}
		merged = append(merged, c)
	}
	r.conditions = merged
	r.checkOr()
}

// joined reports whether "and", "or" or a comma stands between two values.
func (r *reading) joined(from, to int) bool {
	for i := from; i < to; i++ {
		if f := r.words[i].fold; f == "or" || f == "and" {
			return true
		}
	}
	return from < to && r.words[to].broken || from == to && to < len(r.words) && r.words[to].broken
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
