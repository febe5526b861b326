package rivals

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja/internal/redistest"
)

// TestRivalsDoTheWork guards the comparison: who doesn't cache, share through
// Redis or invalidate would look fast.
func TestRivalsDoTheWork(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for i, r := range append(All(), RedisFloor()) {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			var loads, version atomic.Int64
			version.Store(1)
			open := func() Cache {
				c, err := r.Open(Setup{
					Redis: server.Addr(), Prefix: fmt.Sprint(i, ":"), Entries: 100, TTL: time.Minute,
					Load: func(_ context.Context, id string) (Value, error) {
						loads.Add(1)
						return Value{ID: id, Version: version.Load(), Text: "text", Tags: []string{"a"}}, nil
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(c.Close)
				loads.Store(0)
				return c
			}
			get := func(c Cache, want int64) {
				t.Helper()
				v, err := c.Get(t.Context(), "x")
				if err != nil || v.ID != "x" || v.Version != want || len(v.Tags) != 1 {
					t.Fatalf("%+v, %v, want version %d", v, err, want)
				}
			}
			a, b := open(), open()
			get(a, 1)
			eventually(t, "Redis has the value", func() bool { // some write in the background
				found, err := server.Do("KEYS", fmt.Sprint(i, ":*x"))
				keys, _ := found.AsStrSlice()
				return err == nil && len(keys) > 0
			})
			get(a, 1)
			get(b, 1)
			if n := loads.Load(); n != 1 {
				t.Errorf("%d loads, want 1", n)
			}
			if r.Floor {
				return
			}
			version.Store(2)
			if err := a.Invalidate(t.Context(), "x", 2); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the writer's own node reads the new value", func() bool {
				v, err := a.Get(t.Context(), "x")
				return err == nil && v.Version == 2
			})
			if !slices.Contains([]string{"deja", "jetcache-go", "aside"}, r.Name) {
				return
			}
			eventually(t, "the other node, which is told, reads the new value", func() bool {
				v, err := b.Get(t.Context(), "x")
				return err == nil && v.Version == 2
			})
		})
	}
}

// TestRivalsHaveTheSameRoom guards the hit ratios: each keeps about as many
// entries as it was given room for, whatever its own budget counts.
func TestRivalsHaveTheSameRoom(t *testing.T) {
	t.Parallel()
	const entries, rounds = 1000, 5
	for _, r := range append(All(), LookupFloor(), MemoryFloor()) {
		if !r.MemoryAlone {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			// ratio reads so many keys over and over, and gives the hits of the last rounds.
			ratio := func(keys int) float64 {
				var loads atomic.Int64
				c, err := r.Open(Setup{
					Entries: entries, TTL: time.Hour, Settled: true,
					Load: func(_ context.Context, id string) (Value, error) {
						loads.Add(1)
						return Value{ID: id}, nil
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				for round := range rounds {
					if round == 2 {
						loads.Store(0)
					}
					for k := range keys {
						if _, err := c.Get(t.Context(), fmt.Sprintf("key-%05d", k)); err != nil {
							t.Fatal(err)
						}
					}
				}
				return 1 - float64(loads.Load())/float64((rounds-2)*keys)
			}
			if hits := ratio(entries / 2); hits < 0.95 {
				t.Errorf("half as many keys as there is room for: %.2f hits", hits)
			}
			// Keeping the same keys all the time is the best that can be done.
			if hits := ratio(4 * entries); hits > 0.3 {
				t.Errorf("four times as many keys as there is room for: %.2f hits", hits)
			}
		})
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-late:
			t.Fatalf("never: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
