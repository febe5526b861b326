package middleware

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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

// keeper keeps the records that it handles, as a handler that batches does.
type keeper struct {
	slog.Handler
	kept []slog.Record
}

func (k *keeper) Handle(_ context.Context, r slog.Record) error {
	k.kept = append(k.kept, r)
	return nil
}

// A record belongs to whoever logs it: the same one, handled for two requests,
// must not have the ids mixed up.
func TestLogHandlerLeavesRecordsAlone(t *testing.T) {
	t.Parallel()
	keep := &keeper{Handler: slog.DiscardHandler}
	h := LogHandler(keep)
	record := slog.NewRecord(time.Time{}, slog.LevelInfo, "shared", 0)
	for range 8 { // more than a record holds in itself
		record.AddAttrs(slog.Int("n", 1))
	}
	for _, id := range []string{"req_a", "req_b"} {
		if err := h.Handle(context.WithValue(t.Context(), exchangeKey{}, &exchange{id: id}), record); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"req_a", "req_b"} {
		var got string
		keep.kept[i].Attrs(func(a slog.Attr) bool {
			switch a.Key {
			case "request_id":
				got = a.Value.String()
			case "!BUG": // what slog adds to a record that was changed behind its back
				t.Error(a)
			}
			return true
		})
		if got != want {
			t.Errorf("record %d is of %q, want %q", i, got, want)
		}
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
