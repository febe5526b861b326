package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/internal/llm/llmtest"
)

func TestModelServers(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "upstreams.json")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	env := func(name string) string {
		return map[string]string{"DEJA_UPSTREAM_BACK_UP_KEY": "sk-of-the-environment"}[name]
	}
	for name, test := range map[string]struct {
		setting string
		want    []string // name, address, key
		wrong   string   // in the error
	}{
		"none":        {"", nil, ""},
		"a list":      {"b=http://b/v1, back-up=https://a/v1", []string{"b http://b/v1 ", "back-up https://a/v1 sk-of-the-environment"}, ""},
		"a file":      {file(`{"b":{"base_url":"http://b/v1","api_key":"sk-file"},"back-up":{"base_url":"http://a/v1","api_key":"sk-file"}}`), []string{"b http://b/v1 sk-file", "back-up http://a/v1 sk-of-the-environment"}, ""},
		"no name":     {"http://b/v1", nil, "NAME=URL"},
		"no file":     {"/nowhere/at-all.json", nil, "no such file"},
		"not JSON":    {file(`{"b": sk-secret}`), nil, "must be JSON"},
		"a typo":      {file(`{"b":{"base_url":"http://b/v1","key":"sk-secret"}}`), nil, "must be JSON"},
		"two objects": {file(`{"b":{"base_url":"http://b/v1","api_key":"sk-secret"}} {}`), nil, "must be JSON"},
	} {
		servers, err := modelServers(test.setting, env)
		var got []string
		for _, s := range servers {
			got = append(got, fmt.Sprint(s.name, " ", s.baseURL, " ", s.key.Reveal()))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if (err != nil) != (test.wrong != "") || err != nil && (!strings.Contains(err.Error(), test.wrong) || strings.Contains(err.Error(), "sk-")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUpstreams: a node whose model server is down answers from the one that
// the assistant falls back on, and says so; when that one fails too, with an
// answer that has outlived its lifetime, and says that.
func TestUpstreams(t *testing.T) {
	t.Parallel()
	backup := llmtest.NewServer(t)
	backup.RequireKey("sk-of-the-backup")
	file := filepath.Join(t.TempDir(), "upstreams.json")
	if err := os.WriteFile(file, fmt.Appendf(nil, `{"backup":{"base_url":%q,"api_key":"sk-of-the-backup"}}`, backup.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	model, flags := scriptedModel(t)
	model.On(llmtest.Any, llmtest.Text("I am ", "here."))
	n, _ := startNode(t, slices.Concat(flags, []string{"--upstreams=" + file, "--stale-if-error=1h", "--first-token-timeout=30"})...)
	post := func(path, body string) (http.Header, string) {
		t.Helper()
		res, err := http.Post(n.url+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		res.Header.Set("Status", res.Status)
		return res.Header, string(b)
	}
	if h, body := post("/v1/assistants", `{"model":"m","fallbacks":[{"upstream":"elsewhere"}]}`); h.Get("Status") != "400 Bad Request" || !strings.Contains(body, "backup, default") {
		t.Fatalf("an unknown upstream: %s %s", h.Get("Status"), body)
	}
	var made struct{ ID string }
	_, body := post("/v1/assistants", `{"model":"big","cache":{"policy":"assistant","ttl":1},"fallbacks":[{"upstream":"backup","model":"small"}]}`)
	if err := json.Unmarshal([]byte(body), &made); err != nil || made.ID == "" {
		t.Fatal(body)
	}
	ask := func(question, more string) (http.Header, string) {
		t.Helper()
		return post("/v1/chat/completions", fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}]%s}`, made.ID, question, more))
	}
	stream := `,"stream":true`
	ask("Where?", "")
	model.On(llmtest.Any, llmtest.RateLimited(time.Hour))
	backup.On(llmtest.Any, llmtest.Text("I am ", "elsewhere."))
	for _, more := range []string{"", stream} {
		if h, body := ask("Who"+more, more); h.Get("X-Deja-Cache") != "miss" || h.Get("X-Deja-Fallback") != "backup/small" || h.Get("X-Deja-Stale") != "" || !strings.Contains(body, "elsewhere.") || !strings.Contains(body, `"fallback":"backup/small"`) {
			t.Errorf("by a fallback: %v %s", h, body)
		}
	}
	backup.On(llmtest.Any, llmtest.RateLimited(time.Hour))
	late := time.Now().Add(time.Minute)
	for {
		if h, _ := ask("Where?", `,"cache":{"only-if-cached":true}`); h.Get("Status") == "504 Gateway Timeout" {
			break
		}
		if time.Now().After(late) {
			t.Fatal("the answer does not expire")
		}
	}
	for _, more := range []string{"", stream} {
		h, body := ask("Where?", more)
		if h.Get("X-Deja-Cache") != "hit" || h.Get("X-Deja-Stale") != "true" || !strings.HasPrefix(h.Get("Warning"), "110 ") || h.Get("Age") == "" || !strings.Contains(body, "here.") || !strings.Contains(body, `"stale":true`) {
			t.Errorf("stale: %v %s", h, body)
		}
	}
	for _, more := range []string{"", stream} {
		h, body := post("/v1/threads/runs", fmt.Sprintf(`{"assistant_id":%q,"thread":{"messages":[{"role":"user","content":"Where?"}]}%s}`, made.ID, more))
		if more == stream && (h.Get("X-Deja-Cache") != "hit" || h.Get("X-Deja-Stale") != "true" || !strings.Contains(body, "here.") || !strings.Contains(body, "thread.run.completed") || !strings.Contains(body, `"stale":true`)) {
			t.Errorf("a stale run: %v %s", h, body)
		}
	}
	if h, body := ask("Where?", `,"cache":{"stale-if-error":0}`); h.Get("X-Deja-Stale") != "" || !strings.HasPrefix(h.Get("Status"), "429") && !strings.HasPrefix(h.Get("Status"), "503") {
		t.Errorf("stale was not wanted: %v %s", h, body)
	}
}
