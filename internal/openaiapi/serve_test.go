package openaiapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/layers"
)

var discard = slog.New(slog.DiscardHandler)

// logTo logs everything as text.
func logTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// answered gives what a handler's error is answered with, and logged as.
func answered(t *testing.T, ctx context.Context, h handler) (*httptest.ResponseRecorder, failure, string) {
	t.Helper()
	var logged bytes.Buffer
	a := &API{log: logTo(&logged)}
	rec := httptest.NewRecorder()
	a.serve(methods{"POST": h}).ServeHTTP(rec, httptest.NewRequestWithContext(ctx, "POST", "/v1/x", nil))
	var e envelope
	if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil {
		t.Fatalf("%v: %s", err, rec.Body)
	}
	return rec, e.Error, logged.String()
}

func TestErrorsBecomeStatuses(t *testing.T) {
	t.Parallel()
	for code, want := range map[deja.Code]struct {
		status    int
		typ, code string
	}{
		deja.CodeInvalid:      {400, "invalid_request_error", ""},
		deja.CodeActiveRun:    {400, "invalid_request_error", "active_run"},
		deja.CodeUnauthorized: {401, "invalid_request_error", "invalid_api_key"},
		deja.CodeForbidden:    {403, "invalid_request_error", "forbidden"},
		deja.CodeNotFound:     {404, "invalid_request_error", "not_found"},
		deja.CodeConflict:     {409, "invalid_request_error", "conflict"},
		deja.CodeTooLarge:     {413, "invalid_request_error", "too_large"},
		deja.CodeUnsupported:  {415, "invalid_request_error", "unsupported"},
		deja.CodeRateLimited:  {429, "rate_limit_error", "rate_limit_exceeded"},
		deja.CodeCancelled:    {499, "invalid_request_error", "cancelled"},
		deja.CodeInternal:     {500, "server_error", "internal_error"},
		deja.CodeUpstream:     {502, "server_error", "upstream_error"},
		deja.CodeUnavailable:  {503, "server_error", "unavailable"},
		deja.CodeNotCached:    {504, "invalid_request_error", "not_cached"},
	} {
		rec, f, logged := answered(t, t.Context(), func(*response, *http.Request) error {
			return fmt.Errorf("on the way: %w", deja.Wrap(code, errors.New("secret cause"), "It went wrong.").WithParam("thing"))
		})
		got := ""
		if f.Code != nil {
			got = *f.Code
		}
		if rec.Code != want.status || f.Type != want.typ || got != want.code {
			t.Errorf("%s: %d %s %q", code, rec.Code, f.Type, got)
		}
		if f.Message != "It went wrong." || f.Param == nil || *f.Param != "thing" {
			t.Errorf("%s: %+v", code, f)
		}
		if strings.Contains(rec.Body.String(), "secret") {
			t.Errorf("%s: the cause is shown", code)
		}
		level := "DEBUG"
		if want.status >= 500 && code != deja.CodeNotCached {
			level = "ERROR"
		}
		if strings.Count(logged, "\n") != 1 || !strings.Contains(logged, "level="+level) || !strings.Contains(logged, "secret cause") {
			t.Errorf("%s is logged as %s", code, logged)
		}
		if got, want := rec.Header().Get("X-Should-Retry"), map[bool]string{true: "false"}[want.status == 409 || want.status == 504]; got != want {
			t.Errorf("%s: x-should-retry %q", code, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	rec, _, _ := answered(t, t.Context(), func(*response, *http.Request) error {
		return &deja.Error{Code: deja.CodeRateLimited, Message: "Slow down.", RetryAfter: 1200 * time.Millisecond}
	})
	if h := rec.Header(); h.Get("Retry-After") != "2" || h.Get("Retry-After-Ms") != "1200" {
		t.Errorf("%v", h)
	}
}

func TestForeignErrorsAreNotShown(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]handler{
		"error":      func(*response, *http.Request) error { return errors.New("password is hunter2") },
		"panic":      func(*response, *http.Request) error { panic("password is hunter2") },
		"encoding":   func(w *response, _ *http.Request) error { return w.write(200, math.NaN()) },
		"late panic": func(w *response, _ *http.Request) error { w.Header().Set("Content-Length", "9999"); panic("x") },
	} {
		rec, f, logged := answered(t, t.Context(), h)
		if rec.Code != 500 || f.Type != "server_error" || strings.Contains(rec.Body.String(), "hunter2") {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
		if !strings.Contains(logged, "level=ERROR") {
			t.Errorf("%s: %s", name, logged)
		}
	}
}

func TestLeavingClientIsNoFault(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rec, _, logged := answered(t, ctx, func(_ *response, r *http.Request) error {
		return deja.Wrap(deja.CodeInternal, r.Context().Err(), "It went wrong.")
	})
	if rec.Code != statusClosed || strings.Contains(logged, "ERROR") {
		t.Errorf("%d %s", rec.Code, logged)
	}
}

func TestAbortedHandlerStaysAborted(t *testing.T) {
	t.Parallel()
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("recovered %v", p)
		}
	}()
	a := &API{log: discard}
	a.serve(methods{"GET": func(*response, *http.Request) error { panic(http.ErrAbortHandler) }}).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func TestWriteError(t *testing.T) {
	t.Parallel()
	a := &API{log: discard}
	rec := httptest.NewRecorder()
	a.WriteError(rec, httptest.NewRequest("GET", "/v1/x", nil), deja.Errorf(deja.CodeUnauthorized, "No key was sent."))
	if rec.Code != 401 || !strings.Contains(rec.Body.String(), `"code":"invalid_api_key"`) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestProvenanceOfReads(t *testing.T) {
	t.Parallel()
	a := &API{log: discard}
	for name, c := range map[string]struct {
		method string
		spans  []layers.Span
		cache  string
		key    string
	}{
		"hit":        {"GET", []layers.Span{{Layer: layers.SchemaInfo, Source: "memory", Hit: true, Key: "schema:a"}}, "hit", "schema:a"},
		"miss":       {"GET", []layers.Span{{Layer: layers.AssistantData, Source: "load", Key: "assistant_data:a"}}, "miss", "assistant_data:a"},
		"one misses": {"GET", []layers.Span{{Layer: layers.AssistantData}, {Layer: layers.SchemaInfo, Hit: true, Key: "schema:a"}}, "miss", "schema:a"},
		"no layer":   {"GET", []layers.Span{{Layer: "store"}}, "", ""},
		"a write":    {"POST", []layers.Span{{Layer: layers.AssistantData, Hit: true}}, "", ""},
	} {
		rec := httptest.NewRecorder()
		h := func(w *response, r *http.Request) error {
			for _, s := range c.spans {
				layers.TraceFrom(r.Context()).Record(time.Now(), s)
			}
			return w.write(200, struct{}{})
		}
		a.serve(methods{c.method: h}).ServeHTTP(rec, httptest.NewRequest(c.method, "/", nil))
		if got := rec.Header(); got.Get("X-Deja-Cache") != c.cache || got.Get("X-Deja-Cache-Key") != c.key {
			t.Errorf("%s: %v", name, got)
		}
		if got := rec.Header().Get("Server-Timing"); got == "" {
			t.Errorf("%s: no Server-Timing", name)
		}
	}
}
