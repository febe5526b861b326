package openaiapi

import (
	"bytes"
	"errors"
	"iter"
	"net/http"
	"sync"
	"time"

	"github.com/dejahq/deja"
)

const (
	// keepAliveAfter is how long a stream may be silent before a comment says
	// that it is alive; proxies commonly give up after 30 s or 60 s.
	keepAliveAfter = 15 * time.Second

	// writeTimeout is how long one event may take to be written. A client
	// that takes nothing for so long is gone or stuck.
	writeTimeout = 30 * time.Second
)

// eventStream writes server-sent events. Each goes out in one write and is
// flushed: some parsers lose an event that arrives in two reads. The response
// begins with the first event or comment, so until then an error can still be
// answered with a status of its own.
type eventStream struct {
	mu     sync.Mutex // held while writing: the keep-alive timer writes too
	w      *response
	ctl    *http.ResponseController
	idle   *time.Timer
	buf    bytes.Buffer
	err    error // of the first write that failed
	closed bool
}

// newEventStream must be ended by close, before the handler returns.
func newEventStream(w *response) *eventStream {
	e := &eventStream{w: w, ctl: http.NewResponseController(w.ResponseWriter)}
	e.mu.Lock() // the timer's goroutine reads idle
	defer e.mu.Unlock()
	e.idle = time.AfterFunc(keepAliveAfter, e.keepAlive)
	return e
}

// send writes an event with v as JSON. An empty name leaves the event line
// out, as chat completions want it.
func (e *eventStream) send(name string, v any) error {
	data, err := encode(v)
	if err != nil {
		return err
	}
	return e.event(name, data[:len(data)-1])
}

// done writes the mark by which clients know that the stream is whole.
func (e *eventStream) done(name string) error { return e.event(name, []byte("[DONE]")) }

func (e *eventStream) event(name string, data []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.buf.Reset()
	if name != "" {
		e.buf.WriteString("event: ")
		e.buf.WriteString(name)
		e.buf.WriteByte('\n')
	}
	e.buf.WriteString("data: ")
	e.buf.Write(data)
	e.buf.WriteString("\n\n")
	e.idle.Reset(keepAliveAfter)
	return e.flush()
}

func (e *eventStream) keepAlive() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.err != nil {
		return
	}
	e.buf.Reset()
	e.buf.WriteString(": keepalive\n\n")
	e.idle.Reset(keepAliveAfter)
	// The next event meets the same error and ends the stream.
	_ = e.flush()
}

// flush writes the buffer. After an error nothing more is written.
func (e *eventStream) flush() error {
	if e.err != nil {
		return e.err
	}
	if !e.w.began {
		h := e.w.Header()
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
		h.Set("Cache-Control", "no-cache, no-transform")
		h.Set("X-Accel-Buffering", "no") // or nginx holds events back
		e.w.WriteHeader(http.StatusOK)
	}
	// Not every ResponseWriter has deadlines; those of real servers do.
	_ = e.ctl.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := e.w.Write(e.buf.Bytes())
	if err == nil {
		err = e.ctl.Flush()
	}
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		e.err = deja.Wrap(deja.CodeCancelled, err, "The client went away.")
	}
	return e.err
}

// begun reports whether something has been sent.
func (e *eventStream) begun() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.w.began
}

// before calls f, which may change what the response's headers say, unless
// they are out.
func (e *eventStream) before(f func(w *response)) {
	e.mu.Lock() // a keep-alive may begin the response
	defer e.mu.Unlock()
	if !e.w.began {
		f(e.w)
	}
}

// close ends the keep-alives. The connection may serve another request, so the
// deadline goes too.
func (e *eventStream) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.idle.Stop()
	if e.w.began {
		_ = e.ctl.SetWriteDeadline(time.Time{})
	}
}

// relay sends what seq yields, by emit, until it ends. An error before the
// first event is given back, to be answered with its own status; a later one
// is sent as an event named failed, and given back for the log.
func relay[T any](e *eventStream, failed string, seq iter.Seq2[T, error], emit func(T) error) error {
	for item, err := range seq {
		if err == nil {
			err = emit(item)
		}
		if err != nil {
			return e.fail(failed, err)
		}
	}
	return nil
}

func (e *eventStream) fail(name string, err error) error {
	if !e.begun() {
		return err
	}
	_, body := describe(err)
	return errors.Join(err, e.send(name, body))
}
