package localmodel

import "slices"

// readCounting finds "how many" and what is counted.
func (r *reading) readCounting() {
	for i := range r.words {
		n, ok := r.saysAny(i, "how many", "number of", "the number of", "count of", "count", "amount of")
		if !ok {
			continue
		}
		if i > 0 && (slices.Contains([]string{"average", "mean", "avg"}, r.words[i-1].fold) || r.words[i].fold == "number" && r.comparesAt(i-1)) {
			r.take(i, i+n) // the average number of, the highest number of
			continue
		}
		r.take(i, i+n)
		r.counting, r.countedAt = true, i+n
	}
	for i := range r.words {
		if _, ok := r.saysAny(i, "different", "distinct", "unique"); ok {
			if r.countedAt == i {
				r.countedAt++
			}
			r.take(i, i+1)
			r.distinct = true
		}
	}
}

func (r *reading) isAverage(i int) bool {
	return slices.Contains([]string{"average", "mean", "avg", "total", "sum"}, r.words[i].fold)
}

// comparesAt reports whether the word at i is an extreme, such as highest.
func (r *reading) comparesAt(i int) bool {
	_, degree, ok := compared(r.words[i].fold)
	return ok && degree == "est" || slices.Contains([]string{"most", "least"}, r.words[i].fold)
}

// readAggregates finds averages and sums, and the column that they are of.
func (r *reading) readAggregates() {
	for i := range r.words {
		if r.use[i] == read || r.words[i].quoted > 0 || !r.isAverage(i) {
			continue
		}
		f, after := "avg", r.skipFillers(i+1)
		for after < len(r.words) && r.use[after] == read && slices.Contains([]string{"number", "amount", "of"}, r.words[after].fold) {
			after = r.skipFillers(after + 1)
		}
		m := r.mentionAt(after)
		if x := r.extreme; m == nil && x != nil && x.column >= 0 { // the highest average price
			m = &mention{column: x.column}
		}
		if r.words[i].fold == "total" || r.words[i].fold == "sum" {
			f = "sum"
			if r.counting || m == nil && r.words[i].fold == "total" {
				continue // the total number of books, in total
			}
		}
		if m == nil {
			for k := range r.mentions {
				if c := &r.t.columns[r.mentions[k].column]; c.counts() && !r.mentions[k].used {
					m = &r.mentions[k]
				}
			}
		}
		if r.aggregate != "" {
			r.fail("I answer one question at a time.")
			return
		}
		r.use[i] = read
		r.aggregate = f
		if m == nil || !r.t.columns[m.column].counts() {
			r.fail("I cannot tell which numbers “" + r.words[i].text + "” is about.")
			return
		}
		m.used = true
		r.figure = m.column
	}
}

// readExtremes finds the cheapest, the most expensive, the highest price, the
// top 5 by price.
func (r *reading) readExtremes() {
	for i := range r.words {
		if r.use[i] == read || r.words[i].quoted > 0 || i > 0 && r.words[i-1].fold == "at" {
			continue
		}
		w := r.words[i].fold
		switch base, degree, ok := compared(w); {
		case w == "top" || w == "bottom":
			r.readTop(i, w == "top")
		case w == "most" || w == "least" || w == "fewest":
			r.readMost(i, w == "most")
		case (w == "first" || w == "last") && r.happenedBefore(i):
		case (w == "first" || w == "last") && !r.countsAt(i+1) && !r.namesTableAt(i+1):
			// "first" of what? It may be a word like any other.
		case ok && degree == "est":
			r.superlative(i, i+1, adjectives[base])
		}
	}
}

func (r *reading) readMost(i int, most bool) {
	if n, ok := r.saysAny(i+1, "common", "frequent", "popular"); ok { // the most common genre
		if m := r.mentionAfter(i + 1 + n); m != nil && !r.t.columns[m.column].counts() {
			r.take(i, i+1+n)
			r.setExtreme(i, extreme{column: -1, desc: most, at: i, many: true})
			return
		}
	}
	if i+1 < len(r.words) && r.use[i+1] != read {
		if base, degree, ok := compared(r.words[i+1].fold); ok && degree == "" {
			adj := adjectives[base]
			if !most {
				adj = adj.flip()
			}
			r.superlative(i, i+2, adj)
			return
		}
	}
	after := r.skipFillers(i + 1)
	for after < len(r.words) && (r.words[after].fold == "number" || r.words[after].fold == "of") {
		after = r.skipFillers(after + 1)
	}
	switch m := r.mentionAt(after); {
	case m != nil && r.t.columns[m.column].ordered():
		r.setExtreme(i, extreme{column: m.column, desc: most, at: i})
		m.used = true
	case r.namesTableAt(i + 1), m != nil && m.column == r.t.label:
		if m != nil {
			m.used = true
		}
		r.setExtreme(i, extreme{column: -1, desc: most, at: i, many: true})
	case r.skipFillers(i+1) == len(r.words) && r.mentionBefore(i, (*column).ordered) != nil: // who earns the most
		m := r.mentionBefore(i, (*column).ordered)
		r.setExtreme(i, extreme{column: m.column, desc: most, at: i})
		m.used = true
	default:
		return // stays unread
	}
	r.take(i, i+1)
}

// happenedBefore understands "opened first" and "opened last".
func (r *reading) happenedBefore(i int) bool {
	m := r.mentionEnding(i)
	if m == nil || !r.t.columns[m.column].saysWhen() {
		return false
	}
	m.used = true
	r.take(i, i+1)
	r.setExtreme(i, extreme{column: m.column, desc: r.words[i].fold == "last", at: i})
	return true
}

