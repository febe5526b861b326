// Package monitor counts what requests, store queries and model calls cost,
// and what the cache saved of them. Recording is a few additions, so it is
// left on; reading adds the counters up.
package monitor

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/price"
)

// Overflow is the label that takes the requests of all endpoints past
// Options.MaxEndpoints, and the id of the account of all assistants without
// one of their own.
const Overflow = "other"

// Options configure a Monitor.
type Options struct {
	// MaxEndpoints bounds the number of labels, each of which takes about 13
	// KiB at most. Labels should be route patterns; requests to further ones
	// are counted under Overflow. Default 200.
	MaxEndpoints int

	// MaxAccounts bounds the number of assistants that have an account. Of
	// more, those have one that were used last, and Overflow sums up the rest.
	// Default 1000.
	MaxAccounts int

	// Layers gives the counters of the cache's layers, which are never reset.
	// Default: none.
	Layers func() []cache.LayerStats

	// Prices say what tokens cost. Default: nothing is known but that the
	// built-in model is free.
	Prices *price.Book

	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Monitor counts since its creation or the last Reset. All methods are safe
// for concurrent use and do nothing on a nil Monitor.
type Monitor struct {
	o       Options
	now     func() time.Time
	prices  *price.Book
	queries deja.QueryCount
	flow    flow
	ledger  *ledger
	period  atomic.Pointer[period] // replaced under the ledger's lock
}

// period holds what a Reset sets to zero, and from where the counters that
// always go on are read, so that a reset is one store and no reader ever sees
// half of it. The accounts, which have a lock, are cleared under it.
type period struct {
	since      time.Time
	readsThen  int64 // of Monitor.queries, when the period began
	wroteThen  int64
	layersThen []cache.LayerStats
	endpoints  atomic.Pointer[map[string]*endpoint] // replaced as a whole to grow
	growing    sync.Mutex
	keys       *sketch
	assistants *sketch
	history    *history
}

// New makes a Monitor.
func New(o Options) *Monitor {
	if o.MaxEndpoints <= 0 {
		o.MaxEndpoints = 200
	}
	if o.MaxAccounts <= 0 {
		o.MaxAccounts = 1000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Monitor{o: o, now: o.Now, prices: o.Prices, ledger: newLedger(o.MaxAccounts)}
	m.Reset()
	return m
}

// sampleEvery is how often Run looks at the totals: the step of the shortest
// window.
const sampleEvery = time.Second

// Run keeps the windows and what is hot up to date until ctx ends. Without it
// they still count everything, but in the step of time in which they are
// looked at.
func (m *Monitor) Run(ctx context.Context) {
	if m == nil {
		return
	}
	sample, halve := time.NewTicker(sampleEvery), time.NewTicker(HotHalfLife)
	defer sample.Stop()
	defer halve.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sample.C:
			m.period.Load().history.sample(m.now(), m.Totals)
		case <-halve.C:
			p := m.period.Load()
			p.keys.halve()
			p.assistants.halve()
		}
	}
}

// Reset starts counting from zero. What is recorded at the same moment falls
// on one side or the other, whole. Totals go on.
func (m *Monitor) Reset() {
	if m == nil {
		return
	}
	p := &period{
		since: m.now(), readsThen: m.queries.Reads.Load(), wroteThen: m.queries.Writes.Load(),
		layersThen: m.layerStats(), keys: newSketch(), assistants: newSketch(), history: newHistory(m.Totals()),
	}
	p.endpoints.Store(new(map[string]*endpoint))
	m.ledger.mu.Lock()
	defer m.ledger.mu.Unlock()
	m.ledger.clear()
	m.period.Store(p)
}

func (m *Monitor) layerStats() []cache.LayerStats {
	if m.o.Layers == nil {
		return nil
	}
	return m.o.Layers()
}

// Totals gives what was counted since the process began, whatever was reset
// since: they only grow.
func (m *Monitor) Totals() Totals {
	if m == nil {
		return Totals{}
	}
	t := m.flow.totals()
	m.ledger.mu.Lock()
	t.Savings = m.ledger.ever.savings()
	m.ledger.mu.Unlock()
	t.StoreReads, t.StoreWrites = m.queries.Reads.Load(), m.queries.Writes.Load()
	for _, l := range m.layerStats() {
		t.StoreQueriesAvoided += int64(l.CostAvoided)
	}
	return t
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
	m.flow.record(k, d)
	m.endpoint(label).record(k, d)
}

// endpoint finds or makes the counters of a label.
func (m *Monitor) endpoint(label string) *endpoint {
	p := m.period.Load()
	e := (*p.endpoints.Load())[label]
	if e == nil {
		e = p.grow(label, m.o.MaxEndpoints)
	}
	return e
}

// RecordKey counts that a key of a layer was looked up.
func (m *Monitor) RecordKey(layer, key string) {
	if m != nil {
		m.period.Load().keys.add(layer, key)
	}
}

// RecordAssistant counts that an assistant was asked for.
func (m *Monitor) RecordAssistant(id string) {
	if m != nil {
		m.period.Load().assistants.add("", id)
	}
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
