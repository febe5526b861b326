package monitor

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/dejahq/deja/internal/price"
)

// Window is a length of time that is looked back on, in steps.
type Window struct {
	Name  string
	Step  time.Duration
	Steps int
}

// Windows gives the windows, the shortest first.
func Windows() []Window {
	return []Window{
		{"minute", time.Second, 60},
		{"hour", time.Minute, 60},
		{"day", 15 * time.Minute, 96},
		{"week", 2 * time.Hour, 84},
	}
}

// Series is what happened in a window.
type Series struct {
	Window string  `json:"window"`
	Points []Point `json:"points"` // the oldest first; steps in which nothing happened are left out
}

// Point is what happened in one step of time. Steps begin at whole multiples
// of their length in UTC, so those of several nodes can be added up.
type Point struct {
	At                int64         `json:"at"` // when the step began: Unix seconds
	Requests          uint64        `json:"requests,omitempty"`
	Hits              uint64        `json:"hits,omitempty"`
	Misses            uint64        `json:"misses,omitempty"`
	ResponseTime      time.Duration `json:"responseTime,omitempty"` // of all requests together
	ModelCalls        int64         `json:"modelCalls,omitempty"`
	ModelCallsAvoided int64         `json:"modelCallsAvoided,omitempty"`
	QueriesAvoided    int64         `json:"queriesAvoided,omitempty"`
	MoneySpent        price.Money   `json:"moneySpent,omitempty"`
	MoneySaved        price.Money   `json:"moneySaved,omitempty"`
}

// HitRate is the share of hits among hits and misses, 0 to 100.
func (p Point) HitRate() float64 { return percent(p.Hits, p.Hits+p.Misses) }

func pointOf(t Totals) Point {
	return Point{
		Requests: t.Requests, Hits: t.Hits, Misses: t.Misses, ResponseTime: t.ResponseTime,
		ModelCalls: t.ModelCalls, ModelCallsAvoided: t.ModelCallsAvoided, QueriesAvoided: t.StoreQueriesAvoided,
		MoneySpent: t.MoneySpent, MoneySaved: t.MoneySaved,
	}
}

// add adds what happened in another; the time stays.
func (p *Point) add(o Point) {
	p.Requests += o.Requests
	p.Hits += o.Hits
	p.Misses += o.Misses
	p.ResponseTime += o.ResponseTime
	p.ModelCalls += o.ModelCalls
	p.ModelCallsAvoided += o.ModelCallsAvoided
	p.QueriesAvoided += o.QueriesAvoided
	p.MoneySpent = p.MoneySpent.Plus(o.MoneySpent)
	p.MoneySaved = p.MoneySaved.Plus(o.MoneySaved)
}

// stepAt gives the beginning of the step that a time is in.
func (w Window) stepAt(t time.Time) int64 {
	step := int64(w.Step / time.Second)
	s := t.Unix()
	return s - ((s%step)+step)%step
}

// Fill gives all steps of a window that ends with the step of now, the oldest
// first; those in which nothing happened are zero but for their time.
func (w Window) Fill(s Series, now time.Time) []Point {
	step := int64(w.Step / time.Second)
	last := w.stepAt(now)
	all := make([]Point, w.Steps)
	for i := range all {
		all[i].At = last - int64(w.Steps-1-i)*step
	}
	for _, p := range s.Points {
		if i := (p.At - all[0].At) / step; p.At >= all[0].At && i < int64(len(all)) {
			all[i].add(p)
		}
	}
	return all
}

// Sum adds up all of a window that ends now; its time is the window's beginning.
func (w Window) Sum(s Series, now time.Time) Point {
	var sum Point
	for i, p := range w.Fill(s, now) {
		if i == 0 {
			sum.At = p.At
		}
		sum.add(p)
	}
	return sum
}

// history keeps what happened in each window, in rings of a fixed size. It is
// fed with the totals from time to time, and not with each request: the cost
// of a request does not depend on it, and what happened since the last time
// counts for the step of this time.
type history struct {
	mu    sync.Mutex
	last  Totals
	rings []ring
}

type ring struct {
	Window
	points []Point
	newest int64
}

func newHistory(from Totals) *history {
	h := &history{last: from}
	for _, w := range Windows() {
		h.rings = append(h.rings, ring{Window: w, points: make([]Point, w.Steps)})
	}
	return h
}

// sample takes what the totals have grown by. They are read under the lock, so
// that two who sample at once don't count the same twice.
func (h *history) sample(now time.Time, totals func() Totals) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := totals()
	grown := pointOf(t.Sub(h.last))
	if grown == (Point{}) {
		return
	}
	h.last = t
	for i := range h.rings {
		r := &h.rings[i]
		// A clock that was set back must not overwrite what is later.
		r.newest = max(r.newest, r.stepAt(now))
		p := &r.points[r.newest/int64(r.Step/time.Second)%int64(r.Steps)]
		if p.At != r.newest {
			*p = Point{At: r.newest}
		}
		p.add(grown)
	}
}

// series copies the rings.
func (h *history) series(now time.Time) []Series {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Series, 0, len(h.rings))
	for i := range h.rings {
		r := &h.rings[i]
		oldest := r.stepAt(now) - int64(r.Steps-1)*int64(r.Step/time.Second)
		s := Series{Window: r.Name}
		for _, p := range r.points {
			if p.At >= oldest && p.At > 0 {
				s.Points = append(s.Points, p)
			}
		}
		slices.SortFunc(s.Points, func(a, b Point) int { return cmp.Compare(a.At, b.At) })
		all = append(all, s)
	}
	return all
}

// mergeSeries adds the steps of the same windows up.
func mergeSeries(a, b []Series) []Series {
	sum := make([]Series, 0, len(a))
	for _, s := range a {
		sum = append(sum, Series{Window: s.Window, Points: slices.Clone(s.Points)})
	}
	for _, s := range b {
		i := slices.IndexFunc(sum, func(t Series) bool { return t.Window == s.Window })
		if i < 0 {
			sum = append(sum, s)
			continue
		}
		to := &sum[i]
		for _, p := range s.Points {
			at, found := slices.BinarySearchFunc(to.Points, p.At, func(q Point, at int64) int { return cmp.Compare(q.At, at) })
			if found {
				to.Points[at].add(p)
			} else {
				to.Points = slices.Insert(to.Points, at, p)
			}
		}
	}
	return sum
}
