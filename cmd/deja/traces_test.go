package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spanpb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/dejahq/deja/client"
)

// collector receives traces over OTLP/HTTP.
type collector struct {
	mu    sync.Mutex
	spans []*spanpb.Span
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m tracepb.ExportTraceServiceRequest
	b, err := io.ReadAll(r.Body)
	if err != nil || proto.Unmarshal(b, &m) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range m.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
}

// below gives the spans below a route's span, by name, and all that all spans
// say.
func (c *collector) below(route string) (names map[string]bool, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	names = map[string]bool{}
	for _, parent := range c.spans {
		text += parent.String()
		if parent.Name != route {
			continue
		}
		for _, s := range c.spans {
			if bytes.Equal(s.ParentSpanId, parent.SpanId) && bytes.Equal(s.TraceId, parent.TraceId) {
				names[s.Name] = true
			}
		}
	}
	return names, text
}

// TestTraces: a question is a span, with one for each layer and for the call of
// the model's server below it, and none of them says what was asked.
func TestTraces(t *testing.T) {
	c := &collector{}
	receiver := httptest.NewServer(c)
	defer receiver.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.URL+"/v1/traces")
	model, flags := scriptedModel(t)
	s, api := startNode(t, flags...)
	id := shop(t, api)
	const question = "How much is the saw that nobody knows of?"
	turn(t, api, id, question)
	if err := s.node.sent.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(model.URL, "http://"), "/v1")
	wanted := []string{"layer assistant_data", "layer schema", "layer thread_ctx", "layer message", "model " + host}
	var text string
	// The call's span may end after the run's.
	eventually(t, fmt.Sprint("the spans below the run have come: ", wanted), func() bool {
		if err := s.node.sent.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		var names map[string]bool
		names, text = c.below("POST /v1/threads/{thread_id}/runs")
		return !slices.ContainsFunc(wanted, func(name string) bool { return !names[name] })
	})
	for _, secret := range []string{"nobody knows", id, "sk-test-of-the-upstream"} {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("a span says %q: %s", secret, text[max(0, i-80):min(len(text), i+80)])
		}
	}
	if !strings.HasPrefix(model.LastRequest().Header.Get("Traceparent"), "00-") {
		t.Errorf("the model's server is not told of the trace: %v", model.LastRequest().Header)
	}
}

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.all.String()
	l.all.Reset()
	return text
}

// TestEveryLineOfARequestHasItsID, at the level that says most.
func TestEveryLineOfARequestHasItsID(t *testing.T) {
	t.Parallel()
	_, flags := scriptedModel(t)
	log := &lines{}
	s, err := startServer(t.Context(), configure(t, append(flags, "--log-format=json")...), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() })
	api, err := client.New(client.Options{BaseURL: s.url})
	if err != nil {
		t.Fatal(err)
	}
	id := shop(t, api)
	thread, err := api.CreateThread(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]struct{ method, path, body string }{
		"chat":       {"POST", "/v1/chat/completions", `{"model":"` + id + `","messages":[{"role":"user","content":"Saws?"}]}`},
		"stream":     {"POST", "/v1/chat/completions", `{"model":"` + id + `","stream":true,"messages":[{"role":"user","content":"Nails?"}]}`},
		"message":    {"POST", "/v1/threads/" + thread.ID + "/messages", `{"role":"user","content":"Glue?"}`},
		"assistant":  {"GET", "/v1/assistants/" + id, ""},
		"edit":       {"POST", "/v1/assistants/" + id, `{"name":"Shop 2"}`},
		"nothing":    {"GET", "/v1/assistants/asst_none", ""},
		"nonsense":   {"POST", "/v1/chat/completions", `{`},
		"invalidate": {"POST", "/api/cache/invalidate", `{"type":"assistant","assistantId":"` + id + `"}`},
		"warm":       {"POST", "/api/cache/metrics", `{"action":"warmup","assistantIds":["` + id + `"]}`},
		"health":     {"GET", "/api/cache/health", ""},
		"ready":      {"GET", "/readyz", ""},
	} {
		log.take()
		req, err := http.NewRequestWithContext(t.Context(), r.method, s.url+r.path, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Request-Id", "req-of-"+name)
		if r.body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		var said string
		eventually(t, "the request is in the access log", func() bool {
			said += log.take()
			return strings.Contains(said, `"msg":"request"`)
		})
		for line := range strings.Lines(said) {
			var record struct {
				Msg string
				ID  string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(line), &record); err != nil || record.ID != "req-of-"+name {
				t.Errorf("%s: a line without its request's id: %s", name, line)
			}
		}
	}
}
