package middleware

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/ratelimit"
)

// refusal is what the tests' Refuser answers.
type refusal struct {
	Code    deja.Code
	Message string
}

var statuses = map[deja.Code]int{
	deja.CodeUnauthorized: 401, deja.CodeForbidden: 403, deja.CodeRateLimited: 429, deja.CodeInternal: 500, deja.CodeCancelled: 499,
}

func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	w.WriteHeader(statuses[deja.ErrorCode(err)])
	_ = json.NewEncoder(w).Encode(refusal{deja.ErrorCode(err), deja.ErrorMessage(err)})
}

// all gives every middleware, in the order of the package's text.
func all(t *testing.T) []Middleware {
	t.Helper()
	guard, err := Guard(GuardOptions{}, refuse)
	if err != nil {
		t.Fatal(err)
	}
	limiter, err := ratelimit.New(ratelimit.Options{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = limiter.Close() })
	log := slog.New(slog.DiscardHandler)
	return []Middleware{
		RequestID(), AccessLog(log), Observe(monitor.New(monitor.Options{})), Recover(log, refuse),
		SecurityHeaders(), guard, Identify(nil), Authenticate(nil, nil, refuse), RateLimit(limiter, true, refuse), Route(),
	}
}

// journal is a log that can be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

// records gives the lines of a JSON log.
func (j *journal) records(t *testing.T) []map[string]any {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []map[string]any
	for line := range bytes.Lines(j.b.Bytes()) {
		var r map[string]any
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}
