package localmodel

import (
	"cmp"
	"slices"
)

// reply answers the question, or adds to pending what it must know first.
func (s *session) reply() string {
	words := split(s.question)
	if len(words) == 0 {
		return "There is no question that I could answer."
	}
	if text := s.smallTalk(words); text != "" {
		return text
	}
	if len(s.tables) == 0 {
		return s.standIn()
	}
	if len(words) > maxWords {
		return s.refuse("Your question is too long for me.")
	}
	if failed := s.failed(); failed != "" {
		return "I could not read the data: " + failed
	}
	r := s.choose(words)
	if r == nil || len(s.pending) > 0 {
		return ""
	}
	if r.problem != "" {
		return s.refuse(r.problem)
	}
	if len(r.phrases) > 0 {
		return s.notFound(r)
	}
	if r.missing != "" {
		return s.refuse(r.missing)
	}
	return s.answer(r)
}

// maxWords bounds a question: longer ones are no simple look-ups.
const maxWords = 60

// maxCandidates bounds the tables that are searched for a value.
const maxCandidates = 3

// choose reads the question against every table, searches the rows of those
// that understand most of it, and gives the best reading; nil while it waits.
func (s *session) choose(words []word) *reading {
	var all []*reading
	for i := range s.tables {
		all = append(all, understand(&s.tables[i], s.question, words, len(s.tables) == 1))
	}
	slices.SortStableFunc(all, func(a, b *reading) int { return cmp.Compare(a.cost(), b.cost()) })
	// What is known to be a value in one table may be one in another, whose
	// examples happen to be others.
	values := make([]bool, len(words))
	for _, r := range all {
		for _, c := range r.conditions {
			for i := c.from; i < c.to && len(c.values) > 0; i++ {
				values[i] = true
			}
		}
	}
	least := len(words)
	for _, r := range all {
		least = min(least, r.unknownBut(values))
	}
	candidates := all[:0:0]
	for _, r := range all {
		if r.unknownBut(values) == least && len(candidates) < maxCandidates {
			candidates = append(candidates, r)
		}
	}
	s.searched = candidates
	ready := true
	for _, r := range candidates {
		ready = s.search(r) && ready
	}
	if !ready {
		return nil
	}
	slices.SortStableFunc(candidates, func(a, b *reading) int { return cmp.Compare(a.cost(), b.cost()) })
	best := candidates[0]
	for _, other := range candidates[1:] {
		if other.cost() == best.cost() && best.problem == "" && len(best.phrases) == 0 {
			best.fail("I cannot tell whether you mean " + plainName(best.t.name) + " or " + plainName(other.t.name) + "; please name the table.")
		}
	}
	return best
}

// unknown counts the words that are not understood.
func (r *reading) unknown() int {
	n := 0
	for _, p := range r.phrases {
		n += p.to - p.from
	}
	return n
}

// unknownBut counts those that are not values in any table.
func (r *reading) unknownBut(values []bool) int {
	n := 0
	for _, p := range r.phrases {
		for i := p.from; i < p.to; i++ {
			if !values[i] && !r.isFiller(i) {
				n++
			}
		}
	}
	return n
}

// cost is lower for a reading that understands more, and by better reasons.
func (r *reading) cost() int {
	cost := 100 * r.unknown()
	if r.problem != "" {
		cost += 40
	}
	if r.missing != "" {
		cost += 20
	}
	if r.named {
		cost -= 12
	}
	for _, m := range r.mentions {
		if cost -= 4; m.weak {
			cost += 2
		}
	}
	for _, c := range r.conditions {
		cost -= 4
		if c.column == r.t.label && r.t.unique(c.column) {
			cost -= 2
		}
	}
	return cost
}

// unique reports whether every row has another value in the column.
func (t *table) unique(column int) bool {
	d := t.columns[column].distinct
	return d == 0 || d >= t.rows
}
