package cache_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/redis/rueidis"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// BenchmarkMemoryHit compares a hit in memory with otter's own lookup, as
// otter is used here (expiry, weigher, coarse clock).
func BenchmarkMemoryHit(b *testing.B) {
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprint("asst_", i)
	}
	b.Run("otter", func(b *testing.B) {
		clock := otter.NewCoarseClock(5 * time.Millisecond)
		defer clock.Stop()
		c := otter.Must(&otter.Options[string, string]{
			MaximumWeight:    64 << 20,
			Weigher:          func(k, v string) uint32 { return uint32(len(k) + len(v)) },
			ExpiryCalculator: otter.ExpiryWriting[string, string](time.Hour),
			Clock:            clock,
		})
		defer c.StopAllGoroutines()
		for _, id := range ids {
			c.Set(id, "v")
		}
		parallel(b, func(i int) {
			if _, ok := c.GetIfPresent(ids[i%1000]); !ok {
				b.Error("miss")
			}
		})
	})
	b.Run("otterload", func(b *testing.B) {
		c := otter.Must(&otter.Options[string, string]{
			MaximumWeight:    64 << 20,
			Weigher:          func(k, v string) uint32 { return uint32(len(k) + len(v)) },
			ExpiryCalculator: otter.ExpiryWriting[string, string](time.Hour),
		})
		defer c.StopAllGoroutines()
		var load otter.LoaderFunc[string, string] = func(context.Context, string) (string, error) { return "v", nil }
		for _, id := range ids {
			c.Set(id, "v")
		}
		ctx := context.Background()
		parallel(b, func(i int) {
			if _, err := c.Get(ctx, ids[i%1000], load); err != nil {
				b.Error("miss")
			}
		})
	})
	for _, groups := range []int{0, 1} {
		b.Run(fmt.Sprintf("deja/groups=%d", groups), func(b *testing.B) {
			e, l := benchEngine[string](b, cache.Options{})
			defer e.Close()
			load := func(context.Context, *cache.Fill) (string, error) { return "v", nil }
			get := func(id string) (string, error) { return l.Get(context.Background(), id, load) }
			if groups == 1 {
				get = func(id string) (string, error) { return l.Get(context.Background(), id, load, cache.InGroup("g")) }
			}
			for _, id := range ids {
				_, _ = get(id)
			}
			parallel(b, func(i int) {
				if _, err := get(ids[i%1000]); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// parallel times f, by the clock and by the processor time that the process
// takes: other work on the machine disturbs that less.
func parallel(b *testing.B, f func(i int)) {
	b.ReportAllocs()
	before := processorTime()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			f(i)
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchEngine[V any](b *testing.B, o cache.Options) (*cache.Engine, *cache.Layer[V]) {
	b.Helper()
	e, err := cache.Open(context.Background(), o)
	if err != nil {
		b.Fatal(err)
	}
	l, err := cache.NewLayer(e, cache.LayerOptions[V]{Name: "bench", TTL: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	return e, l
}

type document struct {
	Name string   `json:"name"`
	Text string   `json:"text"`
	Tags []string `json:"tags"`
}

// BenchmarkRedisHit compares a hit in Redis, memory being too small to help,
// with a bare GET of the same size and the same decoding.
func BenchmarkRedisHit(b *testing.B) {
	srv := redistest.Start(b)
	const keys = 20_000
	doc := document{Name: "thing", Text: strings.Repeat("lorem ipsum ", 80), Tags: []string{"a", "b"}}
	e, l := benchEngine[document](b, cache.Options{
		Redis: &cache.RedisOptions{URL: srv.URL()}, MemoryBytes: 64 << 10, SoftTimeout: 5 * time.Second, HardTimeout: 5 * time.Second,
	})
	defer e.Close()
	option := srv.ClientOption()
	option.DisableCache, option.PipelineMultiplex, option.MaxFlushDelay = true, -1, 20*time.Microsecond
	bare, err := rueidis.NewClient(option)
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	encoded, _ := json.Marshal(doc)
	ids := make([]string, keys)
	var wg sync.WaitGroup
	for w := range 32 {
		wg.Go(func() {
			for i := w; i < keys; i += 32 {
				ids[i] = fmt.Sprint("id", i)
				_, _ = l.Get(context.Background(), ids[i], func(context.Context, *cache.Fill) (document, error) { return doc, nil })
				_ = bare.Do(context.Background(), bare.B().Set().Key("bare:"+ids[i]).Value(string(encoded)).Build()).Error()
			}
		})
	}
	wg.Wait()
	for _, callers := range []int{1, 64, 512} {
		run := func(b *testing.B, get func(id string) (document, error)) {
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if d, err := get(ids[rand.N(keys)]); err != nil || d.Name != "thing" {
							b.Error(d, err)
							return
						}
					}
				})
			}
			wg.Wait()
		}
		b.Run(fmt.Sprintf("rueidis/callers=%d", callers), func(b *testing.B) {
			run(b, func(id string) (d document, err error) {
				err = bare.Do(context.Background(), bare.B().Get().Key("bare:"+id).Build()).DecodeJSON(&d)
				return d, err
			})
		})
		b.Run(fmt.Sprintf("deja/callers=%d", callers), func(b *testing.B) {
			run(b, func(id string) (document, error) {
				return l.Get(context.Background(), id, nil)
			})
		})
	}
}

// BenchmarkInvalidate shows that a group costs what a key costs.
func BenchmarkInvalidate(b *testing.B) {
	srv := redistest.Start(b)
	e, l := benchEngine[string](b, cache.Options{Redis: &cache.RedisOptions{URL: srv.URL()}, MemoryBytes: 256 << 20, SoftTimeout: 10 * time.Second, HardTimeout: 20 * time.Second})
	const entries = 100_000
	fillGroup(b, l, "large", entries)
	b.Run("key", func(b *testing.B) {
		for b.Loop() {
			if r, err := l.Invalidate(b.Context(), "x", 0); err != nil || !r.Remote {
				b.Fatal(r, err)
			}
		}
	})
	b.Run("group of 100000", func(b *testing.B) {
		for b.Loop() {
			if r, err := e.InvalidateGroup(b.Context(), "large"); err != nil || !r.Remote {
				b.Fatal(r, err)
			}
		}
	})
}
