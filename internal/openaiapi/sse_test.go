package openaiapi

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
)

// wire records what a connection sees, write by write.
type wire struct {
	header http.Header
	status int
	writes []string
	flush  int
	err    error // of every write
}

func newWire() *wire { return &wire{header: http.Header{}} }

func (w *wire) Header() http.Header    { return w.header }
func (w *wire) WriteHeader(status int) { w.status = status }
func (w *wire) FlushError() error      { w.flush++; return nil }
func (w *wire) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	w.writes = append(w.writes, string(b))
	return len(b), nil
}

// each yields items, each after a pause, and then an error if there is one. As
// answers do, it calls idle before it pauses.
func each(idle func() error, pause time.Duration, err error, items ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		wait := func() bool {
			if pause == 0 {
				return true
			}
			if err := idle(); err != nil {
				yield("", err)
				return false
			}
			time.Sleep(pause) // of a bubble's clock
			return true
		}
		for _, s := range items {
			if !wait() || !yield(s, nil) {
				return
			}
		}
		if wait() && err != nil {
			yield("", err)
		}
	}
}

func TestEventsAreWrittenWhole(t *testing.T) {
	t.Parallel()
	w := newWire()
	e := newEventStream(&response{ResponseWriter: w, outcome: answer.Hit, key: "message:x:y", age: 90 * time.Second})
	defer e.close()
	if w.status != 0 {
		t.Fatal("the response has begun before there is an event")
	}
	if err := errors.Join(e.send("thread.created", map[string]string{"a": "<b>\n&\u2028"}), e.flush(), e.send("", 1)); err != nil {
		t.Fatal(err)
	}
	if err := e.send("", func() {}); deja.ErrorCode(err) != deja.CodeInternal {
		t.Errorf("what cannot be encoded: %v", err)
	}
	if err := errors.Join(e.done("done"), e.flush()); err != nil { // of nothing
		t.Fatal(err)
	}
	want := []string{
		"event: thread.created\ndata: {\"a\":\"<b>\\n&\\u2028\"}\n\n",
		"data: 1\n\nevent: done\ndata: [DONE]\n\n",
	}
	if diff := cmp.Diff(want, w.writes); diff != "" {
		t.Error(diff)
	}
	if w.status != 200 || w.flush != len(want) {
		t.Errorf("status %d, %d flushes", w.status, w.flush)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no",
		"X-Deja-Cache": "hit", "X-Deja-Cache-Key": "message:x:y", "Age": "90",
	} {
		if got := w.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestSilentStreamIsKeptAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		e := newEventStream(&response{ResponseWriter: w})
		err := relay(e, "error", each(e.flush, 20*time.Second, nil, "a", "b"), func(s string) error { return e.send("", s) })
		e.close()
		if err != nil {
			t.Fatal(err)
		}
		const alive = ": keepalive\n\n"
		want := []string{alive, "data: \"a\"\n\n", alive, "data: \"b\"\n\n", alive}
		if diff := cmp.Diff(want, w.writes); diff != "" {
			t.Error(diff)
		}
		e.keepAlive() // as a timer does that fired while the stream was closed
		time.Sleep(time.Hour)
		if len(w.writes) != len(want) {
			t.Error("something was written after the end")
		}
	})
}

func TestBusyStreamHasNoComments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		e := newEventStream(&response{ResponseWriter: w})
		defer e.close()
		items := strings.Split(strings.Repeat("x", 10), "")
		if err := relay(e, "error", each(e.flush, 14*time.Second, nil, items...), func(s string) error { return e.send("", s) }); err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(w.writes, ""); strings.Contains(all, "keepalive") {
			t.Error(all)
		}
	})
}

func TestErrorBeforeTheStreamHasItsStatus(t *testing.T) {
	t.Parallel()
	a := &API{log: discard}
	rec := httptest.NewRecorder()
	a.serve(methods{"POST": func(w *response, r *http.Request) error {
		e := newEventStream(w)
		defer e.close()
		return relay(e, "error", each(e.flush, 0, deja.Errorf(deja.CodeUpstream, "The model is away.")), func(s string) error { return e.send("", s) })
	}}).ServeHTTP(rec, httptest.NewRequest("POST", "/", nil))
	if rec.Code != http.StatusBadGateway || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", rec.Code, rec.Header())
	}
}

