package cacheapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/cacheapi"
	"github.com/dejahq/deja/internal/eventlog"
	"github.com/dejahq/deja/internal/fleet"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/middleware"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/redisconn"
	"github.com/dejahq/deja/internal/sqlite"
)

// node is a server with the cache API and one route that reads an assistant
// through the cache.
type node struct {
	*client.Client
	store  deja.Store
	layers *layers.Layers
	url    string

	api      *cacheapi.API
	events   *eventlog.Log
	fleet    *fleet.Fleet
	breakers map[string]string // set before the first request
}

// start starts a node on an SQLite store of its own, with Redis if there is an
// address of one.
func start(t *testing.T, redisURL string) *node {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	events := eventlog.New(0)
	o := cache.Options{Node: "node-1", OnEvent: events.Engine}
	if redisURL != "" {
		o.Redis = &cache.RedisOptions{URL: redisURL}
	}
	engine, err := cache.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	kinds, err := layers.New(engine, store, layers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	counts := monitor.New(monitor.Options{Layers: func() []cache.LayerStats { return engine.Stats().Layers }})
	others, err := fleet.New(fleet.Options{Node: "node-1", Version: "v1.2.3", Monitor: counts, Store: store, Redis: (*redisconn.Options)(o.Redis)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = others.Close(context.Background()) })
	n := &node{store: store, layers: kinds, events: events, fleet: others, breakers: map[string]string{"default": "closed"}}
	api, err := cacheapi.New(cacheapi.Options{
		Layers: kinds, Monitor: counts, Fleet: others, Events: events, Model: "deja-local", Version: "v1.2.3",
		Breakers: func() map[string]string { return n.breakers },
	})
	if err != nil {
		t.Fatal(err)
	}
	n.api = api
	mux := http.NewServeMux()
	api.Routes(mux)
	api.Probes(mux)
	mux.HandleFunc("GET /v1/assistants/{assistant_id}", func(w http.ResponseWriter, r *http.Request) {
		a, err := kinds.Assistant(r.Context(), r.PathValue("assistant_id"))
		if err != nil {
			api.WriteError(w, r, err)
			return
		}
		_ = json.NewEncoder(w).Encode(a.Name)
	})
	s := httptest.NewServer(middleware.Chain(mux, middleware.RequestID(), middleware.Observe(counts), middleware.Route()))
	t.Cleanup(s.Close)
	c, err := client.New(client.Options{BaseURL: s.URL, HTTPClient: s.Client()})
	if err != nil {
		t.Fatal(err)
	}
	n.Client, n.url = c, s.URL
	return n
}

// assistants creates n of them.
func (n *node) assistants(t *testing.T, count int) []string {
	t.Helper()
	ids := make([]string, count)
	for i := range ids {
		a := &deja.Assistant{ID: deja.NewID(deja.AssistantPrefix), CreatedAt: time.Now(), Name: "Ann", Model: "gpt-x"}
		if err := n.layers.CreateAssistant(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		ids[i] = a.ID
	}
	return ids
}

// read reads an assistant over HTTP.
func (n *node) read(t *testing.T, id string) {
	t.Helper()
	if status, body, _ := n.do(t, http.MethodGet, "/v1/assistants/"+id, "", ""); status != http.StatusOK {
		t.Fatalf("reading an assistant: %d %s", status, body)
	}
}

func (n *node) do(t *testing.T, method, path, contentType, body string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, n.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// wantShape checks that an answer has exactly the fields of the client's type:
// none that the client does not know, and none too few.
func wantShape[T any](t *testing.T, body string) {
	t.Helper()
	var v T
	dec := json.NewDecoder(strings.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Errorf("the client can't read all of it: %v\n%s", err, body)
		return
	}
	known, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(fields(t, known), fields(t, []byte(body))); d != "" {
		t.Errorf("fields that the client knows (-) and the server sends (+): %s", d)
	}
}

// fields gives the paths of all fields.
func fields(t *testing.T, doc []byte) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	paths := make(map[string]bool)
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				paths[path+"."+name] = true
				walk(path+"."+name, inner)
			}
		case []any:
			for _, inner := range v {
				walk(path+"[]", inner)
			}
		}
	}
	walk("", v)
	return slices.Sorted(maps.Keys(paths))
}

func TestNewNeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := cacheapi.New(cacheapi.Options{}); err == nil {
		t.Error("an API without anything behind it is made")
	}
}

