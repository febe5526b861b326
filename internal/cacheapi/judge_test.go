package cacheapi

import (
	"errors"
	"testing"

	"github.com/dejahq/deja/cache"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	away := errors.New("gone")
	for name, c := range map[string]struct {
		redis cache.Health
		store error
		want  string
		notes int
	}{
		"all is well":              {cache.Health{Configured: true, Connected: true, Breaker: "closed"}, nil, healthy, 0},
		"no Redis":                 {cache.Health{Breaker: "closed"}, nil, healthy, 1},
		"Redis is away":            {cache.Health{Configured: true, Breaker: "open"}, nil, unhealthy, 1},
		"Redis is not trusted yet": {cache.Health{Configured: true, Connected: true, Breaker: "open"}, nil, degraded, 1},
		"Redis is being tried":     {cache.Health{Configured: true, Connected: true, Breaker: "half-open"}, nil, degraded, 1},
		"the store is away":        {cache.Health{Configured: true, Connected: true, Breaker: "closed"}, away, unhealthy, 1},
		"the worse one counts":     {cache.Health{Configured: true, Connected: true, Breaker: "half-open"}, away, unhealthy, 2},
		"the store, without Redis": {cache.Health{}, away, unhealthy, 2},
		"both are away":            {cache.Health{Configured: true}, away, unhealthy, 2},
	} {
		if got, notes := judge(c.redis, "sqlite", c.store); got != c.want || len(notes) != c.notes || notes == nil {
			t.Errorf("%s: %s %q, want %s and %d notes", name, got, notes, c.want, c.notes)
		}
	}
}

func TestHuman(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0B", 1023: "1023B", 1024: "1.00K", 1536: "1.50K", 1 << 20: "1.00M", 1268776: "1.21M", 3 << 30: "3.00G", 5 << 40: "5.00T", 1 << 62: "4096.00P",
	} {
		if got := human(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
