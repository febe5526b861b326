package openaiapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/dejahq/deja"
)

// envelope is the body of every error, as in the public OpenAI document.
type envelope struct {
	Error failure `json:"error"`
}

type failure struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// reason is an error code of the OpenAI API that says more than deja's code.
// It travels as the cause of a deja.Error.
type reason string

// Error gives the code.
func (r reason) Error() string { return string(r) }

// wrongMethod is the one reason that decides about the status too: deja has no
// code for it, because only HTTP has methods.
const wrongMethod reason = "method_not_allowed"

// reasoned makes an Error that shows why as the envelope's code.
func reasoned(code deja.Code, why reason, format string, args ...any) *deja.Error {
	e := deja.Errorf(code, format, args...)
	e.Err = why
	return e
}

// invalid makes an Error about one field of the request.
func invalid(param string, why reason, format string, args ...any) *deja.Error {
	return reasoned(deja.CodeInvalid, why, format, args...).WithParam(param)
}

// Types of errors, which SDKs show.
const (
	invalidRequest = "invalid_request_error"
	serverError    = "server_error"
)

// statusClosed is what proxies log for a client that left before the answer.
const statusClosed = 499

// kind turns deja's codes into HTTP. It is the only place that does.
func kind(code deja.Code) (status int, typ, why string) {
	switch code {
	case deja.CodeInvalid:
		return http.StatusBadRequest, invalidRequest, ""
	case deja.CodeActiveRun: // not 409: SDKs would retry at once, and the run takes its time
		return http.StatusBadRequest, invalidRequest, "active_run"
	case deja.CodeUnauthorized:
		return http.StatusUnauthorized, invalidRequest, "invalid_api_key"
	case deja.CodeForbidden:
		return http.StatusForbidden, invalidRequest, "forbidden"
	case deja.CodeNotFound:
		return http.StatusNotFound, invalidRequest, "not_found"
	case deja.CodeConflict:
		return http.StatusConflict, invalidRequest, "conflict"
	case deja.CodeTooLarge:
		return http.StatusRequestEntityTooLarge, invalidRequest, "too_large"
	case deja.CodeUnsupported:
		return http.StatusUnsupportedMediaType, invalidRequest, "unsupported"
	case deja.CodeRateLimited:
		return http.StatusTooManyRequests, "rate_limit_error", "rate_limit_exceeded"
	case deja.CodeUpstream:
		return http.StatusBadGateway, serverError, "upstream_error"
	case deja.CodeUnavailable:
		return http.StatusServiceUnavailable, serverError, "unavailable"
	case deja.CodeNotCached:
		return http.StatusGatewayTimeout, invalidRequest, "not_cached"
	case deja.CodeCancelled:
		return statusClosed, invalidRequest, "cancelled"
	}
	return http.StatusInternalServerError, serverError, "internal_error"
}

// describe gives the status and envelope of an error.
func describe(err error) (int, envelope) {
	code := deja.ErrorCode(err)
	if code == deja.CodeInternal && errors.Is(err, context.Canceled) {
		code = deja.CodeCancelled
	}
	status, typ, why := kind(code)
	f := failure{Message: deja.ErrorMessage(err), Type: typ}
	if e, ok := errors.AsType[*deja.Error](err); ok && e.Param != "" {
		f.Param = &e.Param
	}
	if r, ok := errors.AsType[reason](err); ok {
		why = string(r)
		if r == wrongMethod {
			status = http.StatusMethodNotAllowed
		}
	}
	if why != "" {
		f.Code = &why
	}
	return status, envelope{Error: f}
}

// WriteError answers a request with an error in the OpenAI shape. It is for
// errors that arise before a request gets here, in authentication or limits.
func (a *API) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	rw, ok := w.(*response)
	if !ok {
		rw = &response{ResponseWriter: w}
	}
	a.fail(rw, r, err)
}

// fail logs an error, once, and answers with it if nothing has been sent yet.
func (a *API) fail(w *response, r *http.Request, err error) {
	if r.Context().Err() != nil && deja.ErrorCode(err) != deja.CodeCancelled && errors.Is(err, context.Canceled) {
		err = deja.Wrap(deja.CodeCancelled, err, "The client went away.")
	}
	status, body := describe(err)
	level := slog.LevelDebug
	if status >= 500 && status != http.StatusGatewayTimeout {
		level = slog.LevelError
	}
	a.log.LogAttrs(r.Context(), level, "request failed",
		slog.String("method", r.Method), slog.String("route", r.Pattern),
		slog.Int("status", status), slog.Any("error", err))
	if w.began {
		return
	}
	h := w.Header()
	for _, name := range []string{"Content-Type", "Content-Length", "X-Accel-Buffering"} {
		h.Del(name)
	}
	retry(h, status, err)
	// What can't be sent is the client's loss; there is nobody left to tell.
	_ = w.write(status, body)
}

// retry tells SDKs what they cannot know: how long to wait, and that some
// statuses which they retry by default will not change by themselves.
func retry(h http.Header, status int, err error) {
	if e, ok := errors.AsType[*deja.Error](err); ok && e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
		h.Set("Retry-After-Ms", strconv.FormatInt(max(1, e.RetryAfter.Milliseconds()), 10))
	}
	if status == http.StatusConflict || status == http.StatusGatewayTimeout {
		h.Set("X-Should-Retry", "false")
	}
}
