package middleware

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAccessLog(t *testing.T) {
	t.Parallel()
	var out journal
	log := slog.New(LogHandler(slog.NewJSONHandler(&out, nil)))
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/assistants/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Deja-Cache", "hit")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "hello")
	})
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })
	// Something in between copies the request: the route must be known still.
	copies := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			type key struct{}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, 1)))
		})
	}
	h := Chain(mux, RequestID(), AccessLog(log), copies, Identify(nil), Route())

	r := httptest.NewRequest(http.MethodPost, "/v1/assistants/asst_1?api_key=sk-query", strings.NewReader("sk-body"))
	r.Header.Set("Authorization", "Bearer sk-header")
	r.Header.Set("Cookie", "session=sk-cookie")
	r.Header.Set("X-Request-Id", "req_1")
	h.ServeHTTP(httptest.NewRecorder(), r)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/broken", nil))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/nowhere/"+strings.Repeat("x", 1000), nil))

	got := out.records(t)
	if len(got) != 3 {
		t.Fatalf("%d records: %s", len(got), out.String())
	}
	for name, want := range map[string]any{
		"level": "INFO", "route": "POST /v1/assistants/{id}", "path": "/v1/assistants/asst_1", "status": 418., "bytes": 5.,
		"cache": "hit", "request_id": "req_1", "client": "ip_192.0.2.1",
	} {
		if got[0][name] != want {
			t.Errorf("%s: %v, want %v", name, got[0][name], want)
		}
	}
	if d, ok := got[0]["duration"].(float64); !ok || d <= 0 || got[0]["first_byte"] == nil {
		t.Errorf("times: %v", got[0])
	}
	if strings.Contains(out.String(), "sk-") {
		t.Errorf("the log holds a secret: %s", out.String())
	}
	if got[1]["level"] != "ERROR" || got[1]["route"] != "GET /broken" {
		t.Errorf("a server error is logged as %v", got[1])
	}
	if got[2]["route"] != Unmatched || len(got[2]["path"].(string)) > maxLoggedPath {
		t.Errorf("an unknown path is logged as %v", got[2])
	}
}
