package middleware

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/dejahq/deja"
)

// RequestIDHeader carries the request's id, both ways.
const RequestIDHeader = "X-Request-Id"

// maxRequestID is more than any id that is made for this purpose.
const maxRequestID = 128

// RequestID gives each request an id: the one that the client or a proxy sent,
// if it can be logged without a second thought, or else a new one. The answer
// carries it, and so do log records (see LogHandler).
func RequestID() Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := exchangeOf(w, r)
			x.id = r.Header.Get(RequestIDHeader)
			if !saneRequestID(x.id) {
				x.id = deja.NewID(deja.RequestPrefix)
			}
			w.Header().Set(RequestIDHeader, x.id)
			next.ServeHTTP(w, r)
		})
	}
}

func saneRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}

// RequestIDFrom gives the id of the context's request, "" without one.
func RequestIDFrom(ctx context.Context) string {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x.id
	}
	return ""
}

// LogHandler adds the request's id, as request_id, and its trace, as trace_id
// when it is traced, to the records of an inner handler that are logged with a
// request's context.
func LogHandler(inner slog.Handler) slog.Handler { return logHandler{inner} }

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, record slog.Record) error {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok && x.id != "" {
		record = record.Clone() // others may hold it too
		record.AddAttrs(slog.String("request_id", x.id))
		if x.traceID != "" {
			record.AddAttrs(slog.String("trace_id", x.traceID))
		}
	}
	return h.Handler.Handle(ctx, record)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }
