package openaiapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/llm"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/openaiapi"
	"github.com/dejahq/deja/internal/price"
	"github.com/dejahq/deja/internal/sqlite"
)

// Limits of the servers under test, low enough to reach.
const (
	maxBody   = 1 << 20
	maxUpload = 1 << 16
	maxRows   = 1000
)

// server is the API over real parts: SQLite, the cache engine (memory only),
// and a model's server that plays scripts.
type server struct {
	t       testing.TB
	url     string
	api     *openaiapi.API
	model   *llmtest.Server
	store   *record
	layers  *layers.Layers
	queries *deja.QueryCount // of all requests
}

func newServer(t testing.TB) *server {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	check(t, err)
	t.Cleanup(func() { check(t, store.Close()) })
	engine, err := cache.Open(t.Context(), cache.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, engine.Close()) })

	s := &server{t: t, model: llmtest.NewServer(t), store: &record{Store: store}, queries: &deja.QueryCount{}}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	s.layers, err = layers.New(engine, s.store, layers.Options{Logger: log})
	check(t, err)
	client, err := llm.New(llm.Options{BaseURL: s.model.URL, MaxRetries: -1, Logger: log})
	check(t, err)
	answerer, err := answer.New(answer.Options{Layers: s.layers, Model: client, Monitor: monitor.New(monitor.Options{Prices: prices()})})
	check(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		check(t, answerer.Close(ctx))
	})
	api, err := openaiapi.New(openaiapi.Options{
		Layers: s.layers, Answerer: answerer,
		MaxBodyBytes: maxBody, MaxUploadBytes: maxUpload, MaxRows: maxRows,
	})
	check(t, err)
	s.api = api
	handler := api.Handler()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(deja.WithQueryCount(r.Context(), s.queries)))
	}))
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

// prices are those of the models whose names begin with priced-: a thousand
// tokens cost 1 when they are read, 0.5 when they were cached, 2 when they are
// said.
func prices() *price.Book {
	return price.Fixed(price.New("", price.Model{Name: "priced-*", Prompt: 1000e6, Cached: 500e6, Completion: 2000e6}))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reply is a whole response.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// do sends a request. A body that is no string, bytes or reader is sent as
// JSON. Headers are names and values in turn.
func (s *server) do(method, path string, body any, headers ...string) *reply {
	s.t.Helper()
	resp := s.send(s.t.Context(), method, path, body, headers...)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	check(s.t, err)
	r := &reply{t: s.t, status: resp.StatusCode, header: resp.Header, body: b}
	if r.status >= 400 && method != http.MethodHead {
		conforms(s.t, "ErrorResponse", b)
	}
	return r
}

func (s *server) send(ctx context.Context, method, path string, body any, headers ...string) *http.Response {
	s.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	case []byte:
		in = bytes.NewReader(b)
	case io.Reader:
		in = b
	default:
		j, err := json.Marshal(body)
		check(s.t, err)
		in = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, in)
	check(s.t, err)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	check(s.t, err)
	return resp
}

func (s *server) get(path string) *reply            { s.t.Helper(); return s.do("GET", path, nil) }
func (s *server) post(path string, body any) *reply { s.t.Helper(); return s.do("POST", path, body) }

func (s *server) remove(path string) *reply { s.t.Helper(); return s.do("DELETE", path, nil) }

func (s *server) create(path string, body any) string {
	s.t.Helper()
	return s.post(path, body).ok("").str("id")
}

func (s *server) assistant(more ...obj) string {
	s.t.Helper()
	return s.create("/v1/assistants", with(obj{"model": "m-1"}, more...))
}

func (s *server) thread(questions ...string) string {
	s.t.Helper()
	var ms []obj
	for _, q := range questions {
		ms = append(ms, obj{"role": "user", "content": q})
	}
	return s.create("/v1/threads", obj{"messages": ms})
}

// obj is a JSON object.
type obj = map[string]any

func with(o obj, more ...obj) obj {
	for _, m := range more {
		for k, v := range m {
			o[k] = v
		}
	}
	return o
}

// ok wants status 200 and, unless schema is "", a body that is one.
func (r *reply) ok(schema string) *reply {
	r.t.Helper()
	if r.status != http.StatusOK {
		r.t.Fatalf("status %d: %s", r.status, r.body)
	}
	if schema != "" {
		conforms(r.t, schema, r.body)
	}
	return r
}

// refused wants an error with this status, param and code.
func (r *reply) refused(status int, param, code string) *reply {
	r.t.Helper()
	var e struct {
		Error struct {
			Message, Type string
			Param, Code   *string
		}
	}
	check(r.t, json.Unmarshal(r.body, &e))
	if r.status != status || value(e.Error.Param) != param || value(e.Error.Code) != code || e.Error.Message == "" {
		r.t.Errorf("%d %s, want %d %q %q", r.status, r.body, status, param, code)
	}
	return r
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// at finds a value of the body: "data.0.id".
func (r *reply) at(path string) any {
	r.t.Helper()
	var v any
	if err := json.Unmarshal(r.body, &v); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
	return find(r.t, v, path)
}

func find(t testing.TB, v any, path string) any {
	t.Helper()
	for name := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case obj:
			e, ok := at[name]
			if !ok {
				t.Fatalf("no %s in %v", path, v)
			}
			v = e
		case []any:
			var i json.Number = json.Number(name)
			n, err := i.Int64()
			if err != nil || int(n) >= len(at) {
				t.Fatalf("no %s in %v", path, v)
			}
			v = at[n]
		default:
			t.Fatalf("no %s in %v", path, v)
		}
	}
	return v
}

func (r *reply) str(path string) string { r.t.Helper(); s, _ := r.at(path).(string); return s }

// ids gives the ids of a list.
func (r *reply) ids() []string {
	r.t.Helper()
	var l struct{ Data []struct{ ID string } }
	check(r.t, json.Unmarshal(r.body, &l))
	var ids []string
	for _, e := range l.Data {
		ids = append(ids, e.ID)
	}
	return ids
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	check(t, err)
	return b
}
