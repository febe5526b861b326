package middleware

import (
	"net/http"

	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/telemetry"
)

// Spans makes an OpenTelemetry span of each request, with one below it for
// each layer of the cache that it looked into. It goes inside Observe, whose
// trace it reads. Without a Telemetry that traces it costs nothing.
func Spans(t *telemetry.Telemetry) Middleware {
	return func(next http.Handler) http.Handler {
		if !t.Tracing() {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := exchangeOf(w, r)
			trace := layers.TraceFrom(r.Context())
			ctx, span := t.Begin(r)
			r = r.WithContext(ctx)
			x.traceID = span.TraceID()
			defer func() {
				span.End(telemetry.Ended{
					Method: method(r), Route: x.label(r), Status: x.sent(), Outcome: x.Header().Get(outcomeHeader),
					Layers: trace.Spans(), Began: trace.Began(),
				})
			}()
			next.ServeHTTP(w, r)
		})
	}
}