// Every refusal has the API's shape, a message, and no effect.
func TestRefusals(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	id := n.assistants(t, 1)[0]
	n.read(t, id)
	const asJSON = "application/json"
	many := `"asst_1"` + strings.Repeat(`,"asst_1"`, 1000)
	for name, c := range map[string]struct {
		method, path, contentType, body string
		status                          int
		message                         string
	}{
		"unknown path":              {"GET", "/api/cache/nothing", "", "", 404, "events, live, entry and invalidate"},
		"no path":                   {"GET", "/api/cache/", "", "", 404, "events, live, entry and invalidate"},
		"wrong method":              {"POST", "/api/cache/health", asJSON, "{}", 405, "GET, HEAD is"},
		"get an invalidation":       {"GET", "/api/cache/invalidate", "", "", 405, "POST is"},
		"delete metrics":            {"DELETE", "/api/cache/metrics", "", "", 405, "GET, POST, HEAD is"},
		"form":                      {"POST", "/api/cache/invalidate", "application/x-www-form-urlencoded", `{"type":"all"}`, 415, "application/json"},
		"unreadable content type":   {"POST", "/api/cache/invalidate", "a/b/c", `{"type":"all"}`, 415, "application/json"},
		"empty":                     {"POST", "/api/cache/invalidate", asJSON, "", 400, "empty"},
		"white space":               {"POST", "/api/cache/invalidate", asJSON, " \n", 400, "empty"},
		"no JSON":                   {"POST", "/api/cache/invalidate", asJSON, `{"type":"all"`, 400, "no valid JSON"},
		"two objects":               {"POST", "/api/cache/invalidate", asJSON, `{"type":"all"}{}`, 400, "no valid JSON"},
		"a list":                    {"POST", "/api/cache/invalidate", asJSON, `["all"]`, 400, "object"},
		"null":                      {"POST", "/api/cache/invalidate", asJSON, `null`, 400, "object"},
		"too large":                 {"POST", "/api/cache/invalidate", asJSON, `{"type":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "larger"},
		"no type":                   {"POST", "/api/cache/invalidate", asJSON, `{}`, 400, `"type" is missing`},
		"null type":                 {"POST", "/api/cache/invalidate", asJSON, `{"type":null}`, 400, `"type" is missing`},
		"type of a wrong type":      {"POST", "/api/cache/invalidate", asJSON, `{"type":1}`, 400, `"type" has to be a string`},
		"empty type":                {"POST", "/api/cache/invalidate", asJSON, `{"type":""}`, 400, `"type" must not be empty`},
		"unknown type":              {"POST", "/api/cache/invalidate", asJSON, `{"type":"everything"}`, 400, "assistant, thread, all"},
		"no assistant":              {"POST", "/api/cache/invalidate", asJSON, `{"type":"assistant"}`, 400, `"assistantId" is missing`},
		"no thread":                 {"POST", "/api/cache/invalidate", asJSON, `{"type":"thread"}`, 400, `"threadId" is missing`},
		"a thread for an assistant": {"POST", "/api/cache/invalidate", asJSON, `{"type":"assistant","assistantId":"thread_1"}`, 400, `"asst_"`},
		"not an id":                 {"POST", "/api/cache/invalidate", asJSON, `{"type":"assistant","assistantId":"asst_{}"}`, 400, `"asst_"`},
		"a number for an id":        {"POST", "/api/cache/invalidate", asJSON, `{"type":"thread","threadId":7}`, 400, `"threadId" has to be a string`},
		"all, but of an assistant":  {"POST", "/api/cache/invalidate", asJSON, `{"type":"all","assistantId":"` + id + `"}`, 400, `"assistantId" is not known here`},
		"misspelt":                  {"POST", "/api/cache/invalidate", asJSON, `{"type":"assistant","assistantID":"` + id + `"}`, 400, `"assistantID" is not known here`},
		"no action":                 {"POST", "/api/cache/metrics", asJSON, `{}`, 400, `"action" is missing`},
		"unknown action":            {"POST", "/api/cache/metrics", asJSON, `{"action":"warm"}`, 400, "warmup, reset-metrics"},
		"no ids":                    {"POST", "/api/cache/metrics", asJSON, `{"action":"warmup"}`, 400, `"assistantIds" is missing`},
		"empty ids":                 {"POST", "/api/cache/metrics", asJSON, `{"action":"warmup","assistantIds":[]}`, 400, `"assistantIds" must not be empty`},
		"ids of a wrong type":       {"POST", "/api/cache/metrics", asJSON, `{"action":"warmup","assistantIds":"asst_1"}`, 400, "list of strings"},
		"an id of a wrong type":     {"POST", "/api/cache/metrics", asJSON, `{"action":"warmup","assistantIds":["asst_1",2]}`, 400, "list of strings"},
		"a null id":                 {"POST", "/api/cache/metrics", asJSON, `{"action":"warmup","assistantIds":[null]}`, 400, "list of strings"},
		"too many ids":              {"POST", "/api/cache/metrics", asJSON, `{"action":"warmup","assistantIds":[` + many + `]}`, 400, "1000 are the most"},
		"a reset with ids":          {"POST", "/api/cache/metrics", asJSON, `{"action":"reset-metrics","assistantIds":["asst_1"]}`, 400, "not known here"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, header := n.do(t, c.method, c.path, c.contentType, c.body)
			var got struct{ Status, Message string }
			dec := json.NewDecoder(strings.NewReader(body))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&got); err != nil || got.Status != "error" || !strings.Contains(got.Message, c.message) {
				t.Errorf("%s (%v)", body, err)
			}
			if status != c.status || header.Get("Content-Type") != "application/json" {
				t.Errorf("status %d, want %d; %v", status, c.status, header)
			}
			if (status == 405) != (header.Get("Allow") != "") {
				t.Errorf("status %d allows %q", status, header.Get("Allow"))
			}
		})
	}
	// Nothing of it did anything.
	n.read(t, id)
	m, err := n.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if l := layerNamed(t, m, layers.AssistantData); l.Hits != 1 || l.Invalidations != 0 {
		t.Errorf("after the refusals: %+v", l)
	}
}

func layerNamed(t *testing.T, m *client.Metrics, name string) client.LayerMetrics {
	t.Helper()
	for _, l := range m.Layers {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("there is no layer %s in %+v", name, m.Layers)
	return client.LayerMetrics{}
}

func TestHead(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	if status, body, header := n.do(t, http.MethodHead, "/api/cache/health", "", ""); status != 200 || body != "" || header.Get("Content-Length") == "" {
		t.Errorf("%d %q %v", status, body, header)
	}
}

// eventually waits until check is content.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func compact(t *testing.T, body string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(body)); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return b.String()
}
