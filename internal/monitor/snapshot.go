package monitor

import (
	"cmp"
	"slices"
	"time"

	"github.com/dejahq/deja"
)

// Snapshot is what a Monitor has counted.
type Snapshot struct {
	Since     time.Time
	Endpoints []Endpoint // by label
	Total     Endpoint   // of all of them; its Label is empty
	Savings   Savings
}

// Endpoint describes the requests to one route.
type Endpoint struct {
	Label    string
	All      Latency
	Hits     Latency
	Misses   Latency
	Uncached Latency
}

// HitRate is the share of hits among the requests that were a hit or a miss,
// 0 to 100; 0 when there were none.
func (e Endpoint) HitRate() float64 { return percent(e.Hits.Count, e.Hits.Count+e.Misses.Count) }

// Savings compares what was spent with what would have been.
type Savings struct {
	StoreReads          int64 // store queries made that read
	StoreWrites         int64
	StoreQueriesAvoided int64 // besides those that the engine's layers count
	ModelCalls          int64
	ModelCallsAvoided   int64
	Tokens              deja.Usage
	TokensAvoided       deja.Usage
}

func percent(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// Snapshot adds the counters up. An endpoint's count is always the sum of its parts;
// requests that end meanwhile may be in one endpoint and not yet in the next.
func (m *Monitor) Snapshot() Snapshot {
	if m == nil {
		return Snapshot{}
	}
	p := m.period.Load()
	s := Snapshot{
		Since: p.since,
		Savings: Savings{
			StoreReads:          m.queries.Reads.Load() - p.readsThen,
			StoreWrites:         m.queries.Writes.Load() - p.wroteThen,
			StoreQueriesAvoided: p.queriesAvoided.Load(),
			ModelCalls:          p.modelCalls.Load(),
			ModelCallsAvoided:   p.modelCallsAvoided.Load(),
			Tokens:              p.tokens.usage(),
			TokensAvoided:       p.tokensAvoided.usage(),
		},
	}
	var total, one [kinds]sample
	for label, e := range *p.endpoints.Load() {
		clear(one[:])
		for k := range kinds {
			one[k].add(&e.times[k])
			total[k].merge(&one[k])
		}
		s.Endpoints = append(s.Endpoints, describe(label, &one))
	}
	slices.SortFunc(s.Endpoints, func(a, b Endpoint) int { return cmp.Compare(a.Label, b.Label) })
	s.Total = describe("", &total)
	return s
}

func describe(label string, byKind *[kinds]sample) Endpoint {
	var all sample
	for k := range byKind {
		all.merge(&byKind[k])
	}
	return Endpoint{
		Label:    label,
		All:      all.latency(),
		Hits:     byKind[hit].latency(),
		Misses:   byKind[miss].latency(),
		Uncached: byKind[uncached].latency(),
	}
}
