package rivals

import (
	"context"
	"fmt"
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
