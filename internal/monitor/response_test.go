package monitor

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestResponses(t *testing.T) {
	t.Parallel()
	var none *Monitor
	none.RecordResponse("a", Response{Source: Memory})

	m := New(Options{})
	for _, r := range []Response{
		{Source: Memory, Bytes: 10},
		{Source: Memory, Stale: true, Bytes: 5},
		{Source: Redis},
		{Source: Similar},
		{Source: Coalesced},
		{Failed: true, Bytes: 1},
		{},
	} {
		m.RecordHit("a", 1)
		m.RecordResponse("a", r)
	}
	m.RecordHit("b", 1)
	m.RecordResponse("b", Response{Source: Redis, Bytes: 100})
	want := Responses{Memory: 2, Redis: 1, Similar: 1, Coalesced: 1, Stale: 1, Errors: 1, Bytes: 16}
	s := m.Snapshot()
	if d := cmp.Diff(want, s.Endpoints[0].Responses); d != "" {
		t.Error(d)
	}
	want.Redis, want.Bytes = 2, 116
	if d := cmp.Diff(want, s.Total.Responses); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want.Add(want), s.Merge(s).Total.Responses); d != "" {
		t.Error(d)
	}
	m.Reset()
	if s := m.Snapshot(); len(s.Endpoints) != 0 || s.Total.Responses != (Responses{}) {
		t.Errorf("after a reset: %+v", s.Total.Responses)
	}
}

func BenchmarkRecordResponse(b *testing.B) {
	m := New(Options{})
	b.ReportAllocs()
	for b.Loop() {
		m.RecordResponse("GET /v1/assistants/{id}", Response{Source: Memory, Bytes: 1000})
	}
}
