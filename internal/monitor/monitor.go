// Package monitor counts what requests, store queries and model calls cost,
// and what the cache saved of them. Recording is a few atomic additions, so it
// is left on; reading adds the counters up.
package monitor

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dejahq/deja"
)

// Overflow is the label that takes the requests of all endpoints past
// Options.MaxEndpoints.
const Overflow = "other"

// Options configure a Monitor.
type Options struct {
	// MaxEndpoints bounds the number of labels, each of which takes about 13
	// KiB at most. Labels should be route patterns; requests to further ones
	// are counted under Overflow. Default 200.
	MaxEndpoints int

	// Now is the clock for the time since which is counted. Default time.Now.
	Now func() time.Time
}

// Monitor counts since its creation or the last Reset. All methods are safe
// for concurrent use and do nothing on a nil Monitor.
type Monitor struct {
	max     int
	now     func() time.Time
	queries deja.QueryCount
	period  atomic.Pointer[period]
}

// period holds all that a Reset sets to zero, so that a reset is one store
// and no reader ever sees half of it.
type period struct {
	since     time.Time
	readsThen int64 // of Monitor.queries, when the period began
	wroteThen int64
	endpoints atomic.Pointer[map[string]*endpoint] // replaced as a whole to grow
	growing   sync.Mutex

	queriesAvoided    atomic.Int64
	modelCalls        atomic.Int64
	modelCallsAvoided atomic.Int64
	tokens            tokens
	tokensAvoided     tokens
}

// tokens is a deja.Usage that can be added to from everywhere.
type tokens struct{ prompt, completion, cached, reasoning atomic.Int64 }

func (t *tokens) add(u deja.Usage) {
	t.prompt.Add(u.PromptTokens)
	t.completion.Add(u.CompletionTokens)
	t.cached.Add(u.CachedTokens)
	t.reasoning.Add(u.ReasoningTokens)
}

func (t *tokens) usage() deja.Usage {
	return deja.Usage{
		PromptTokens:     t.prompt.Load(),
		CompletionTokens: t.completion.Load(),
		CachedTokens:     t.cached.Load(),
		ReasoningTokens:  t.reasoning.Load(),
	}
}

// New makes a Monitor.
func New(o Options) *Monitor {
	if o.MaxEndpoints <= 0 {
		o.MaxEndpoints = 200
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Monitor{max: o.MaxEndpoints, now: o.Now}
	m.Reset()
	return m
}

// Reset starts counting from zero. What is recorded at the same moment falls
// on one side or the other, whole.
func (m *Monitor) Reset() {
	if m == nil {
		return
	}
	p := &period{since: m.now(), readsThen: m.queries.Reads.Load(), wroteThen: m.queries.Writes.Load()}
	p.endpoints.Store(new(map[string]*endpoint))
	m.period.Store(p)
}

// RecordHit counts a request that was answered from the cache.
func (m *Monitor) RecordHit(endpoint string, d time.Duration) { m.record(endpoint, hit, d) }

// RecordMiss counts a request that had to go to the source of at least one of
// the things it needed.
func (m *Monitor) RecordMiss(endpoint string, d time.Duration) { m.record(endpoint, miss, d) }

// RecordUncached counts a request that had nothing to do with the cache.
func (m *Monitor) RecordUncached(endpoint string, d time.Duration) { m.record(endpoint, uncached, d) }

func (m *Monitor) record(label string, k kind, d time.Duration) {
	if m == nil {
		return
	}
	p := m.period.Load()
	e := (*p.endpoints.Load())[label]
	if e == nil {
		e = p.grow(label, m.max)
	}
	e.record(k, d)
}

// grow adds a label, or finds the overflow when there are enough.
func (p *period) grow(label string, limit int) *endpoint {
	p.growing.Lock()
	defer p.growing.Unlock()
	all := *p.endpoints.Load()
	if e := all[label]; e != nil {
		return e
	}
	if len(all) >= limit {
		label = Overflow
		if e := all[label]; e != nil {
			return e
		}
	}
	grown := make(map[string]*endpoint, len(all)+1)
	maps.Copy(grown, all)
	e := new(endpoint)
	grown[label] = e
	p.endpoints.Store(&grown)
	return e
}

// Queries is the counter of all store queries: put it into the contexts of
// requests with deja.WithQueryCount. It is never reset; snapshots subtract.
func (m *Monitor) Queries() *deja.QueryCount {
	if m == nil {
		return new(deja.QueryCount)
	}
	return &m.queries
}

// QueriesAvoided counts store queries that were saved in a way that the cache
// engine's own counters don't see, such as by joining another's answer.
func (m *Monitor) QueriesAvoided(n int64) {
	if m == nil {
		return
	}
	m.period.Load().queriesAvoided.Add(n)
}

// ModelCall counts one call of a model, with the tokens that it reported.
func (m *Monitor) ModelCall(u deja.Usage) {
	if m == nil {
		return
	}
	p := m.period.Load()
	p.modelCalls.Add(1)
	p.tokens.add(u)
}

// ModelCallAvoided counts n calls that were not made because the answer was
// there already, and the tokens that they took when they were made.
func (m *Monitor) ModelCallAvoided(u deja.Usage, n int) {
	if m == nil {
		return
	}
	p := m.period.Load()
	p.modelCallsAvoided.Add(int64(n))
	p.tokensAvoided.add(u)
}
