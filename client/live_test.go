package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLive(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/api/cache/live?scope=fleet" || r.Header.Get("Accept") != "text/event-stream" {
			t.Errorf("%s, accepting %s", r.URL, r.Header.Get("Accept"))
		}
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprint(w, ": keep-alive\n\nevent: metrics\ndata: {\"status\":\"success\",\"summary\":{\"totalRequests\":7}}\n\n"+
			"event: of tomorrow\ndata: {}\n\nevent: event\ndata: {\"seq\":3,\"kind\":\"invalidation\",\"receipt\":{\"nodes\":2}}\n\n")
	})
	var got []string
	var last error
	for u, err := range c.Live(t.Context(), ScopeFleet) {
		switch {
		case err != nil:
			last = err
		case u.Metrics != nil:
			got = append(got, fmt.Sprint("metrics ", u.Metrics.Summary.TotalRequests))
		case u.Event != nil:
			got = append(got, fmt.Sprint(u.Event.Kind, " ", u.Event.Seq, " ", u.Event.Receipt.Nodes))
		}
	}
	if d := cmp.Diff([]string{"metrics 7", "invalidation 3 2"}, got); d != "" {
		t.Error(d)
	}
	if !errors.Is(last, io.ErrUnexpectedEOF) {
		t.Errorf("the end of the stream: %v", last)
	}
}

// What is no stream of events, or no event, is an error and not silence.
func TestLiveOfSomethingElse(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"another media type": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") },
		"no JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "event: metrics\ndata: {\n\n")
		},
		"nothing there": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, answer)
			n := 0
			for u, err := range c.Live(t.Context(), "") {
				n++
				if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%+v, %v", u, err)
				}
			}
			if n != 1 {
				t.Errorf("%d elements", n)
			}
		})
	}
}

func TestOperatorReads(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"/api/cache/entry?key=schema%3Aasst_1&reveal=true": `{"status":"success","key":"schema:asst_1","layer":"schema","memory":{"present":true,"bytes":9},"redis":{"present":false},"ageMs":1.5,"floor":3,"groups":["assistant:asst_1"],"value":{"a":1}}`,
		"/api/cache/entry?key=schema%3Aasst_1":             `{"key":"schema:asst_1","layer":"schema"}`,
		"/api/cache/events":                                `{"events":[{"seq":1,"kind":"node"}]}`,
		"/api/cache/events?after=9":                        `{"events":[]}`,
		"/api/cache/timeline?scope=node&window=hour":       `{"window":"hour","stepSeconds":60,"points":[{"t":"2026-11-23T10:00:00Z","hits":4}]}`,
		"/api/cache/days?n=3":                              `{"days":[{"day":"2026-11-23","moneySaved":1.25}]}`,
		"/api/cache/metrics?scope=fleet":                   `{"summary":{"cacheHits":5}}`,
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, ok := bodies[r.URL.String()]
		if !ok {
			t.Errorf("asked for %s", r.URL)
		}
		fmt.Fprint(w, body)
	})
	ctx := t.Context()
	full, err := c.Entry(ctx, "schema:asst_1", true)
	if err != nil || !full.Memory.Present || full.Floor != 3 || string(full.Value) != `{"a":1}` || full.AgeMillis != 1.5 {
		t.Errorf("%+v, %v", full, err)
	}
	if e, err := c.Entry(ctx, "schema:asst_1", false); err != nil || e.Value != nil {
		t.Errorf("%+v, %v", e, err)
	}
	if es, err := c.CacheEvents(ctx, 0); err != nil || len(es) != 1 || es[0].Kind != "node" {
		t.Errorf("%+v, %v", es, err)
	}
	if es, err := c.CacheEvents(ctx, 9); err != nil || len(es) != 0 {
		t.Errorf("%+v, %v", es, err)
	}
	if tl, err := c.Timeline(ctx, "hour", ScopeNode); err != nil || tl.StepSeconds != 60 || tl.Points[0].Hits != 4 {
		t.Errorf("%+v, %v", tl, err)
	}
	if ds, err := c.Days(ctx, 3); err != nil || len(ds) != 1 || ds[0].MoneySaved != 1.25 {
		t.Errorf("%+v, %v", ds, err)
	}
	if m, err := c.ScopedMetrics(ctx, ScopeFleet); err != nil || m.Summary.CacheHits != 5 {
		t.Errorf("%+v, %v", m, err)
	}
}
