package middleware

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/dejahq/deja/internal/redistest"
	"github.com/dejahq/deja/ratelimit"
)

func limited(t *testing.T, o ratelimit.Options, loopback bool) func(from string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	limiter, err := ratelimit.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = limiter.Close() })
	if err := limiter.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Identify(nil), RateLimit(limiter, loopback, refuse))
	return func(from string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = from + ":1"
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	ask := limited(t, ratelimit.Options{Limit: 3}, false)
	for i := range 3 {
		if w := ask("203.0.113.7"); w.Code != 200 || w.Header().Get("X-Ratelimit-Limit-Requests") != "3" {
			t.Errorf("request %d: %d, %v", i, w.Code, w.Header())
		}
	}
	w := ask("203.0.113.7")
	if w.Code != 429 || w.Header().Get("Retry-After") == "" || w.Header().Get("X-Ratelimit-Remaining-Requests") != "0" {
		t.Errorf("the request above the limit: %d, %v", w.Code, w.Header())
	}
	if w := ask("203.0.113.8"); w.Code != 200 {
		t.Errorf("another client: %d", w.Code)
	}
	for range 5 {
		if w := ask("127.0.0.1"); w.Code != 200 || w.Header().Get("X-Ratelimit-Limit-Requests") != "" {
			t.Errorf("loopback: %d, %v", w.Code, w.Header())
		}
	}
	// A proxy on this machine that nobody trusts must not open the gate.
	for range 3 {
		ask("127.0.0.1", "X-Forwarded-For", "198.51.100.1")
	}
	if w := ask("127.0.0.1", "X-Forwarded-For", "198.51.100.1"); w.Code != 429 {
		t.Errorf("through a proxy: %d", w.Code)
	}
}

func TestRateLimitOnLoopback(t *testing.T) {
	t.Parallel()
	ask := limited(t, ratelimit.Options{Limit: 1}, true)
	if first, second := ask("127.0.0.1"), ask("127.0.0.1"); first.Code != 200 || second.Code != 429 {
		t.Errorf("%d, then %d", first.Code, second.Code)
	}
}

// Two nodes on one Redis count together, under the key that operators know.
func TestRateLimitOnRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	o := ratelimit.Options{Limit: 2, Redis: &ratelimit.RedisOptions{URL: redis.URL()}}
	one, two := limited(t, o, false), limited(t, o, false)
	if a, b, c := one("203.0.113.7"), two("203.0.113.7"), one("203.0.113.7"); a.Code != 200 || b.Code != 200 || c.Code != 429 {
		t.Errorf("%d, %d, %d", a.Code, b.Code, c.Code)
	}
	if got, err := redis.Do("GET", "rate_limit:ip_203.0.113.7:60"); err != nil {
		t.Error(err)
	} else if s, _ := got.ToString(); s != "2" {
		t.Errorf("Redis has %q", s)
	}
}

func TestRateLimitOfAClientThatLeft(t *testing.T) {
	t.Parallel()
	limiter, err := ratelimit.New(ratelimit.Options{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = limiter.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was let in") }), Identify(nil), RateLimit(limiter, true, refuse)).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
	if w.Code != 499 {
		t.Errorf("status %d", w.Code)
	}
}
