package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/dejahq/deja"
)

// Recover answers a request whose handler panics with an internal error, and
// logs the panic with its stack. An answer that has begun is cut instead, so
// that the client does not take it for whole.
func Recover(log *slog.Logger, refuse Refuser) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := exchangeOf(w, r)
			defer func() {
				p := recover()
				if p == nil {
					return
				}
				if p == http.ErrAbortHandler {
					panic(p)
				}
				log.ErrorContext(r.Context(), "a handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				if x.status != 0 {
					panic(http.ErrAbortHandler)
				}
				clear(w.Header())
				if x.id != "" {
					w.Header().Set(RequestIDHeader, x.id)
				}
				refuse(w, r, deja.Errorf(deja.CodeInternal, "The server failed to answer this request."))
			}()
			next.ServeHTTP(w, r)
		})
	}
}