func TestErrorInTheStreamIsAnEvent(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"error": "event: error\ndata: {\"error\":{\"message\":\"The model is away.\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_error\"}}\n\n",
		"":      "data: {\"error\":{\"message\":\"The model is away.\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_error\"}}\n\n",
	} {
		w := newWire()
		e := newEventStream(&response{ResponseWriter: w})
		err := relay(e, name, each(e.flush, 0, deja.Wrap(deja.CodeUpstream, io.ErrUnexpectedEOF, "The model is away."), "a"), func(s string) error { return e.send("", s) })
		e.close()
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the cause is lost to the log: %v", err)
		}
		if diff := cmp.Diff([]string{"data: \"a\"\n\n" + want}, w.writes); diff != "" {
			t.Error(diff)
		}
	}
}

func TestGoneClientEndsTheStream(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pause time.Duration
		item  string
	}{
		"as the pieces come": {time.Second, "b"},
		"all at once":        {0, strings.Repeat("b", maxWrite)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWire()
				e := newEventStream(&response{ResponseWriter: w})
				defer e.close()
				read := 0
				err := relay(e, "error", each(e.flush, test.pause, nil, "a", test.item, "c", "d"), func(s string) error {
					read++
					if s == test.item {
						w.err = errors.New("broken pipe")
					}
					return e.send("", s)
				})
				if deja.ErrorCode(err) != deja.CodeCancelled || read != 2 {
					t.Errorf("read %d, %v", read, err)
				}
			})
		})
	}
}

// TestReadyEventsShareWrites: an answer that is there takes as many writes as
// its bytes need, of whole events each, and the bytes are those of one event
// after the other.
func TestReadyEventsShareWrites(t *testing.T) {
	t.Parallel()
	var items []string
	var want strings.Builder
	for i := range 300 {
		items = append(items, strings.Repeat("x", i%97))
		if i == 200 {
			items[i] = strings.Repeat("x", 3*maxWrite) // more than a write holds
		}
		want.WriteString("data: \"" + items[i] + "\"\n\n")
	}
	want.WriteString("data: [DONE]\n\n")
	w := newWire()
	e := newEventStream(&response{ResponseWriter: w})
	defer e.close()
	err := relay(e, "error", each(e.flush, 0, nil, items...), func(s string) error { return e.send("", s) })
	if err := errors.Join(err, e.done("")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(w.writes, ""); got != want.String() {
		t.Errorf("the stream differs: %d bytes, want %d", len(got), want.Len())
	}
	for i, s := range w.writes {
		if !strings.HasPrefix(s, "data: ") || !strings.HasSuffix(s, "\n\n") || len(s) > maxWrite+100 && strings.Count(s, "data: ") > 1 {
			t.Errorf("write %d of %d bytes: %.40q", i, len(s), s)
		}
	}
	// Two writes in a row hold more than maxWrite, or they would have been one.
	if most := 2*want.Len()/maxWrite + 1; len(w.writes) > most || w.flush != len(w.writes) {
		t.Errorf("%d writes, %d flushes, want %d at most", len(w.writes), w.flush, most)
	}
}

// TestLoneEventLeavesAtOnce: an event has left before the source waits for the
// next one, and so has all that came with it.
func TestLoneEventLeavesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		e := newEventStream(&response{ResponseWriter: w})
		defer e.close()
		sent := ""
		err := relay(e, "error", each(e.flush, time.Second, nil, "a", "b", "c"), func(s string) error {
			if got := strings.Join(w.writes, ""); got != sent {
				t.Errorf("before %q there was %q, want %q", s, got, sent)
			}
			sent += "data: \"" + s + "\"\n\n"
			return e.send("", s)
		})
		if err != nil || strings.Join(w.writes, "") != sent {
			t.Errorf("%q, %v", w.writes, err)
		}
	})
}

// TestPanicInAStreamCutsIt holds that half an answer never ends like a whole one.
func TestPanicInAStreamCutsIt(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	a := &API{log: logTo(&logged)}
	s := httptest.NewServer(a.serve(methods{"GET": func(w *response, _ *http.Request) error {
		e := newEventStream(w)
		defer e.close()
		if err := errors.Join(e.send("", "a"), e.flush()); err != nil {
			return err
		}
		if err := e.send("", "b"); err != nil {
			return err
		}
		panic("oh")
	}}))
	defer s.Close()
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err == nil || string(b) != "data: \"a\"\n\n" {
		t.Errorf("the stream ended with %v: %q", err, b)
	}
	s.Close() // waits for the handler, and so for its log
	if !strings.Contains(logged.String(), "panic: oh") {
		t.Errorf("the log says %q", &logged)
	}
}
