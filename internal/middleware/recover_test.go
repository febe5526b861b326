package middleware

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dejahq/deja"
)

func TestRecover(t *testing.T) {
	t.Parallel()
	var out journal
	log := slog.New(slog.NewJSONHandler(&out, nil))
	mux := http.NewServeMux()
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Header().Set("X-Deja-Cache", "hit")
		panic("boom")
	})
	mux.HandleFunc("/late", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(errors.New("boom"))
	})
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/fine", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewUnstartedServer(Chain(mux, RequestID(), Recover(log, refuse)))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Start()
	t.Cleanup(s.Close)

	resp, err := s.Client().Get(s.URL + "/early")
	if err != nil {
		t.Fatal(err)
	}
	var body refusal
	err = json.NewDecoder(resp.Body).Decode(&body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != 500 || body.Code != deja.CodeInternal || strings.Contains(body.Message, "boom") {
		t.Errorf("status %d, %+v, %v", resp.StatusCode, body, err)
	}
	if resp.Header.Get("X-Deja-Cache") != "" || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("headers of the failure: %v", resp.Header)
	}
	got := out.records(t)
	if len(got) != 1 || got[0]["panic"] != "boom" || !strings.Contains(got[0]["stack"].(string), "recover_test.go") {
		t.Errorf("log: %s", out.String())
	}

	// Half an answer must not look like a whole one.
	resp, err = s.Client().Get(s.URL + "/late")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(b) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read %q, %v", b, err)
	}

	if resp, err := s.Client().Get(s.URL + "/abort"); err == nil {
		resp.Body.Close()
		t.Errorf("an aborted request is answered with %d", resp.StatusCode)
	}
	resp, err = s.Client().Get(s.URL + "/fine")
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
	if n := len(out.records(t)); n != 2 {
		t.Errorf("%d panics are logged, want 2: %s", n, out.String())
	}
}
