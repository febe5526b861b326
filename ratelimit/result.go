package ratelimit

import (
	"net/http"
	"strconv"
	"time"
)

// Result is a decision on one request.
type Result struct {
	Allowed   bool
	Limit     int64 // per window
	Remaining int64 // of it, what is left in this window
	// ResetAfter is when the window ends and the whole limit is there again;
	// at least 1 ms.
	ResetAfter time.Duration
	// RetryAfter is when a refused request can succeed; 0 when it was allowed.
	RetryAfter time.Duration
	Source     Source
}

// Source says who decided.
type Source string

// The sources.
const (
	FromRedis Source = "redis" // the count of all nodes
	FromLocal Source = "local" // this node's own count
)

// Header sets the fields that OpenAI's clients read: x-ratelimit-limit-requests,
// x-ratelimit-remaining-requests and x-ratelimit-reset-requests (a duration
// such as 12ms or 59.2s), and, when the request was refused, Retry-After (RFC
// 9110, section 10.2.3: whole seconds, rounded up) and retry-after-ms.
func (r Result) Header(h http.Header) {
	h.Set("x-ratelimit-limit-requests", strconv.FormatInt(r.Limit, 10))
	h.Set("x-ratelimit-remaining-requests", strconv.FormatInt(r.Remaining, 10))
	h.Set("x-ratelimit-reset-requests", formatReset(r.ResetAfter))
	if r.Allowed {
		return
	}
	h.Set("Retry-After", strconv.FormatInt(roundUp(r.RetryAfter, time.Second), 10))
	h.Set("retry-after-ms", strconv.FormatInt(roundUp(r.RetryAfter, time.Millisecond), 10))
}

// formatReset writes milliseconds below a second, and seconds above, without
// the minutes that Go's own form would have.
func formatReset(d time.Duration) string {
	ms := roundUp(d, time.Millisecond)
	if ms < 1000 {
		return strconv.FormatInt(ms, 10) + "ms"
	}
	return strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64) + "s"
}

func roundUp(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }
