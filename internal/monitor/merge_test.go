package monitor

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/price"
)

// layerCounters stands for an engine: the monitor only sees its counters.
type layerCounters []cache.LayerStats

func (l layerCounters) stats() []cache.LayerStats { return slices.Clone(l) }

func engine() layerCounters {
	return layerCounters{
		{Name: "x", MemoryHits: 5, Misses: 2, Loads: 2, LoadTime: 40, CostAvoided: 7, MemoryItems: 3, LoadTimes: cache.Histogram{Counts: []uint64{0, 2}, Sum: 40}},
		{Name: "y", RedisHits: 1},
	}
}

// busy records a bit of everything, another bit for each seed.
func busy(m *Monitor, seed int) {
	for i := range 20 + seed%7 {
		d := time.Duration(1+(i*seed)%50) * time.Millisecond
		label, assistant := fmt.Sprint("GET /", (i+seed)%4), fmt.Sprint("a", (i*seed)%5)
		switch (i + seed) % 3 {
		case 0:
			m.RecordHit(label, d)
		case 1:
			m.RecordMiss(label, d)
		default:
			m.RecordUncached(label, d)
		}
		c := Call{AssistantID: assistant, Model: []string{"m", "x", "y"}[seed%3], Usage: deja.Usage{PromptTokens: int64(i), CompletionTokens: 2}}
		m.Asked(assistant)
		m.ModelCall(c)
		m.AnswerMade(assistant, d)
		m.ModelCallAvoided(Avoided{Call: c, Calls: 1, Queries: 2, Took: d, Coalesced: i%2 == 0})
		m.RecordKey("x", fmt.Sprint("k", i%3))
		m.RecordAssistant(assistant)
	}
}

// What several nodes have counted adds up to what one would have that had all
// the work.
func TestMerge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1e9, 0).UTC()
		o := Options{Prices: priced(), Now: func() time.Time { return now }}
		one := New(o)
		sum := Snapshot{}
		for range rapid.IntRange(1, 4).Draw(t, "nodes") {
			node := New(o)
			for _, seed := range rapid.SliceOfN(rapid.IntRange(0, 1000), 0, 3).Draw(t, "work") {
				busy(node, seed)
				busy(one, seed)
				now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "seconds")) * time.Second)
				node.Snapshot()
				one.Snapshot()
			}
			sum = sum.Merge(node.Snapshot())
		}
		want := one.Snapshot()
		if d := cmp.Diff(want, sum, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

func TestMergeOfLayers(t *testing.T) {
	t.Parallel()
	a, b := engine(), engine()
	b[0].LoadTimes.Counts = []uint64{1, 1, 3}
	b = append(b, cache.LayerStats{Name: "z", Misses: 4})
	got := mergeLayers(a, b)
	want := []cache.LayerStats{
		{Name: "x", MemoryHits: 10, Misses: 4, Loads: 4, LoadTime: 80, CostAvoided: 14, MemoryItems: 6, LoadTimes: cache.Histogram{Counts: []uint64{1, 3, 3}, Sum: 80}},
		{Name: "y", RedisHits: 2},
		{Name: "z", Misses: 4},
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(engine(), a); d != "" {
		t.Errorf("what was merged has changed: %s", d)
	}
}

// Layers are counted from the reset on; what is in memory is as it is.
func TestLayersSinceTheReset(t *testing.T) {
	t.Parallel()
	now := engine()
	m := New(Options{Layers: func() []cache.LayerStats { return now.stats() }})
	now[0].MemoryHits += 3
	now[0].CostAvoided += 4
	now[0].LoadTimes = cache.Histogram{Counts: []uint64{1, 2}, Sum: 50}
	want := []cache.LayerStats{
		{Name: "x", MemoryHits: 3, CostAvoided: 4, MemoryItems: 3, LoadTimes: cache.Histogram{Counts: []uint64{1, 0}, Sum: 10}},
		{Name: "y"},
	}
	s := m.Snapshot()
	if d := cmp.Diff(want, s.Layers, cmpopts.EquateEmpty()); d != "" || s.Savings.StoreQueriesAvoided != 4 {
		t.Errorf("%s; %+v", d, s.Savings)
	}
	if got := m.Totals().StoreQueriesAvoided; got != 11 {
		t.Errorf("the totals have %d", got)
	}
	m.Reset()
	if s := m.Snapshot(); s.Layers[0].MemoryHits != 0 || s.Layers[0].MemoryItems != 3 || s.Savings.StoreQueriesAvoided != 0 {
		t.Errorf("%+v", s.Layers[0])
	}
}

// Amounts in different currencies are not added up.
func TestMergeOfCurrencies(t *testing.T) {
	t.Parallel()
	euros := New(Options{Prices: priced()})
	dollars := New(Options{Prices: price.Fixed(price.New("USD", price.Model{Name: "m", Prompt: 1e6}))})
	for _, m := range []*Monitor{euros, dollars} {
		m.ModelCall(Call{AssistantID: "a", Model: "m", Usage: deja.Usage{PromptTokens: 1000}})
	}
	s := euros.Snapshot().Merge(dollars.Snapshot())
	if s.Currency != "EUR" || s.Savings.MoneySpent != price.Unit || s.Answers.MoneySpent != price.Unit || s.Accounts[0].MoneySpent != price.Unit || s.Savings.ModelCalls != 2 {
		t.Errorf("%s %+v", s.Currency, s.Savings)
	}
	if d := cmp.Diff([]string{"(all amounts in USD)"}, s.Unpriced); d != "" {
		t.Error(d)
	}
	if got := dollars.Snapshot(); got.Savings.MoneySpent != price.Unit/1000 {
		t.Errorf("what was merged has changed: %+v", got.Savings)
	}
}
