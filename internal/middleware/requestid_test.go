package middleware

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dejahq/deja"
)

func TestRequestID(t *testing.T) {
	t.Parallel()
	var inside string
	h := Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inside = RequestIDFrom(r.Context()) }), RequestID())
	for sent, kept := range map[string]bool{
		"":                                     false,
		"req_ABC-1.2:3":                        true,
		"0af7651916cd43dd8448eb211c80319c":     true,
		"a b":                                  false,
		"a\tb":                                 false,
		`a"b`:                                  false,
		"é":                                    false,
		"<script>":                             false,
		strings.Repeat("a", maxRequestID):      true,
		strings.Repeat("a", maxRequestID+1):    false,
		"550e8400-e29b-41d4-a716-446655440000": true,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if sent != "" {
			r.Header.Set("X-Request-Id", sent)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		got := w.Header().Get("X-Request-Id")
		if got != inside {
			t.Errorf("the answer has %q, the context %q", got, inside)
		}
		if (got == sent) != kept {
			t.Errorf("%q was sent, %q is used", sent, got)
		}
		if !kept && !deja.ValidID(deja.RequestPrefix, got) {
			t.Errorf("the new id is %q", got)
		}
	}
}

func TestLogHandler(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(LogHandler(slog.NewTextHandler(&out, nil))).With("a", 1)
	h := Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		log.InfoContext(r.Context(), "inside")
		log.WithGroup("g").InfoContext(r.Context(), "grouped", "b", 2)
	}), RequestID())
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-Request-Id", "req_7")
	h.ServeHTTP(httptest.NewRecorder(), r)
	log.InfoContext(t.Context(), "outside")

	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, want := range []string{"msg=inside a=1 request_id=req_7", "g.b=2 g.request_id=req_7", "msg=outside a=1"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d: %s, want %s", i, lines[i], want)
		}
	}
	if strings.Contains(lines[2], "request_id") {
		t.Errorf("a record without a request has an id: %s", lines[2])
	}
}

func FuzzSaneRequestID(f *testing.F) {
	f.Add("req_1")
	f.Add("a\r\nX: y")
	f.Fuzz(func(t *testing.T, id string) {
		if saneRequestID(id) && (len(id) > maxRequestID || strings.ContainsAny(id, "\r\n \"\x00\x1b") || id == "") {
			t.Errorf("%q is taken", id)
		}
	})
}
