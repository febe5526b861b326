package cache

import (
	"context"
	"testing"
	"time"
)

// Of refreshes that begin together, one may be put off at the last moment, and
// have no load that Close could end.
func TestCloseEndsSomeOfABatch(t *testing.T) {
	t.Parallel()
	e, err := Open(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLayer(e, LayerOptions[string]{Name: "thing", TTL: time.Millisecond, StaleFor: time.Hour, Jitter: -1})
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	load := l.manyLoader(func(ctx context.Context, _ []string, _ map[string]*Fill) (map[string]string, error) {
		close(began)
		<-ctx.Done()
		return nil, context.Cause(ctx)
	})
	var flights []*flight
	for _, id := range []string{"held off", "loaded"} {
		if _, err := l.Get(t.Context(), id, func(context.Context, *Fill) (string, error) { return "v", nil }); err != nil {
			t.Fatal(err)
		}
		f, _, _ := e.join(memKey{l.layer, id}, call{}, e.seq.Add(1), true)
		flights = append(flights, f)
	}
	l.putOff("held off")
	if !e.begin() {
		t.Fatal("closed")
	}
	l.leadMany(t.Context(), flights, load)
	e.work.Done()
	<-began
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
