package cacheapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/client"
)

type warmUpAnswer struct {
	Status    string          `json:"status"`
	Action    string          `json:"action"`
	Timestamp string          `json:"timestamp"`
	Results   []client.Warmed `json:"results"`
	Warmed    int             `json:"warmed"`
	Failed    int             `json:"failed"`
}

func TestWarmUp(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	ids := n.assistants(t, 20)
	asked := append(append([]string{"asst_unknown"}, ids...), ids[0]) // one of them twice
	body, err := json.Marshal(map[string]any{"action": "warmup", "assistantIds": asked})
	if err != nil {
		t.Fatal(err)
	}
	warm := func() warmUpAnswer {
		status, answer, _ := n.do(t, http.MethodPost, "/api/cache/metrics", "application/json", string(body))
		var got warmUpAnswer
		dec := json.NewDecoder(strings.NewReader(answer))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&got); err != nil || status != 200 || got.Status != "success" || got.Action != "warmup" || got.Timestamp == "" {
			t.Fatalf("%d %s %v", status, answer, err)
		}
		return got
	}
	first := warm()
	if first.Warmed != 20 || first.Failed != 1 || len(first.Results) != 21 {
		t.Fatalf("%+v", first)
	}
	for i, r := range first.Results {
		if r.AssistantID != asked[i] {
			t.Errorf("result %d is of %s, not in the order of the request", i, r.AssistantID)
		}
		if i > 0 && (!r.OK || r.Queries != 2 || r.Error != "") {
			t.Errorf("%+v", r)
		}
	}
	if r := first.Results[0]; r.OK || !strings.Contains(r.Error, "asst_unknown") {
		t.Errorf("%+v", r)
	}
	// What is warm costs nothing, and the traffic that follows neither.
	for _, r := range warm().Results[1:] {
		if !r.OK || r.Queries != 0 {
			t.Errorf("the second time: %+v", r)
		}
	}
	n.read(t, ids[7])
	m, err := n.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := m.Performance[assistantRoute]; p.CacheHits != 1 || p.CacheMisses != 0 {
		t.Errorf("%+v", p)
	}
	// A warm-up is work for the cache, and no miss of it.
	if p := m.Performance["POST /api/cache/metrics"]; p.Uncached != 2 {
		t.Errorf("%+v", p)
	}
}

func TestWarmUpWithProgress(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	ids := n.assistants(t, 5)
	seen := make(map[string]bool)
	s, err := n.WarmUp(t.Context(), append([]string{"asst_unknown"}, ids...), func(w client.Warmed) {
		if seen[w.AssistantID] {
			t.Errorf("%s is reported twice", w.AssistantID)
		}
		seen[w.AssistantID] = true
		if w.OK == (w.AssistantID == "asst_unknown") || w.OK == (w.Error != "") {
			t.Errorf("%+v", w)
		}
	})
	if err != nil || s != (client.WarmUpSummary{Warmed: 5, Failed: 1}) || len(seen) != 6 {
		t.Errorf("%+v, %d seen, %v", s, len(seen), err)
	}
}

// The form with lines is a line of JSON for each assistant, then the summary.
func TestWarmUpLines(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	id := n.assistants(t, 1)[0]
	for accept, lines := range map[string]bool{
		"application/x-ndjson":                         true,
		"application/json;q=0.5, application/x-ndjson": true,
		"application/json":                             false,
		"*/*":                                          false,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+"/api/cache/metrics",
			strings.NewReader(`{"action":"warmup","assistantIds":["`+id+`"]}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var docs []map[string]any
		for dec := json.NewDecoder(resp.Body); dec.More(); {
			var doc map[string]any
			if err := dec.Decode(&doc); err != nil {
				t.Fatal(err)
			}
			docs = append(docs, doc)
		}
		resp.Body.Close()
		want := "application/json"
		if lines {
			want = "application/x-ndjson"
		}
		if got := resp.Header.Get("Content-Type"); got != want {
			t.Errorf("%s: %s", accept, got)
		}
		last := docs[len(docs)-1]
		if last["status"] != "success" || last["warmed"] != 1. || last["failed"] != 0. {
			t.Errorf("%s: %v", accept, docs)
		}
		if _, whole := last["results"]; whole == lines || len(docs) != map[bool]int{true: 2, false: 1}[lines] {
			t.Errorf("%s: %v", accept, docs)
		}
		if lines {
			delete(docs[0], "queries")
			if d := cmp.Diff(map[string]any{"assistantId": id, "ok": true}, docs[0]); d != "" {
				t.Errorf("%s: %s", accept, d)
			}
		}
	}
}
