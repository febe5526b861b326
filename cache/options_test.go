package cache_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
)

// Durations that would overflow, or outlive the generations of entries, are
// refused: nothing would be kept with them.
func TestDurationsAreHeldToThirtyDays(t *testing.T) {
	t.Parallel()
	const most, day = 30 * 24 * time.Hour, 24 * time.Hour
	e := open(t, cache.Options{})
	for name, o := range map[string]cache.LayerOptions[string]{
		"TTL":                   {TTL: math.MaxInt64},
		"TTL over":              {TTL: most + 1},
		"TTL and StaleFor":      {TTL: math.MaxInt64, StaleFor: 1},
		"TTL and StaleIfError":  {TTL: 20 * day, StaleIfError: 11 * day},
		"TTL and StaleFor over": {TTL: 20 * day, StaleFor: 11 * day},
		"NegativeTTL":           {NegativeTTL: math.MaxInt64},
		"MemoryTTL":             {MemoryTTL: math.MaxInt64},
		"AwayTTL":               {AwayTTL: math.MaxInt64},
		"StaleFor":              {StaleFor: math.MaxInt64},
		"StaleIfError":          {StaleIfError: math.MaxInt64},
		"LoadWait":              {LoadWait: math.MaxInt64},
		"LoadTimeout":           {LoadTimeout: math.MaxInt64},
		"LoadSoftTimeout":       {LoadSoftTimeout: math.MaxInt64},
		"no StaleIfError":       {StaleIfError: -1},
		"no LoadSoftTimeout":    {LoadSoftTimeout: -1},
		"Jitter NaN":            {Jitter: math.NaN()},
		"Jitter Inf":            {Jitter: math.Inf(1)},
	} {
		o.Name = "wrong"
		if o.TTL == 0 {
			o.TTL = time.Hour
		}
		if _, err := cache.NewLayer(e, o); !errors.Is(err, cache.ErrOptions) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for name, o := range map[string]cache.Options{
		"SoftTimeout": {SoftTimeout: math.MaxInt64},
		"HardTimeout": {HardTimeout: math.MaxInt64},
		"LeaseTTL":    {LeaseTTL: math.MaxInt64},
	} {
		if _, err := cache.Open(t.Context(), o); !errors.Is(err, cache.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The most that is allowed works.
	l := layer(t, e, cache.LayerOptions[string]{
		Name: "right", TTL: 10 * day, StaleFor: 20 * day, StaleIfError: 20 * day, Jitter: -1,
		NegativeTTL: most, MemoryTTL: most, AwayTTL: most, LoadWait: most, LoadTimeout: most, LoadSoftTimeout: most,
	})
	for _, f := range []cache.Fill{{}, {TTL: math.MaxInt64}} {
		load := func(_ context.Context, g *cache.Fill) (string, error) { *g = f; return "v", nil }
		_, err := l.Get(t.Context(), "x", load, cache.Refresh())
		if err != nil {
			t.Fatal(err)
		}
		en, err := l.Lookup(t.Context(), "x", load)
		want(t, en.Source, err, cache.FromMemory)
		if d := en.Expires.Sub(en.Created); d != 10*day {
			t.Errorf("%v: lives for %v", f.TTL, d)
		}
	}
	_, _ = l.Get(t.Context(), "none", gone)
	if _, err := l.Get(t.Context(), "none", loads("v", cache.Fill{})); !errors.Is(err, cache.ErrNotFound) {
		t.Error("the absence was not remembered:", err)
	}
}
