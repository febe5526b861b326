package monitor

import (
	"cmp"
	"slices"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/price"
)

// Snapshot is what a node has counted since Since. It is plain data that goes
// through JSON unchanged, and those of several nodes can be added up.
type Snapshot struct {
	Since     time.Time  `json:"since"`
	At        time.Time  `json:"at"`        // when it was taken
	Endpoints []Endpoint `json:"endpoints"` // by label
	Total     Endpoint   `json:"total"`     // of all of them; its Label is empty
	Savings   Savings    `json:"savings"`

	Layers   []cache.LayerStats `json:"layers"`   // the engine's; none without Options.Layers
	Accounts []Account          `json:"accounts"` // by assistant, Overflow last; they add up to Answers
	Answers  Account            `json:"answers"`  // of all assistants; its id is empty
	Currency string             `json:"currency"`
	Unpriced []string           `json:"unpriced"` // models that were used and have no price: their money is missing

	Hot     Hot      `json:"hot"`
	History []Series `json:"history"` // a series for each of Windows
}

// SeriesOf gives the series of a window.
func (s Snapshot) SeriesOf(w Window) Series {
	for _, series := range s.History {
		if series.Window == w.Name {
			return series
		}
	}
	return Series{Window: w.Name}
}

// Endpoint describes the requests to one route.
type Endpoint struct {
	Label     string    `json:"label"`
	Hits      Latency   `json:"hits"`
	Misses    Latency   `json:"misses"`
	Uncached  Latency   `json:"uncached"`
	Responses Responses `json:"responses"`
}

// All describes all requests, whatever they had to do with the cache.
func (e Endpoint) All() Latency { return e.Hits.Merge(e.Misses).Merge(e.Uncached) }

// HitRate is the share of hits among the requests that were a hit or a miss,
// 0 to 100; 0 when there were none.
func (e Endpoint) HitRate() float64 { return percent(e.Hits.Count, e.Hits.Count+e.Misses.Count) }

// merge adds another endpoint's requests; the label stays.
func (e Endpoint) merge(o Endpoint) Endpoint {
	return Endpoint{
		Label: e.Label, Responses: e.Responses.Add(o.Responses),
		Hits: e.Hits.Merge(o.Hits), Misses: e.Misses.Merge(o.Misses), Uncached: e.Uncached.Merge(o.Uncached),
	}
}

// hotItems is how many of the most asked a snapshot has: more than are shown,
// so that a fleet's sum is right about those that are.
const hotItems = 100

// Snapshot adds the counters up. Requests that end meanwhile may be in one
// endpoint and not yet in the next; the accounts and the money belong together.
func (m *Monitor) Snapshot() Snapshot {
	if m == nil {
		return Snapshot{}
	}
	now := m.now()
	l := m.ledger
	l.mu.Lock()
	p := m.period.Load()
	s := Snapshot{Since: p.since, At: now, Accounts: l.list(), Currency: m.prices.Table().Currency, Unpriced: l.unpricedModels()}
	l.mu.Unlock()
	p.history.sample(now, m.Totals)
	for i := range s.Accounts {
		s.Answers.add(&s.Accounts[i])
	}
	s.Savings = s.Answers.savings()
	s.Savings.StoreReads = m.queries.Reads.Load() - p.readsThen
	s.Savings.StoreWrites = m.queries.Writes.Load() - p.wroteThen
	s.Layers = layersSince(m.layerStats(), p.layersThen)
	for _, layer := range s.Layers {
		s.Savings.StoreQueriesAvoided += int64(layer.CostAvoided)
	}
	for label, e := range *p.endpoints.Load() {
		s.Endpoints = append(s.Endpoints, e.describe(label))
	}
	slices.SortFunc(s.Endpoints, func(a, b Endpoint) int { return cmp.Compare(a.Label, b.Label) })
	for _, e := range s.Endpoints {
		s.Total = s.Total.merge(e)
	}
	s.Hot = Hot{Keys: p.keys.top(hotItems), Assistants: p.assistants.top(hotItems)}
	s.History = p.history.series(now)
	return s
}

// Merge gives the sum of two nodes' snapshots. Amounts in another currency
// cannot be added to the first one's: they are left out, and named in Unpriced.
func (s Snapshot) Merge(o Snapshot) Snapshot {
	if o.Currency != s.Currency && o.Currency != "" {
		if s.Currency == "" {
			s.Currency = o.Currency
		} else {
			o = o.withoutMoney()
		}
	}
	sum := Snapshot{
		Since: s.Since, At: s.At, Total: s.Total.merge(o.Total), Savings: s.Savings.Add(o.Savings),
		Endpoints: mergeBy(s.Endpoints, o.Endpoints, func(a, b Endpoint) int { return cmp.Compare(a.Label, b.Label) }, Endpoint.merge),
		Accounts: mergeBy(s.Accounts, o.Accounts, byID, func(a, b Account) Account {
			a.add(&b)
			return a
		}),
		Answers: s.Answers, Currency: s.Currency,
		Unpriced: slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.Unpriced, o.Unpriced)))),
		Layers:   mergeLayers(s.Layers, o.Layers),
		Hot:      Hot{Keys: mergeHot(s.Hot.Keys, o.Hot.Keys, hotItems), Assistants: mergeHot(s.Hot.Assistants, o.Hot.Assistants, hotItems)},
		History:  mergeSeries(s.History, o.History),
	}
	sum.Answers.add(&o.Answers)
	if !o.Since.IsZero() && (s.Since.IsZero() || o.Since.Before(s.Since)) {
		sum.Since = o.Since
	}
	if o.At.After(s.At) {
		sum.At = o.At
	}
	return sum
}

// Bounded gives a copy with accounts of at most so many assistants, the busiest;
// those of all others are in the overflow's.
func (s Snapshot) Bounded(accounts int) Snapshot {
	s.Unpriced = s.Unpriced[:min(len(s.Unpriced), maxUnpriced)]
	s.Accounts = Busiest(s.Accounts, accounts)
	slices.SortFunc(s.Accounts, byID)
	return s
}

// withoutMoney gives a copy whose amounts are gone.
func (s Snapshot) withoutMoney() Snapshot {
	none := func(spent, saved *price.Money) { *spent, *saved = 0, 0 }
	none(&s.Savings.MoneySpent, &s.Savings.MoneySaved)
	none(&s.Answers.MoneySpent, &s.Answers.MoneySaved)
	s.Accounts = slices.Clone(s.Accounts)
	for i := range s.Accounts {
		none(&s.Accounts[i].MoneySpent, &s.Accounts[i].MoneySaved)
	}
	s.History = mergeSeries(s.History, nil)
	for _, series := range s.History {
		for i := range series.Points {
			none(&series.Points[i].MoneySpent, &series.Points[i].MoneySaved)
		}
	}
	s.Unpriced = append(slices.Clone(s.Unpriced), "(all amounts in "+s.Currency+")")
	return s
}

// mergeBy merges two sorted lists.
func mergeBy[T any](a, b []T, order func(a, b T) int, merge func(a, b T) T) []T {
	sum := make([]T, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := order(a[0], b[0]); {
		case c < 0:
			sum, a = append(sum, a[0]), a[1:]
		case c > 0:
			sum, b = append(sum, b[0]), b[1:]
		default:
			sum, a, b = append(sum, merge(a[0], b[0])), a[1:], b[1:]
		}
	}
	return append(append(sum, a...), b...)
}
