package cache_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dejahq/deja/cache"
)

// In one process alone, a key that was filled between a claim's look and its
// turn is found, and not claimed once more: of those who claim the same key
// again and again, one makes the value.
func TestOneClaimMakesTheValue(t *testing.T) {
	t.Parallel()
	e := open(t, cache.Options{})
	l := layer(t, e, cache.LayerOptions[string]{})
	for i := range 2000 {
		id := fmt.Sprint("k", i)
		var made atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for {
					_, ok, lease := l.Claim(t.Context(), id)
					if ok {
						return
					}
					if !lease.Held() {
						lease.Release(t.Context())
						continue
					}
					made.Add(1)
					if _, err := lease.Fill(t.Context(), "v", cache.Fill{}); err != nil {
						t.Error(err)
					}
					return
				}
			})
		}
		all.Wait()
		if made.Load() != 1 {
			t.Fatalf("%s was made %d times", id, made.Load())
		}
	}
}
