// Package middleware holds what all requests go through before they reach an
// API, each piece by itself: request ids, the access log, recovery, counting,
// who the client is, API keys, rate limits, and guards against web pages of
// others. The order that works, from the outside in:
//
//	Chain(mux, RequestID(), AccessLog(log), Observe(monitor), Recover(log, fail),
//		SecurityHeaders(), Guard(...), Identify(...), Authenticate(...), RateLimit(...), Route())
//
// Whatever is refused is answered by a Refuser, in the shape of the API that
// was asked.
package middleware

import "net/http"

// Middleware wraps a handler.
type Middleware func(http.Handler) http.Handler

// Refuser answers a request with an error in the shape of the API that was
// asked. The error is a *deja.Error.
type Refuser func(w http.ResponseWriter, r *http.Request, err error)

// Chain wraps h in middlewares; the first is the outermost.
func Chain(h http.Handler, ms ...Middleware) http.Handler {
	for i := len(ms) - 1; i >= 0; i-- {
		h = ms[i](h)
	}
	return h
}
