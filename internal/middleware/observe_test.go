package middleware

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/monitor"
)

func TestObserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := monitor.New(monitor.Options{})
		mux := http.NewServeMux()
		mux.HandleFunc("/v1/assistants/{id}", func(w http.ResponseWriter, r *http.Request) {
			layers.TraceFrom(r.Context()).Record(time.Now(), layers.Span{Layer: layers.AssistantData, Hit: r.PathValue("id") == "known", Key: "p:" + r.PathValue("id"), ID: r.PathValue("id")})
			deja.CountRead(r.Context())
			time.Sleep(100 * time.Millisecond)
		})
		h := Chain(mux, Observe(m), SecurityHeaders(), Route())
		for _, path := range []string{"/v1/assistants/known", "/v1/assistants/known", "/v1/assistants/new", "/elsewhere"} {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
		}
		s := m.Snapshot()
		var labels []string
		for _, e := range s.Endpoints {
			labels = append(labels, e.Label)
		}
		if d := cmp.Diff([]string{"GET /v1/assistants/{id}", Unmatched}, labels); d != "" {
			t.Fatal(d)
		}
		e := s.Endpoints[0]
		if e.Hits.Count != 2 || e.Misses.Count != 1 || e.All().Sum != 300*time.Millisecond {
			t.Errorf("%+v", e)
		}
		if s.Endpoints[1].Uncached.Count != 1 {
			t.Errorf("%+v", s.Endpoints[1])
		}
		hot := monitor.Hot{
			Keys:       []monitor.HotItem{{Name: "p:known", Layer: layers.AssistantData, Count: 2}, {Name: "p:new", Layer: layers.AssistantData, Count: 1}},
			Assistants: []monitor.HotItem{{Name: "known", Count: 2}, {Name: "new", Count: 1}},
		}
		if d := cmp.Diff(hot, s.Hot); d != "" {
			t.Error(d)
		}
		if s.Savings.StoreReads != 3 {
			t.Errorf("%d store queries, want 3", s.Savings.StoreReads)
		}
	})
}

// A request counts even if its handler panics.
func TestObservePanics(t *testing.T) {
	t.Parallel()
	m := monitor.New(monitor.Options{})
	h := Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), Observe(m))
	func() {
		defer func() { _ = recover() }()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}()
	if n := m.Snapshot().Total.All().Count; n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	had := layers.Span{Layer: layers.AssistantData, Hit: true}
	loads := layers.Span{Layer: layers.SchemaInfo, Source: "load"}
	model := layers.Span{Layer: "model", Source: "openai"}
	for name, c := range map[string]struct {
		outcome answer.Outcome
		spans   []layers.Span
		want    relation
	}{
		"nothing":                     {"", nil, none},
		"hits":                        {"", []layers.Span{had, had}, served},
		"one load":                    {"", []layers.Span{had, loads, had}, loaded},
		"what isn't a layer":          {"", []layers.Span{model}, none},
		"a hit beside a model":        {"", []layers.Span{had, model}, served},
		"hit, whatever was loaded":    {answer.Hit, []layers.Span{loads}, served},
		"coalesced":                   {answer.Coalesced, []layers.Span{loads, model}, served},
		"similar":                     {answer.Similar, nil, served},
		"miss, whatever was there":    {answer.Miss, []layers.Span{had}, loaded},
		"refresh":                     {answer.Refresh, []layers.Span{had}, loaded},
		"bypass":                      {answer.Bypass, []layers.Span{had, loads}, none},
		"an outcome of the future":    {"brewed", []layers.Span{had}, served},
		"thread context and messages": {"", []layers.Span{{Layer: layers.ThreadContext, Hit: true}, {Layer: layers.MessageResponses, Hit: true}}, served},
	} {
		if got := classify(c.outcome, c.spans); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestSourceOf(t *testing.T) {
	t.Parallel()
	span := func(layer, source string, hit bool) layers.Span {
		return layers.Span{Layer: layer, Source: source, Hit: hit}
	}
	near, far := span(layers.AssistantData, "memory", true), span(layers.SchemaInfo, "redis", true)
	for name, c := range map[string]struct {
		outcome answer.Outcome
		spans   []layers.Span
		want    monitor.Source
	}{
		"memory":                    {"", []layers.Span{near, near}, monitor.Memory},
		"one of two from Redis":     {"", []layers.Span{far, near}, monitor.Redis},
		"another's load":            {"", []layers.Span{span(layers.AssistantData, "shared", true), far}, monitor.Coalesced},
		"an answer from memory":     {answer.Hit, []layers.Span{far, span(layers.MessageResponses, "memory", true)}, monitor.Memory},
		"an answer from Redis":      {answer.Hit, []layers.Span{near, span(layers.MessageResponses, "redis", true)}, monitor.Redis},
		"an answer under way":       {answer.Coalesced, []layers.Span{near, span(layers.MessageResponses, "load", false)}, monitor.Coalesced},
		"a question similar enough": {answer.Similar, []layers.Span{near}, monitor.Similar},
	} {
		if got := sourceOf(c.outcome, c.spans); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Clients can't make up labels.
func TestLabels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, pattern, want string }{
		{"GET", "/a/{id}", "GET /a/{id}"},
		{"DELETE", "/a/{id}", "DELETE /a/{id}"},
		{"BREW", "/a/{id}", "OTHER /a/{id}"},
		{"GET", "POST /a", "POST /a"},
		{"BREW", "", Unmatched},
	} {
		x := &exchange{route: c.pattern}
		if got := x.label(httptest.NewRequest(c.method, "/", nil)); got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.method, c.pattern, got, c.want)
		}
	}
}
