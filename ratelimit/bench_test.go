package ratelimit

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja/internal/redistest"
)

// benchmarkAllow runs callers per processor, each a client of its own.
func benchmarkAllow(b *testing.B, l *Limiter, callers int, want Source) {
	b.ReportAllocs()
	b.SetParallelism(callers)
	var next atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		id := "client_" + strconv.FormatInt(next.Add(1), 10)
		for pb.Next() {
			if r, err := l.Allow(b.Context(), id, 1); err != nil || r.Source != want {
				b.Errorf("%+v, %v", r, err)
				return
			}
		}
	})
}

func BenchmarkLocal(b *testing.B) {
	benchmarkAllow(b, limiterFor(b, Options{Limit: maxLimit}), 1, FromLocal)
}

func BenchmarkRedis(b *testing.B) {
	s := redistest.Start(b)
	l := overRedis(b, s, Options{Limit: maxLimit, Window: time.Hour})
	for _, callers := range []int{1, 32} {
		b.Run(strconv.Itoa(callers)+"-per-cpu", func(b *testing.B) { benchmarkAllow(b, l, callers, FromRedis) })
	}
}

func BenchmarkKey(b *testing.B) {
	l := limiterFor(b, Options{Limit: 1})
	for name, id := range map[string]string{"plain": "ip_10.0.0.1", "digest": "a key that is not plain"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Key(id)
			}
		})
	}
}
