package answer

import (
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/layers"
)

// TestMayBeStale holds each limit to its second: the server's, the policy's,
// the request's, and max-age as the lifetime.
func TestMayBeStale(t *testing.T) {
	t.Parallel()
	s := func(n time.Duration) *time.Duration { return new(n * time.Second) }
	for _, test := range []struct {
		age, past time.Duration // in seconds
		limit     time.Duration
		policy    *time.Duration
		request   *time.Duration
		maxAge    time.Duration
		want      bool
	}{
		{age: 110, past: 10, limit: 10, want: true},
		{age: 111, past: 11, limit: 10},
		{age: 110, past: 10, limit: 60, policy: s(10), want: true},
		{age: 111, past: 11, limit: 60, policy: s(10)},
		{age: 110, past: 10, limit: 60, request: s(10), want: true},
		{age: 111, past: 11, limit: 60, request: s(10)},
		{age: 111, past: 11, limit: 10, policy: s(60), request: s(60)},
		{age: 50, past: -50, limit: 60, want: true},
		{age: 50, past: -50, limit: 60, maxAge: 50, want: true},
		{age: 51, past: -49, limit: 60, maxAge: 50},
		{age: 60, past: -40, limit: 60, maxAge: 50, request: s(10), want: true},
		{age: 61, past: -39, limit: 60, maxAge: 50, request: s(10)},
		{age: 110, past: 10, limit: 60, maxAge: 500, request: s(10), want: true},
	} {
		c := &Control{StaleIfError: test.request, MaxAge: test.maxAge * time.Second}
		found := &layers.FoundAnswer{Age: test.age * time.Second, Past: test.past * time.Second}
		asst := &deja.Assistant{Caching: deja.Caching{StaleIfError: test.policy}}
		if got := mayBeStale(found, asst, c, test.limit*time.Second); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
}
