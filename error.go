package deja

import (
	"errors"
	"fmt"
	"time"
)

// Code says what kind of thing went wrong. One place per protocol turns codes
// into statuses; nothing else does.
type Code string

// The codes that an Error can carry.
const (
	CodeInvalid      Code = "invalid"      // the request is wrong; saying it again will not help
	CodeUnauthorized Code = "unauthorized" // no credentials, or wrong ones
	CodeForbidden    Code = "forbidden"    // refused, whoever asks: another site's page, a host name that is not ours
	CodeNotFound     Code = "not_found"    // there is no such thing
	CodeConflict     Code = "conflict"     // the thing changed since it was read
	CodeActiveRun    Code = "active_run"   // the thread is busy with another run
	CodeTooLarge     Code = "too_large"    // over a size or row limit
	CodeUnsupported  Code = "unsupported"  // a media type or feature that deja does not have
	CodeRateLimited  Code = "rate_limited" // too many requests
	CodeUpstream     Code = "upstream"     // the model's server failed
	CodeUnavailable  Code = "unavailable"  // a part that deja needs is away
	CodeNotCached    Code = "not_cached"   // only-if-cached was asked for and nothing is cached
	CodeInternal     Code = "internal"     // a fault of deja's own
	CodeCancelled    Code = "cancelled"    // the caller went away
)

// Error is a code, a message that is safe to show to a client, and the cause,
// which is for logs only.
type Error struct {
	Code    Code
	Message string // safe to show
	Param   string // the request field at fault, if one is

	// RetryAfter is how long to wait before trying again, when a server or a
	// limiter said so; 0 when nobody did.
	RetryAfter time.Duration

	Err error // the cause; never shown to clients
}

// Error gives the message with its cause, for logs.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error whose message is safe to show. A %w operand becomes
// the cause and is part of the message only if the format says so.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Wrap makes an Error with a safe message around a cause that is not safe.
func Wrap(code Code, err error, message string) *Error {
	return &Error{Code: code, Message: message, Err: err}
}

// WithParam names the request field at fault.
func (e *Error) WithParam(param string) *Error {
	e.Param = param
	return e
}

// ErrorCode gives the code of the first Error in err's chain, CodeInternal for
// an error without one, and "" for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// ErrorMessage gives the message of the first Error in err's chain, or a
// neutral sentence for an error without one.
func ErrorMessage(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	return "An internal error occurred."
}
