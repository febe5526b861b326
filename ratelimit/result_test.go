package ratelimit

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHeader(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		result Result
		want   http.Header
	}{
		{
			Result{Allowed: true, Limit: 60, Remaining: 59, ResetAfter: time.Minute},
			http.Header{
				"X-Ratelimit-Limit-Requests": {"60"}, "X-Ratelimit-Remaining-Requests": {"59"},
				"X-Ratelimit-Reset-Requests": {"60s"},
			},
		},
		{
			Result{Limit: 60, ResetAfter: 1200*time.Millisecond + 1, RetryAfter: 1200*time.Millisecond + 1},
			http.Header{
				"X-Ratelimit-Limit-Requests": {"60"}, "X-Ratelimit-Remaining-Requests": {"0"},
				"X-Ratelimit-Reset-Requests": {"1.201s"}, "Retry-After": {"2"}, "Retry-After-Ms": {"1201"},
			},
		},
		{
			Result{Limit: 1, ResetAfter: 12 * time.Millisecond, RetryAfter: 12 * time.Millisecond},
			http.Header{
				"X-Ratelimit-Limit-Requests": {"1"}, "X-Ratelimit-Remaining-Requests": {"0"},
				"X-Ratelimit-Reset-Requests": {"12ms"}, "Retry-After": {"1"}, "Retry-After-Ms": {"12"},
			},
		},
	} {
		got := make(http.Header)
		tc.result.Header(got)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tc.result, diff)
		}
		if d, err := time.ParseDuration(got.Get("x-ratelimit-reset-requests")); err != nil || d < tc.result.ResetAfter {
			t.Errorf("reset %v, %v", d, err)
		}
	}
}
