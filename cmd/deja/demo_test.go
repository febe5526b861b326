package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/dejahq/deja/internal/redistest"
)

// TestDemo: the tour of a newcomer answers every repeat without a model call,
// and saves nine of ten queries, with and without Redis.
func TestDemo(t *testing.T) {
	for name, args := range map[string]func(t *testing.T) []string{
		"alone":      func(*testing.T) []string { return nil },
		"with redis": func(t *testing.T) []string { return []string{"--redis-url=" + redistest.Start(t).URL()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), func() {}, append([]string{"demo", "--exit", "--json"}, args(t)...), terminal{stdout: &stdout, stderr: &stderr})
			if code != exitOK {
				t.Fatalf("exit status %d\n%s", code, stderr.String())
			}
			var s tourSummary
			dec := json.NewDecoder(&stdout)
			dec.DisallowUnknownFields()
			if err := dec.Decode(&s); err != nil {
				t.Fatal(err)
			}
			if s.Questions < 10 || s.Repeats < 2*s.Questions {
				t.Errorf("a small tour: %+v", s)
			}
			if s.HitRate != 100 || s.ModelCallsAvoided < int64(s.Repeats) {
				t.Errorf("a repeat cost a model call: %+v", s)
			}
			if got := share(s.StoreQueriesAvoided, s.StoreQueries); got < 90 {
				t.Errorf("%.1f %% of the queries avoided, want 90: %+v", got, s)
			}
			if s.StoreQueries == 0 || s.ModelCalls < int64(s.Questions) {
				t.Errorf("too good to be true: %+v", s)
			}
		})
	}
}
