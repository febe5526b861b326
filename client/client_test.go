package client

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"http://127.0.0.1:8787":       "http://127.0.0.1:8787",
		"http://127.0.0.1:8787/":      "http://127.0.0.1:8787",
		"https://example.com/deja//":  "https://example.com/deja",
		"":                            "",
		"127.0.0.1:8787":              "",
		"localhost:8787":              "",
		"ftp://example.com":           "",
		"http://":                     "",
		"http://user:pw@example.com":  "",
		"http://example.com?a=b":      "",
		"http://example.com/#a":       "",
		"http://exa mple.com/\x7f%zz": "",
	} {
		c, err := New(Options{BaseURL: base})
		if (err != nil) != (want == "") || err == nil && c.BaseURL() != want {
			t.Errorf("%q gives %v, %v", base, c, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
	if _, err := New(Options{BaseURL: "http://a", APIKey: "sk-secret\n"}); err == nil || strings.Contains(err.Error(), "sk-") {
		t.Errorf("a key that no header can carry gives %v", err)
	}
}

func TestIDsArePathSegments(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/v1/assistants/a%2Fb%3Fc%20%25" {
			t.Errorf("asked for %s", r.URL.EscapedPath())
		}
		_, _ = io.WriteString(w, `{}`)
	})
	if _, err := c.Assistant(t.Context(), "a/b?c %"); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"", ".", ".."} {
		if err := c.DeleteAssistant(t.Context(), id); err == nil {
			t.Errorf("%q is taken for an id", id)
		}
		for _, err := range c.Messages(t.Context(), id) {
			if err == nil {
				t.Errorf("%q is taken for an id", id)
			}
		}
	}
}

// A listing is fetched page by page, and no further than it is read.
func TestPages(t *testing.T) {
	t.Parallel()
	pages := map[string]string{
		"":  `{"data":[{"id":"a"},{"id":"b"}],"has_more":true}`,
		"b": `{"data":[{"id":"c"}],"has_more":false}`,
	}
	asked := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		q := r.URL.Query()
		if q.Get("limit") != "100" || q.Get("order") != "asc" || r.URL.Path != "/v1/threads/thread_1/messages" {
			t.Errorf("asked for %s", r.URL)
		}
		_, _ = io.WriteString(w, pages[q.Get("after")])
	})
	var ids []string
	for m, err := range c.Messages(t.Context(), "thread_1") {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, ids); d != "" || asked != 2 {
		t.Errorf("%d pages: %s", asked, d)
	}
	asked = 0
	for range c.Messages(t.Context(), "thread_1") {
		break
	}
	if asked != 1 {
		t.Errorf("%d pages were fetched for one message", asked)
	}
}

func TestMessageText(t *testing.T) {
	t.Parallel()
	var m Message
	err := json.Unmarshal([]byte(`{"id":"msg_1","assistant_id":null,"run_id":null,"content":[
		{"type":"text","text":{"value":"a","annotations":[]}},{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":{"value":"b"}}]}`), &m)
	if err != nil || m.Text() != "a\nb" {
		t.Errorf("%q, %v", m.Text(), err)
	}
}

func TestUnreadableAnswers(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `{"id":`) })
	if _, err := c.Assistant(t.Context(), "asst_1"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// A 503 that isn't a health report is an error, not a Health full of zeroes.
func TestHealthOfSomethingElse(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"message":"no backend"}`)
	})
	h, err := c.Health(t.Context())
	if refused, _ := errors.AsType[*Error](err); refused == nil || refused.Status != 503 {
		t.Errorf("%+v, %v", h, err)
	}
}
