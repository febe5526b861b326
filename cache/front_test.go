package cache

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What the table lets go of can't be found past it: invalidated, replaced or
// evicted.
func TestFrontFollowsTheTable(t *testing.T) {
	t.Parallel()
	e, err := Open(t.Context(), Options{MemoryBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	l, err := NewLayer(e, LayerOptions[string]{Name: "thing", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	version := int64(1)
	get := func(id string) string {
		t.Helper()
		v, err := l.Get(t.Context(), id, func(_ context.Context, f *Fill) (string, error) {
			f.Version = version
			return fmt.Sprint(id, " ", version), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	there := func(id string) *item { return e.front.find(e.hash(l.layer, id), l.layer, id) }

	get("a")
	get("a")
	first := there("a")
	if first == nil {
		t.Fatal("an item that was read is not in the front")
	}
	version++
	if _, err := l.Invalidate(t.Context(), "a", version); err != nil {
		t.Fatal(err)
	}
	if there("a") != nil || !first.gone.Load() {
		t.Fatal("found past the table after an invalidation")
	}
	if v := get("a"); v != "a 2" {
		t.Fatal(v)
	}
	get("a")
	second := there("a")
	if _, err := l.Get(t.Context(), "a", func(context.Context, *Fill) (string, error) { return "a 3", nil }, Refresh()); err != nil {
		t.Fatal(err)
	}
	if it := there("a"); it == second || !second.gone.Load() {
		t.Fatal("found past the table after it was replaced")
	}
	for i := range 2000 { // far more than there is room for
		get(fmt.Sprint("other", i))
		get(fmt.Sprint("other", i))
	}
	e.items.cache.CleanUp()
	held := 0
	for i := range e.front.slots {
		if it := e.front.slots[i].Load(); it != nil {
			held++
			if _, ok := e.items.GetEntryQuietly(memKey{it.layer, it.id}); !ok {
				t.Fatalf("%s is held, but not in the table", it.id)
			}
		}
	}
	if held == 0 {
		t.Fatal("the front is empty")
	}
}

// Two layers may have the same ids.
func TestFrontTellsLayersApart(t *testing.T) {
	t.Parallel()
	e, err := Open(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var layers []*Layer[string]
	for i := range 8 {
		l, err := NewLayer(e, LayerOptions[string]{Name: fmt.Sprint("layer", i), TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, l)
	}
	for range 3 {
		for _, l := range layers {
			v, err := l.Get(t.Context(), "id", func(context.Context, *Fill) (string, error) { return l.name, nil })
			if err != nil || v != l.name {
				t.Fatal(v, err)
			}
		}
	}
	slots := map[uint64]bool{}
	for _, l := range layers {
		slots[e.hash(l.layer, "id")>>e.front.shift] = true
	}
	if len(slots) == 1 {
		t.Fatal("all layers share a slot")
	}
}

// A read that began after an invalidation returned never sees what was there
// before, whoever else puts items into the front meanwhile.
func TestFrontUnderInvalidations(t *testing.T) {
	t.Parallel()
	e, err := Open(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var source atomic.Int64
	l, err := NewLayer(e, LayerOptions[int64]{Name: "thing", TTL: time.Hour, Load: func(_ context.Context, _ string, f *Fill) (int64, error) {
		f.Version = source.Load() + 1
		return source.Load(), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	var floor atomic.Int64
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				least := floor.Load()
				if v, err := l.Get(context.Background(), "x", nil); err != nil || v < least {
					t.Errorf("got %d (%v) after %d was acknowledged", v, err, least)
					return
				}
			}
		})
	}
	for i := range int64(3000) {
		source.Store(i)
		if _, err := l.Invalidate(t.Context(), "x", i+1); err != nil {
			t.Fatal(err)
		}
		floor.Store(i)
	}
	close(done)
	all.Wait()
}
