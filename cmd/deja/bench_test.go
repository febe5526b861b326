package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// runBench runs the command in this process and gives what it prints as JSON.
func runBench(t *testing.T, args ...string) *benchReport {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), func() {}, append([]string{"bench", "--json"}, args...), terminal{stdout: &stdout, stderr: &stderr})
	if code != exitOK {
		t.Fatalf("exit status %d\n%s", code, stderr.String())
	}
	r := new(benchReport)
	dec := json.NewDecoder(&stdout)
	dec.DisallowUnknownFields()
	if err := dec.Decode(r); err != nil {
		t.Fatal(err)
	}
	return r
}

var quick = []string{"--latency=5ms", "--token-rate=20000", "--concurrency=8"}

// TestBenchCounts: with the caches off each question costs a model call and
// two queries (assistant and schema); with them on, each different question
// costs one call and each assistant two queries, and nothing else does.
func TestBenchCounts(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{
		"chat completions": nil,
		"threads":          {"--threads"},
		"paced":            {"--rate=400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"--requests=120", "--questions=12", "--assistants=2"}, quick...)
			r := runBench(t, append(args, more...)...)
			if r.Workload.Requests != 120 || r.Workload.Distinct != 12 || r.Workload.Repeats != 90 {
				t.Fatalf("the workload: %+v", r.Workload)
			}
			off, on := r.Off, r.On
			if d := cmp.Diff(map[client.Outcome]int{client.Bypass: 120}, off.Outcomes); d != "" || off.ModelCalls != 120 || off.HitRate != 0 {
				t.Errorf("off: %+v\n%s", off, d)
			}
			each := int64(2)
			if more != nil && more[0] == "--threads" {
				each = 3 // the thread's context
			}
			if off.StoreQueries != each*120 || on.StoreQueries != 4 {
				t.Errorf("%d queries off, want %d; %d on, want 4", off.StoreQueries, each*120, on.StoreQueries)
			}
			if on.ModelCalls != 12 || on.Outcomes[client.Miss] != 12 || on.Outcomes[client.Hit]+on.Outcomes[client.Coalesced] != 108 || on.HitRate != 90 {
				t.Errorf("on: %+v", on)
			}
			if off.AnswerTokens <= on.AnswerTokens || on.Cost <= 0 || off.Cost <= on.Cost || r.Gains.ModelCallReduction != 90 {
				t.Errorf("savings: %+v, %+v, %+v", r.Gains, off, on)
			}
			if len(r.Warnings) > 0 || off.Failed+on.Failed > 0 {
				t.Errorf("%q, %d and %d failed", r.Warnings, off.Failed, on.Failed)
			}
			if off.P50 < 5 || off.P99 < off.P95 || off.P95 < off.P50 || off.Mean <= 0 || off.FirstP50 < 5 {
				t.Errorf("times: %+v", off)
			}
		})
	}
}

// TestBenchSendsNothing: what is played here is not told to the collector of
// the real thing.
func TestBenchSendsNothing(t *testing.T) {
	var told atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told.Add(1) }))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	runBench(t, append([]string{"--requests=2", "--questions=1", "--assistants=1"}, quick...)...)
	if n := told.Load(); n > 0 {
		t.Errorf("the collector was told something %d times", n)
	}
}

// TestBenchTraces replays small traces of both kinds, written for this test.
func TestBenchTraces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct {
		text               string
		requests, distinct int
		warnings           int
	}{
		"mooncake.jsonl": {`{"timestamp": 0, "input_length": 700, "output_length": 9, "hash_ids": [1, 2]}
{"timestamp": 40, "input_length": 800, "output_length": 30, "hash_ids": [1, 3]}
{"timestamp": 80, "input_length": 700, "output_length": 9, "hash_ids": [1, 2]}
{"timestamp": 120, "input_length": 500, "output_length": 17, "hash_ids": [4]}
`, 4, 3, 1},
		"azure.csv": {"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n", 2, -1, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			r := runBench(t, append(quick, "--trace="+file, "--speed=2", "--assistants=2")...)
			if r.Workload.Requests != c.requests || r.Off.ModelCalls != int64(c.requests) || r.On.ModelCalls != int64(r.Workload.Distinct) {
				t.Errorf("%+v", r)
			}
			if c.distinct >= 0 && (r.Workload.Distinct != c.distinct || len(r.Warnings) != c.warnings) {
				t.Errorf("%+v, %q", r.Workload, r.Warnings)
			}
			if name == "mooncake.jsonl" && (r.Off.PromptTokens != 2700 || r.On.PromptTokens != 2000 || r.Off.AnswerTokens != 65 || r.On.AnswerTokens != 56) {
				t.Errorf("tokens: %+v, %+v", r.Off, r.On)
			}
		})
	}
}

// TestBenchFails: questions that fail are counted and shown, and end it with
// status 1; the assistants on the server go all the same.
func TestBenchFails(t *testing.T) {
	t.Parallel()
	model, flags := scriptedModel(t)
	model.On(llmtest.AskedAbout("item number 0?"), llmtest.Status(400, "Not this one."))
	s, api := startNode(t, flags...)
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), func() {}, []string{
		"bench", "--json", "--server=" + s.url, "--model=m", "--yes",
		"--requests=20", "--questions=2", "--exponent=0", "--assistants=1", "--concurrency=2",
	}, terminal{stdout: &stdout, stderr: &stderr})
	if code != exitError {
		t.Fatalf("exit status %d\n%s", code, stderr.String())
	}
	var r benchReport
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if r.Off.Failed == 0 || r.On.Failed == 0 || r.Off.Failed == 20 || !strings.Contains(r.Off.Failure, "Not this one.") || len(r.Warnings) != 2 {
		t.Errorf("%+v", r)
	}
	for a, err := range api.Assistants(t.Context()) {
		t.Errorf("an assistant is left: %+v, %v", a, err)
	}
}

// TestBenchClears: a server that limits rates is asked again.
func TestBenchClears(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
		}
		fmt.Fprint(w, "{}")
	}))
	defer srv.Close()
	api, err := client.New(client.Options{BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	arm := benchArm{api: api, assistants: []string{"asst_1", "asst_2"}}
	if err := arm.clear(t.Context()); err != nil || asked.Load() != 3 {
		t.Errorf("%d requests, %v", asked.Load(), err)
	}
}

// TestBenchLasts: what is asked for a time is asked again with the caches on.
func TestBenchLasts(t *testing.T) {
	t.Parallel()
	r := runBench(t, "--requests=100000", "--questions=5", "--duration=200ms", "--latency=20ms", "--token-rate=20000", "--concurrency=2")
	if r.Off.Requests == 0 || r.Off.Requests == 100_000 || r.On.Requests != r.Off.Requests || r.Workload.Requests != r.Off.Requests {
		t.Errorf("%d off, %d on, %d in the workload", r.Off.Requests, r.On.Requests, r.Workload.Requests)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var sorted []time.Duration
	for i := range 100 {
		sorted = append(sorted, time.Duration(i+1))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.95: 95, 0.99: 99, 1: 100} {
		if got := quantile(sorted, q); got != want {
			t.Errorf("quantile %g: %d, want %d", q, got, want)
		}
	}
	if got := quantile(sorted[:1], 0.99); got != 1 {
		t.Errorf("of one: %d", got)
	}
}
