package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Error is a refusal by the server, or a failure that it reported in the
// midst of a stream (with Status 200, since the answer had begun).
type Error struct {
	Status     int           // of HTTP
	Code       string        // such as "not_found" or "rate_limit_exceeded"; may be empty
	Type       string        // such as "invalid_request_error"; may be empty
	Param      string        // the field at fault; may be empty
	Message    string        // in plain words
	RequestID  string        // what the server's log has
	RetryAfter time.Duration // how long to wait before asking again; 0 when the server didn't say
}

// Error gives the message with the status, code and request id.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the server answered %d", e.Status)
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	fmt.Fprintf(&b, ": %s", e.Message)
	if e.RequestID != "" {
		fmt.Fprintf(&b, " [%s]", e.RequestID)
	}
	return b.String()
}

const (
	maxErrorBody    = 1 << 20
	maxErrorMessage = 300 // of a body that is no error envelope, in bytes
	requestIDHeader = "X-Request-Id"
)

// readError makes an Error of an answer and closes its body.
func readError(resp *http.Response) *Error {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	e := parseError(body)
	e.Status = resp.StatusCode
	e.RequestID = resp.Header.Get(requestIDHeader)
	e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"))
	if e.Message == "" {
		e.Message = http.StatusText(resp.StatusCode)
	}
	return e
}

// envelope is the error body of both APIs: {"error":{...}} of the
// OpenAI-shaped one, and {"status":"error","message":...} of the cache API.
type envelope struct {
	Error   *wireError `json:"error"`
	Status  any        `json:"status"`
	Message string     `json:"message"`
}

type wireError struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"param"`
	Code    any    `json:"code"` // some servers send a number
}

func (w *wireError) err() *Error {
	e := &Error{Message: w.Message, Type: w.Type, Param: w.Param}
	if w.Code != nil {
		e.Code = fmt.Sprint(w.Code)
	}
	return e
}

func parseError(body []byte) *Error {
	var v envelope
	if json.Unmarshal(body, &v) == nil {
		if v.Error != nil {
			return v.Error.err()
		}
		if v.Message != "" {
			return &Error{Message: v.Message}
		}
	}
	// Something in between answered: a proxy, or another server altogether.
	return &Error{Message: printable(body)}
}

// printable shortens a foreign body to one line that is safe on a terminal.
func printable(body []byte) string {
	body = body[:min(len(body), maxErrorMessage)]
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t':
			return ' '
		case !unicode.IsPrint(r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, string(body)))
}

// retryAfter reads the header's seconds; dates are not used by deja.
func retryAfter(header string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(header))
	if err != nil || n < 0 || n > 24*60*60 {
		return 0
	}
	return time.Duration(n) * time.Second
}
