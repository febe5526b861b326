package localmodel

import "strings"

const (
	maxProbed = 12  // text columns that are searched for a phrase
	maxValues = 200 // different values of one column that are looked at

	// maxUnknown is the number of words of which some may be values. A question
	// with more that is not understood is about something else.
	maxUnknown = 10
)

// search looks for the phrases of a reading in the rows. It reports false
// while it waits for results. What it finds becomes conditions; what it does
// not find stays in phrases.
func (s *session) search(r *reading) bool {
	ready := true
	var rest []phrase
	if r.unknown() > maxUnknown {
		return true
	}
	for _, group := range r.groups() {
		if r.cannotBeValue(group[0].from, group[len(group)-1].to) {
			rest = append(rest, group...)
			continue
		}
		found, ok := s.searchGroup(r, group)
		ready = ready && ok
		if !found && !r.onlySmallWords(group) {
			rest = append(rest, group...)
		}
	}
	if ready {
		r.phrases = rest
		r.mergeValues()
	}
	return ready
}

// onlySmallWords reports whether a group has nothing but small words with a
// capital, which then are no names.
func (r *reading) onlySmallWords(group []phrase) bool {
	for i := group[0].from; i < group[len(group)-1].to; i++ {
		if !fillers[r.words[i].fold] || r.words[i].quoted > 0 || r.shouts(i) {
			return false
		}
	}
	return true
}

// cannotBeValue reports whether there is nothing in a phrase but numbers and
// words that mean something which this model does not know how to do.
func (r *reading) cannotBeValue(from, to int) bool {
	for i := from; i < to; i++ {
		w := r.words[i]
		if w.quoted > 0 || r.shouts(i) || r.use[i] == unread && !unsupported[w.fold] && !negations[w.fold] && readLiteral(r.words[i:]).words == 0 {
			return false
		}
	}
	return true
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
		if r.cannotBeValue(p.from, p.to) {
			continue
		}
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

// searchPhrase searches the text columns of the table.
func (s *session) searchPhrase(r *reading, p phrase) (*condition, bool) {
	var hits []hit
	ready, probed := true, 0
	p = r.trimmed(p)
	small := fillers[r.words[p.from].fold] && r.words[p.from].quoted == 0 // a name of small words: It
	search := map[string]any{"$contains": r.needle(p)}
	if small {
		search = map[string]any{"$starts_with": r.said(p.from, p.to), "$ends_with": r.said(p.from, p.to)}
	}
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
				Table: r.t.name, Filter: filter{c.name: search}, GroupBy: []string{c.name}, Limit: maxValues,
			})
			if !ok {
				ready = false
				continue
			}
			values, total = res.texts(), res.Total
		}
		if h := r.match(k, p, values, total > int64(len(values))); h != nil && (h.exact || !small) {
			hits = append(hits, *h)
		}
	}
	if !ready || len(hits) == 0 {
		return nil, ready
	}
	return r.choose(hits), true
}

// trimmed leaves out small words at the ends of a phrase: the value may have
// them or not.
func (r *reading) trimmed(p phrase) phrase {
	for q := p; q.from < q.to; q.from++ {
		if r.words[q.from].quoted == 0 && fillers[r.words[q.from].fold] {
			continue
		}
		for fillers[r.words[q.to-1].fold] && r.words[q.to-1].quoted == 0 {
			q.to--
		}
		return q
	}
	return p
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
