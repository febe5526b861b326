package monitor

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := New(Options{Now: func() time.Time { return began }})
	for range 8 {
		m.RecordHit("GET /a", time.Millisecond)
	}
	for range 2 {
		m.RecordMiss("GET /a", 101*time.Millisecond)
	}
	m.RecordUncached("GET /a", 10*time.Millisecond)
	m.RecordMiss("GET /b", time.Second)

	s := m.Snapshot()
	if len(s.Endpoints) != 2 || s.Endpoints[0].Label != "GET /a" || s.Endpoints[1].Label != "GET /b" {
		t.Fatalf("endpoints: %+v", s.Endpoints)
	}
	a := s.Endpoints[0]
	if a.All().Count != 11 || a.Hits.Count != 8 || a.Misses.Count != 2 || a.Uncached.Count != 1 {
		t.Errorf("counts: %+v", a)
	}
	if a.All().Sum != 220*time.Millisecond || a.All().Mean() != 20*time.Millisecond {
		t.Errorf("sum %v, mean %v", a.All().Sum, a.All().Mean())
	}
	if a.HitRate() != 80 {
		t.Errorf("hit rate %v: the request that had nothing to do with the cache must not count", a.HitRate())
	}
	if p := a.Hits.Quantile(99); p < 900*time.Microsecond || p > 1100*time.Microsecond {
		t.Errorf("p99 of the hits: %v", p)
	}
	if p := a.All().Quantile(99); p < 97*time.Millisecond || p > 105*time.Millisecond {
		t.Errorf("p99 of all: %v", p)
	}
	if s.Total.All().Count != 12 || s.Total.HitRate() != 100*8./11 || s.Total.Misses.Quantile(99) < 970*time.Millisecond {
		t.Errorf("total: %+v", s.Total)
	}
	if !s.Since.Equal(began) {
		t.Errorf("since %v", s.Since)
	}
	var none Endpoint
	if none.HitRate() != 0 || none.All().Mean() != 0 {
		t.Error("an endpoint without requests has a rate or a mean")
	}
}

func TestSavings(t *testing.T) {
	t.Parallel()
	m := New(Options{})
	ctx := deja.WithQueryCount(t.Context(), m.Queries())
	ctx, own := deja.CountQueries(ctx)
	deja.CountRead(ctx)
	deja.CountRead(ctx)
	deja.CountWrite(context.WithoutCancel(ctx))
	if own.Reads.Load() != 2 {
		t.Errorf("the request's own counter has %d reads", own.Reads.Load())
	}
	m.ModelCall(Call{Usage: deja.Usage{PromptTokens: 100, CompletionTokens: 20}})
	m.ModelCall(Call{Usage: deja.Usage{PromptTokens: 1, CompletionTokens: 2, CachedTokens: 3, ReasoningTokens: 4}})
	m.ModelCallAvoided(Avoided{Call: Call{Usage: deja.Usage{PromptTokens: 1000, CompletionTokens: 5}}, Calls: 3, Queries: 7})

	want := Savings{
		StoreReads: 2, StoreWrites: 1, StoreQueriesAvoided: 7, ModelCalls: 2, ModelCallsAvoided: 3,
		Tokens:        deja.Usage{PromptTokens: 101, CompletionTokens: 22, CachedTokens: 3, ReasoningTokens: 4},
		TokensAvoided: deja.Usage{PromptTokens: 1000, CompletionTokens: 5},
	}
	if d := cmp.Diff(want, m.Snapshot().Savings); d != "" {
		t.Error(d)
	}
	m.Reset()
	if d := cmp.Diff(Savings{}, m.Snapshot().Savings); d != "" {
		t.Errorf("after a reset: %s", d)
	}
	deja.CountRead(ctx)
	if got := m.Snapshot().Savings.StoreReads; got != 1 {
		t.Errorf("a read after the reset counts as %d", got)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	m := New(Options{Now: func() time.Time { return now }})
	m.RecordHit("GET /a", time.Second)
	now = time.Unix(2, 0)
	m.Reset()
	s := m.Snapshot()
	if len(s.Endpoints) != 0 || s.Total.All().Count != 0 || !s.Since.Equal(now) {
		t.Errorf("after a reset: %+v", s)
	}
}

func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	m := New(Options{MaxEndpoints: 3})
	for i := range 100 {
		m.RecordHit(fmt.Sprintf("GET /%d", i), time.Second)
	}
	m.RecordHit("GET /0", time.Second)
	s := m.Snapshot()
	var labels []string
	for _, e := range s.Endpoints {
		labels = append(labels, fmt.Sprint(e.Label, " ", e.Hits.Count))
	}
	if d := cmp.Diff([]string{"GET /0 2", "GET /1 1", "GET /2 1", Overflow + " 97"}, labels); d != "" {
		t.Error(d)
	}
	if s.Total.All().Count != 101 {
		t.Errorf("%d of 101 requests are counted", s.Total.All().Count)
	}
}

