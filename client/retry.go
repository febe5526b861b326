package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	firstWait   = 100 * time.Millisecond
	longestWait = 10 * time.Second
)

// again decides whether a failed attempt (the first is 0) is worth another,
// and after which time.
func (c *Client) again(ctx context.Context, method string, attempt int, err error) (time.Duration, bool) {
	if method != http.MethodGet || attempt >= c.retries || ctx.Err() != nil {
		return 0, false
	}
	wait := firstWait << (2 * min(attempt, 3))
	wait += rand.N(wait / 4)
	refused, ok := errors.AsType[*Error](err)
	if !ok {
		return wait, true // no answer at all
	}
	switch refused.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return max(wait, refused.RetryAfter), refused.RetryAfter <= longestWait
	}
	return 0, false
}

// pause waits, and reports false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
