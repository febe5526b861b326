package middleware

import (
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// maxLoggedPath keeps a client from filling the log with one request.
const maxLoggedPath = 200

// AccessLog logs each request when it has ended: method, route, path without
// its query, status, bytes sent, duration, time to the first byte, what the
// cache had to do with it, and the client. Headers, queries and bodies are
// never logged. Server errors are logged as errors, everything else as info.
func AccessLog(log *slog.Logger) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := exchangeOf(w, r)
			defer func() { x.log(log, r) }()
			next.ServeHTTP(w, r)
		})
	}
}

func (x *exchange) log(log *slog.Logger, r *http.Request) {
	level := slog.LevelInfo
	if x.sent() >= 500 {
		level = slog.LevelError
	}
	if !log.Enabled(r.Context(), level) {
		return
	}
	path := r.URL.Path
	path = strings.ToValidUTF8(path[:min(len(path), maxLoggedPath)], "")
	attrs := []slog.Attr{
		slog.String("route", x.label(r)),
		slog.String("path", path),
		slog.Int("status", x.sent()),
		slog.Int64("bytes", x.bytes),
		slog.Duration("duration", time.Since(x.started)),
	}
	if x.status != 0 {
		attrs = append(attrs, slog.Duration("first_byte", x.first))
	}
	if outcome := x.Header().Get(outcomeHeader); outcome != "" {
		attrs = append(attrs, slog.String("cache", outcome))
	}
	if x.client.ID != "" {
		attrs = append(attrs, slog.String("client", x.client.ID))
	}
	log.LogAttrs(r.Context(), level, "request", attrs...)
}