// superlative chooses the column of an adjective: the one that is named with
// it, or the one that it is about.
func (r *reading) superlative(from, to int, adj adjective) {
	x := extreme{column: -1, desc: adj.upward(), at: from}
	r.take(from, to)
	r.readLimit(from-1, to)
	after := to
	for after < len(r.words) && (r.use[after] != read && r.isFiller(after) || slices.Contains([]string{"number", "of"}, r.words[after].fold) || r.isAverage(after) || r.isLimit(after)) {
		after++
	}
	if m := r.mentionAt(after); m != nil && r.t.columns[m.column].ordered() {
		for _, h := range slices.Backward(adj) {
			if r.t.columns[m.column].hintedBy(h.stem) {
				x.desc = h.desc
			}
		}
		m.used, x.column = true, m.column
		r.setExtreme(from, x)
		return
	}
	k, h, clear := r.t.hinted(adj)
	if k < 0 || !clear {
		r.fail("I cannot tell which column “" + r.said(from, to) + "” is about.")
		return
	}
	x.column, x.desc = k, h.desc
	r.setExtreme(from, x)
	r.useMentionsOf(k)
}

// readTop understands "top 5 by price" and "top 5 books".
func (r *reading) readTop(i int, top bool) {
	r.take(i, i+1)
	r.readLimit(i-1, i+1)
	for k := i + 1; k < len(r.words); k++ {
		if r.words[k].fold != "by" || r.use[k] == read {
			continue
		}
		if m := r.mentionAfter(k + 1); m != nil && r.t.columns[m.column].ordered() {
			r.take(k, k+1)
			m.used = true
			r.setExtreme(i, extreme{column: m.column, desc: top, at: i})
			return
		}
	}
	for k := i + 1; k < len(r.words); k++ {
		if r.comparesAt(k) {
			return // the top 5 cheapest
		}
	}
	k, _, clear := r.t.hinted(adjectives["good"])
	if k < 0 || !clear {
		r.fail("I cannot tell by which column “" + r.words[i].text + "” is meant.")
		return
	}
	r.setExtreme(i, extreme{column: k, desc: top, at: i})
}

func (r *reading) setExtreme(at int, x extreme) {
	if r.extreme != nil {
		r.fail("I answer one question at a time.")
		return
	}
	x.at = at
	r.extreme = &x
}

// readLimit takes a number right before or right after an extreme.
func (r *reading) readLimit(before, after int) {
	for _, i := range []int{before, after} {
		if r.isLimit(i) {
			n, _ := smallNumber(r.words[i])
			r.limit = n
			r.take(i, i+1)
		}
	}
}

func (r *reading) isLimit(i int) bool {
	return i >= 0 && i < len(r.words) && r.countsAt(i)
}

// countsAt reports whether a small whole number stands at i.
func (r *reading) countsAt(i int) bool {
	if i >= len(r.words) {
		return false
	}
	_, ok := smallNumber(r.words[i])
	return ok && r.use[i] != read
}

// namesTableAt reports whether the table is named at i, after fillers.
func (r *reading) namesTableAt(i int) bool {
	i = r.skipFillers(i)
	if i >= len(r.words) || len(r.t.words) == 0 {
		return false
	}
	return r.use[i] == read && r.words[i].stem == r.t.words[len(r.t.words)-1].stem
}

// useMentionsOf takes note that a column which is named is named for a reason
// that is known.
func (r *reading) useMentionsOf(column int) {
	for k := range r.mentions {
		if r.mentions[k].column == column {
			r.mentions[k].used = true
		}
	}
}

// readGroups finds "per genre", "for each genre", "by genre".
func (r *reading) readGroups() {
	if !r.counting && r.aggregate == "" {
		r.readOrder()
		return
	}
	for i := range r.words {
		n, ok := r.saysAny(i, "per", "for each", "in each", "of each", "for every", "each", "every", "grouped by", "broken down by", "by")
		if !ok {
			continue
		}
		m := r.mentionAfter(i + n)
		if m == nil || r.t.columns[m.column].counts() {
			continue
		}
		if r.group >= 0 {
			r.fail("I can group by one column only.")
			return
		}
		r.take(i, i+n)
		m.used = true
		r.group = m.column
	}
}

// readOrder finds "by price" and "sorted by price" in the question for a list.
func (r *reading) readOrder() {
	for i := range r.words {
		n, ok := r.saysAny(i, "sorted by", "ordered by", "sort by", "order by", "in order of", "by")
		if !ok {
			continue
		}
		m := r.mentionAfter(i + n)
		if m == nil || !r.t.columns[m.column].ordered() {
			continue
		}
		r.take(i, i+n)
		r.sort = &order{r.t.columns[m.column].name, "asc"}
		if n, ok := r.saysAny(m.to, "descending", "desc", "in descending order"); ok {
			r.take(m.to, m.to+n)
			r.sort.Direction = "desc"
		} else if n, ok := r.saysAny(m.to, "ascending", "asc", "in ascending order"); ok {
			r.take(m.to, m.to+n)
		}
	}
}

// said gives the words of the question as they were written.
func (r *reading) said(from, to int) string {
	if from >= to {
		return ""
	}
	return r.text[r.words[from].at:r.words[to-1].end]
}
