package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dejahq/deja"
)

// upstreamFault is what a server said went wrong, for logs.
type upstreamFault struct {
	status    int // 0 for an error in mid-stream
	kind      string
	code      string
	param     string
	message   string // scrubbed
	requestID string
}

func (f upstreamFault) Error() string {
	var b strings.Builder
	b.WriteString("upstream")
	if f.status != 0 {
		fmt.Fprintf(&b, " status %d", f.status)
	}
	for _, s := range []string{f.kind, f.code, f.message} {
		if s != "" {
			b.WriteString(": " + s)
		}
	}
	if f.requestID != "" {
		b.WriteString(" (request " + f.requestID + ")")
	}
	return b.String()
}

// maxErrorBody is how much of an error's body is read.
const maxErrorBody = 64 << 10

// statusFault turns an answer with an HTTP error into an Error.
func (c *Client) statusFault(status int, header http.Header, body []byte) *deja.Error {
	f := c.parseFault(body)
	f.status = status
	f.requestID = c.scrub(header.Get("X-Request-Id"))
	e := f.toError()
	if e.Code != deja.CodeInvalid {
		e.RetryAfter = retryAfter(header, time.Now())
	}
	return e
}

// parseFault reads the error forms of OpenAI, and of servers that answer
// {"error":"text"}, {"message":...} or {"detail":...}.
func (c *Client) parseFault(body []byte) upstreamFault {
	type object struct {
		Message any `json:"message"`
		Type    any `json:"type"`
		Code    any `json:"code"`
		Param   any `json:"param"`
	}
	var outer struct {
		object
		Error  json.RawMessage `json:"error"`
		Detail json.RawMessage `json:"detail"`
	}
	var f upstreamFault
	if json.Unmarshal(body, &outer) != nil {
		return f
	}
	o := outer.object
	var text string
	switch {
	case json.Unmarshal(outer.Error, &text) == nil && text != "":
		o.Message = text
	case len(outer.Error) > 0 && outer.Error[0] == '{':
		o = object{}
		_ = json.Unmarshal(outer.Error, &o)
	case len(outer.Detail) > 0 && o.Message == nil:
		if json.Unmarshal(outer.Detail, &text) != nil {
			text = string(outer.Detail)
		}
		o.Message = text
	}
	f.kind, f.code, f.param, f.message = c.word(o.Type), c.word(o.Code), c.word(o.Param), c.word(o.Message)
	return f
}

// word gives the text of a field that is a string or a number.
func (c *Client) word(v any) string {
	switch v := v.(type) {
	case string:
		return c.scrub(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// toError chooses the code and the message that callers see. What the server
// said is shown only where the caller's own request is at fault.
func (f upstreamFault) toError() *deja.Error {
	status := f.status
	if status == 0 { // in mid-stream: the error itself must tell
		status, _ = strconv.Atoi(f.code)
	}
	is := func(words ...string) bool {
		for _, w := range words {
			if f.kind == w || f.code == w {
				return true
			}
		}
		return false
	}
	switch {
	case is("insufficient_quota"):
		return deja.Wrap(deja.CodeRateLimited, f, "The quota at the model's server is used up.")
	case status == http.StatusTooManyRequests, is("rate_limit_exceeded", "rate_limit_error"):
		return deja.Wrap(deja.CodeRateLimited, f, "The model's server is rate limiting.")
	case status == http.StatusUnauthorized, status == http.StatusForbidden, is("invalid_api_key", "authentication_error"):
		return deja.Wrap(deja.CodeUpstream, f, "The model's server refused deja's credentials.")
	case is("model_not_found"), status == http.StatusNotFound && strings.Contains(strings.ToLower(f.message), "model"):
		return deja.Wrap(deja.CodeInvalid, f, "The model's server does not have this model.").WithParam("model")
	case status == http.StatusNotFound:
		return deja.Wrap(deja.CodeUpstream, f, "The model's server has no chat completions at this address.")
	case status == http.StatusRequestEntityTooLarge:
		return deja.Wrap(deja.CodeTooLarge, f, "The request is larger than the model's server takes.")
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity, is("invalid_request_error"):
		message := "The model's server refused the request."
		if f.message != "" {
			message = "The model's server refused the request: " + f.message
		}
		return deja.Wrap(deja.CodeInvalid, f, message).WithParam(f.param)
	case f.status != 0:
		return deja.Wrap(deja.CodeUpstream, f, fmt.Sprintf("The model's server failed with status %d.", f.status))
	}
	return deja.Wrap(deja.CodeUpstream, f, "The model's server failed in the middle of its answer.")
}

// retryAfter reads how long a server wants callers to wait, at most a day.
func retryAfter(h http.Header, now time.Time) time.Duration {
	wait := func(v string, unit time.Duration) (time.Duration, bool) {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(n) || n < 0 {
			return 0, false
		}
		return time.Duration(min(n*float64(unit), float64(24*time.Hour))), true
	}
	if d, ok := wait(h.Get("Retry-After-Ms"), time.Millisecond); ok {
		return d
	}
	v := h.Get("Retry-After")
	if d, ok := wait(v, time.Second); ok {
		return d
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(t.Sub(now), 0), 24*time.Hour)
	}
	return 0
}

// The reasons for which a Client ends a call itself.
var (
	errTimeout    = errors.New("llm: the call took too long")
	errFirstToken = errors.New("llm: no first token")
	errIdle       = errors.New("llm: no further chunk")
)

// ended says why a call's context is over.
func (c *Client) ended(ctx context.Context) *deja.Error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errTimeout):
		return deja.Wrap(deja.CodeUpstream, cause, fmt.Sprintf("The model did not finish its answer within %v.", c.o.Timeout))
	case errors.Is(cause, errFirstToken):
		return deja.Wrap(deja.CodeUpstream, cause, fmt.Sprintf("The model did not begin to answer within %v.", c.o.FirstTokenTimeout))
	case errors.Is(cause, errIdle):
		return deja.Wrap(deja.CodeUpstream, cause, fmt.Sprintf("The model fell silent for %v in the middle of its answer.", c.o.IdleTimeout))
	case errors.Is(ctx.Err(), context.DeadlineExceeded): // the caller's own
		return deja.Wrap(deja.CodeUpstream, cause, "The model did not answer in time.")
	}
	return deja.Wrap(deja.CodeCancelled, cause, "The request was cancelled.")
}

func malformed(cause error) *deja.Error {
	return deja.Wrap(deja.CodeUpstream, cause, "The model's server sent something that is not an answer.")
}
