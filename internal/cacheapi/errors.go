package cacheapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/dejahq/deja"
)

// errMethod marks the one error whose status only HTTP knows.
var errMethod = errors.New("method not allowed")

// failure is the body of every error.
type failure struct {
	Status  string `json:"status"` // "error"
	Message string `json:"message"`
}

// statusOf turns deja's codes into HTTP. It is the only place that does.
func statusOf(err error) int {
	if errors.Is(err, errMethod) {
		return http.StatusMethodNotAllowed
	}
	switch deja.ErrorCode(err) {
	case deja.CodeInvalid:
		return http.StatusBadRequest
	case deja.CodeUnauthorized:
		return http.StatusUnauthorized
	case deja.CodeForbidden:
		return http.StatusForbidden
	case deja.CodeNotFound:
		return http.StatusNotFound
	case deja.CodeConflict, deja.CodeActiveRun:
		return http.StatusConflict
	case deja.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case deja.CodeUnsupported:
		return http.StatusUnsupportedMediaType
	case deja.CodeRateLimited:
		return http.StatusTooManyRequests
	case deja.CodeUnavailable:
		return http.StatusServiceUnavailable
	case deja.CodeCancelled:
		return 499 // what proxies log for a client that left before the answer
	}
	return http.StatusInternalServerError
}

// WriteError answers a request with an error in this API's shape. It is also
// for errors that arise before a request gets here, in authentication or limits.
func (a *API) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		err = deja.Wrap(deja.CodeCancelled, err, "The client went away.")
	}
	status := statusOf(err)
	level := slog.LevelDebug
	if status >= 500 {
		level = slog.LevelError
	}
	a.log.LogAttrs(r.Context(), level, "request failed",
		slog.String("method", r.Method), slog.String("route", r.Pattern),
		slog.Int("status", status), slog.Any("error", err))
	if e, ok := errors.AsType[*deja.Error](err); ok && e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
	}
	a.write(w, status, failure{Status: "error", Message: deja.ErrorMessage(err)})
}

// write sends v as JSON. What can't be sent is the client's loss: there is
// nobody left to tell.
func (a *API) write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"status":"error","message":"The answer cannot be encoded."}`)
		a.log.Error("an answer cannot be encoded", "error", err)
	}
	b = append(b, '\n')
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// stamp is a point in time as all answers show it: UTC, to the millisecond.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
