package middleware

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// exchange is what the middlewares of one request know together. It is written
// by the request's own goroutine only.
type exchange struct {
	id      string
	traceID string // "" when the request is not traced
	route   string // pattern of the mux that matched
	client  Client
	*recorder
}

type exchangeKey struct{}

// exchangeOf gives the request's exchange, with the ResponseWriter and Request
// to pass on. The outermost middleware makes it.
func exchangeOf(w http.ResponseWriter, r *http.Request) (*exchange, http.ResponseWriter, *http.Request) {
	if x, ok := r.Context().Value(exchangeKey{}).(*exchange); ok {
		return x, w, r
	}
	rec := &recorder{ResponseWriter: w, started: time.Now()}
	x := &exchange{recorder: rec}
	return x, rec, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
}

// Unmatched is the route of requests that no pattern matched, or that were
// refused before they got that far.
const Unmatched = "unmatched"

// label gives the route with its method: a bounded number of them.
func (x *exchange) label(r *http.Request) string {
	pattern := x.route
	if pattern == "" {
		pattern = r.Pattern
	}
	switch {
	case pattern == "":
		return Unmatched
	case strings.Contains(pattern, " "):
		return pattern
	}
	return method(r) + " " + pattern
}

// method gives the request's method, if it is one of those that there are:
// clients may write what they like there.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "OTHER"
}

// Route remembers which pattern matched: the innermost middleware, around the
// mux itself, since a mux tells nobody outside once the request was copied.
func Route() Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := exchangeOf(w, r)
			defer func() { x.route = r.Pattern }()
			next.ServeHTTP(w, r)
		})
	}
}

// recorder is a ResponseWriter that remembers what went through it.
type recorder struct {
	http.ResponseWriter
	started time.Time
	first   time.Duration // until the header was sent
	status  int           // 0 until then
	bytes   int64
}

// Unwrap lets http.ResponseController find what it needs.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the header, once; informational ones may precede it.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.begin(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// FlushError sends what is buffered; http.ResponseController calls it.
func (w *recorder) FlushError() error {
	if w.status == 0 {
		w.begin(http.StatusOK)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush is FlushError for handlers that ask for an http.Flusher.
func (w *recorder) Flush() { _ = w.FlushError() }

func (w *recorder) begin(status int) { w.status, w.first = status, time.Since(w.started) }

// sent gives the status that the client sees: the server sends 200 for a
// handler that returns without having written anything.
func (w *recorder) sent() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
