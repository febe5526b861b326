package cache

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja/internal/redistest"
)

// TestAdmission: while there is room everything gets in; then what is read
// twice among few others does, and what is read once among many doesn't.
func TestAdmission(t *testing.T) {
	t.Parallel()
	var a admission
	a.open(1 << 20) // 1,024 slots
	hash := func(i int) uint64 { return uint64(i) * 0x9e3779b97f4a7c15 }
	for i := range 5000 {
		if !a.admits(hash(i), a.full-1) {
			t.Fatal("turned away although there was room")
		}
	}
	for i := range 5000 {
		if a.admits(hash(i), a.full) {
			t.Fatalf("%d: let in at first sight", i)
		}
		if !a.admits(hash(i), a.full) {
			t.Fatalf("%d: turned away at second sight", i)
		}
	}
	late := 0
	for i := range 5000 {
		if a.admits(hash(i), a.full) {
			late++
		}
	}
	if late > 5000/2 {
		t.Errorf("%d of 5000 were let in, each after thousands of others", late)
	}
}

// TestAScanLeavesMemoryAlone: entries of Redis that are read once each don't
// push out those that are read again and again.
func TestAScanLeavesMemoryAlone(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	open := func(bytes int64) (*Engine, *Layer[string]) {
		e, err := Open(t.Context(), Options{
			Redis: &RedisOptions{URL: srv.URL()}, MemoryBytes: bytes, SoftTimeout: 10 * time.Second, HardTimeout: 10 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		l, err := NewLayer(e, LayerOptions[string]{Name: "thing", TTL: time.Hour, MemoryTTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return e, l
	}
	read := func(l *Layer[string], id string) {
		t.Helper()
		v, err := l.Get(t.Context(), id, func(context.Context, *Fill) (string, error) { return "value of " + id, nil })
		if err != nil || v != "value of "+id {
			t.Fatal(v, err)
		}
	}
	_, writer := open(16 << 20)
	const all, hot = 5000, 50
	for i := range all {
		read(writer, fmt.Sprint(i))
	}
	e, reader := open(128 << 10)
	for i := range all {
		read(reader, fmt.Sprint(i%hot)) // from memory, but for the first times
		read(reader, fmt.Sprint(i))
	}
	s := e.Stats().Layers[0]
	if s.Loads != 0 || s.MemoryHits+s.RedisHits != 2*all {
		t.Errorf("%d loads, %d hits", s.Loads, s.MemoryHits+s.RedisHits)
	}
	if s.MemoryHits < all*9/10 {
		t.Errorf("%d of the %d reads of hot entries came from memory", s.MemoryHits, all)
	}
}

// TestAdmissionReplaces: an entry that memory has an older version of is
// always taken, however full memory is.
func TestAdmissionReplaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, err := Open(t.Context(), Options{MemoryBytes: minMemoryBytes})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = e.Close() }()
		l, err := NewLayer(e, LayerOptions[string]{Name: "thing", TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Get(t.Context(), "a", func(context.Context, *Fill) (string, error) { return "a", nil }); err != nil {
			t.Fatal(err)
		}
		e.admission.full = 0
		if here, there := (memKey{l.layer, "a"}), (memKey{l.layer, "b"}); !e.worth(here) || e.worth(there) {
			t.Error("what is there must be replaced, what isn't can wait")
		}
	})
}