// Concurrent recordings are all counted, and snapshots taken meanwhile only
// ever grow.
func TestConcurrentRecording(t *testing.T) {
	t.Parallel()
	m := New(Options{})
	const each, routines = 2000, 8
	var wg sync.WaitGroup
	for g := range routines {
		wg.Go(func() {
			for i := range each {
				label := fmt.Sprintf("GET /%d", (g+i)%5)
				switch i % 3 {
				case 0:
					m.RecordHit(label, time.Millisecond)
				case 1:
					m.RecordMiss(label, time.Millisecond)
				default:
					m.RecordUncached(label, time.Millisecond)
				}
				m.ModelCallAvoided(Avoided{Call: Call{Usage: deja.Usage{PromptTokens: 2}}, Calls: 1})
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	var before uint64
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		s := m.Snapshot()
		if s.Total.All().Count < before {
			t.Fatalf("the count fell from %d to %d", before, s.Total.All().Count)
		}
		before = s.Total.All().Count
		if all := s.Total; all.All().Count != all.Hits.Count+all.Misses.Count+all.Uncached.Count {
			t.Fatalf("the parts don't add up: %+v", all)
		}
	}
	s := m.Snapshot()
	if s.Total.All().Count != each*routines || s.Total.All().Sum != each*routines*time.Millisecond {
		t.Errorf("%d requests of %v; want %d", s.Total.All().Count, s.Total.All().Sum, each*routines)
	}
	if s.Savings.ModelCallsAvoided != each*routines || s.Savings.TokensAvoided.PromptTokens != 2*each*routines {
		t.Errorf("savings: %+v", s.Savings)
	}
}

// Resets while recording neither race nor lose what comes after them.
func TestConcurrentReset(t *testing.T) {
	t.Parallel()
	m := New(Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				m.RecordHit("GET /a", time.Millisecond)
				m.Reset()
			}
		})
	}
	wg.Wait()
	m.RecordHit("GET /a", time.Millisecond)
	if got := m.Snapshot().Total.All().Count; got != 1 {
		t.Errorf("%d requests after the last reset, want 1", got)
	}
}

func TestNilMonitor(t *testing.T) {
	t.Parallel()
	var m *Monitor
	m.RecordHit("a", 1)
	m.RecordMiss("a", 1)
	m.RecordUncached("a", 1)
	m.ModelCall(Call{})
	m.ModelCallAvoided(Avoided{})
	m.ModelCallFailed("a")
	m.AnswerMade("a", 1)
	m.Asked("a")
	m.RecordKey("a", "b")
	m.RecordAssistant("a")
	m.Price(Call{})
	m.Totals()
	m.Run(t.Context())
	m.Reset()
	m.Queries().Reads.Add(1)
	if s := m.Snapshot(); len(s.Endpoints) != 0 {
		t.Error(s)
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	m := New(Options{})
	m.RecordHit("GET /v1/assistants/{assistant_id}", time.Millisecond)
	if n := testing.AllocsPerRun(1000, func() {
		m.RecordHit("GET /v1/assistants/{assistant_id}", time.Millisecond)
		m.ModelCallAvoided(Avoided{Call: Call{Usage: deja.Usage{PromptTokens: 1}}, Calls: 1})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRecordHit(b *testing.B) {
	m := New(Options{})
	b.ReportAllocs()
	for b.Loop() {
		m.RecordHit("GET /v1/assistants/{assistant_id}", time.Millisecond)
	}
}

func BenchmarkRecordHitParallel(b *testing.B) {
	m := New(Options{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.RecordHit("GET /v1/assistants/{assistant_id}", time.Millisecond)
		}
	})
}

func BenchmarkSnapshot(b *testing.B) {
	m := New(Options{})
	for i := range 50 {
		m.RecordHit(fmt.Sprintf("GET /%d", i), time.Millisecond)
	}
	for b.Loop() {
		m.Snapshot()
	}
}
