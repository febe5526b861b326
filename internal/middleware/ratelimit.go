package middleware

import (
	"net/http"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/ratelimit"
)

// RateLimit counts each request against its client's limit and refuses those
// above it. Programs on this machine (Client.Loopback) are not limited unless
// loopback is set. It needs Identify before it.
func RateLimit(limiter *ratelimit.Limiter, loopback bool, refuse Refuser) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := exchangeOf(w, r)
			if x.client.Loopback && !loopback {
				next.ServeHTTP(w, r)
				return
			}
			result, err := limiter.Allow(r.Context(), x.client.ID, 1)
			if err != nil {
				code := deja.CodeInternal
				if r.Context().Err() != nil {
					code = deja.CodeCancelled
				}
				refuse(w, r, deja.Wrap(code, err, "The rate limit could not be checked."))
				return
			}
			result.Header(w.Header())
			if !result.Allowed {
				limited := deja.Errorf(deja.CodeRateLimited, "Too many requests: %d are allowed per window.", result.Limit)
				limited.RetryAfter = result.RetryAfter
				refuse(w, r, limited)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
