package scrape_test

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/scrape"
)

func page(t *testing.T) (*scrape.Page, *monitor.Monitor) {
	t.Helper()
	engine, err := cache.Open(t.Context(), cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	if _, err := cache.NewLayer(engine, cache.LayerOptions[string]{Name: "message", TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	m := monitor.New(monitor.Options{})
	p, err := scrape.New(scrape.Options{
		Engine: engine, Monitor: m, Version: "v1.2.3",
		Breakers: func() map[string]string { return map[string]string{"default": "open"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, m
}

func read(t *testing.T, p *scrape.Page, accept string) string {
	t.Helper()
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	b, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatal(w.Code, err)
	}
	return string(b)
}

func TestPage(t *testing.T) {
	t.Parallel()
	p, m := page(t)
	p.Record(scrape.Request{Route: "POST /v1/chat/completions", Status: 200, Cache: "hit", Outcome: "hit", Took: time.Millisecond, TraceID: "0af7651916cd43dd8448eb211c80319c"})
	p.Record(scrape.Request{Route: "GET /v1/models", Status: 503, Cache: "none", Outcome: "whatever a handler may write", Took: time.Second})
	m.ModelCall(monitor.Call{AssistantID: "asst_1", Model: "m", Usage: deja.Usage{PromptTokens: 30, CompletionTokens: 12}})
	m.ModelCallAvoided(monitor.Avoided{Call: monitor.Call{AssistantID: "asst_1", Usage: deja.Usage{PromptTokens: 7}}, Calls: 2})
	m.Reset() // the counters that people look at; these go on
	text := read(t, p, "text/plain")
	for _, line := range []string{
		`deja_http_requests_total{route="POST /v1/chat/completions",status="2xx"} 1`,
		`deja_http_requests_total{route="GET /v1/models",status="5xx"} 1`,
		`deja_http_request_duration_seconds_count{cache="hit",route="POST /v1/chat/completions"} 1`,
		`deja_answers_total{outcome="hit"} 1`,
		`deja_model_calls_total 1`,
		`deja_model_calls_avoided_total 2`,
		`deja_tokens_total{kind="completion"} 12`,
		`deja_tokens_avoided_total{kind="prompt"} 7`,
		`deja_money_spent_total{currency="USD"} 0`,
		`deja_model_breaker_state{server="default",state="open"} 1`,
		`deja_model_breaker_state{server="default",state="closed"} 0`,
		`deja_cache_misses_total{layer="message"} 0`,
		`deja_build_info{go="`,
		`go_goroutines `,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("there is no %s", line)
		}
	}
	if strings.Contains(text, "asst_1") || strings.Contains(text, "whatever") {
		t.Error("a label is not bounded")
	}
	if !strings.Contains(read(t, p, "application/openmetrics-text"), `# {trace_id="0af7651916cd43dd8448eb211c80319c"} 0.001`) {
		t.Error("the trace is no example of its duration")
	}
}

// No more scrapes than are allowed are under way, whoever asks for more.
func TestScrapesAreBounded(t *testing.T) {
	t.Parallel()
	engine, err := cache.Open(t.Context(), cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	under, end := make(chan struct{}), make(chan struct{})
	p, err := scrape.New(scrape.Options{
		Engine: engine, Monitor: monitor.New(monitor.Options{}),
		Breakers: func() map[string]string {
			under <- struct{}{}
			<-end
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() int {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Code
	}
	const allowed = 4
	codes := make(chan int)
	for range allowed {
		go func() { codes <- ask() }()
		<-under
	}
	go func() { codes <- ask() }()
	select {
	case code := <-codes:
		if code != 503 {
			t.Errorf("one more is answered with %d", code)
		}
	case <-under:
		t.Fatal("one more is under way")
	}
	close(end)
	for range allowed {
		<-codes // 200, or 503 of one that took too long on a busy machine
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	p, _ := page(t)
	p.Record(scrape.Request{Route: "GET /", Status: 200, Cache: "none", Outcome: "miss"})
	families, err := p.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := scrape.New(scrape.Options{}); err == nil {
		t.Error("a page of nothing is made")
	}
}
