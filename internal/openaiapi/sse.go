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

	// writeTimeout is how long one write may take. A client that takes nothing
	// for so long is gone or stuck.
	writeTimeout = 30 * time.Second

	// maxWrite is how many bytes of events are collected for one write, which
	// with its framing fills the 4 KB that net/http hands to the system at a
	// time. More saves nothing that can be measured, and with less to collect
	// the first events of a long answer leave while others are being encoded.
	maxWrite = 4000
)

// eventStream writes server-sent events. They are collected, and go out
// together in one write and one flush: when flush is called, which has to be
// whenever nothing more is ready, or when maxWrite is reached. A write holds
// whole events: some parsers lose an event that arrives in two reads. The
// response begins with the first write, so until then an error can still be
// answered with a status of its own.
type eventStream struct {
	mu     sync.Mutex // held while writing: the keep-alive timer writes too
	w      *response
	ctl    *http.ResponseController
	idle   *time.Timer
	buf    bytes.Buffer // whole events
	err    error        // of the first write that failed
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

// send adds an event with v as JSON. An empty name leaves the event line
// out, as chat completions want it.
func (e *eventStream) send(name string, v any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return e.err
	}
	whole := e.buf.Len()
	e.head(name)
	if err := encodeTo(&e.buf, v); err != nil {
		e.buf.Truncate(whole)
		return err
	}
	e.buf.WriteByte('\n')
	if whole > 0 && e.buf.Len() > maxWrite {
		return e.write(whole)
	}
	return nil
}

// head adds what comes before an event's data.
func (e *eventStream) head(name string) {
	if name != "" {
		e.buf.WriteString("event: ")
		e.buf.WriteString(name)
		e.buf.WriteByte('\n')
	}
	e.buf.WriteString("data: ")
}

// done sends the mark by which clients know that the stream is whole, with
// all that was collected.
func (e *eventStream) done(name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.head(name)
	e.buf.WriteString("[DONE]\n\n")
	return e.write(e.buf.Len())
}

// flush sends what was collected.
func (e *eventStream) flush() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.buf.Len() == 0 {
		return e.err
	}
	return e.write(e.buf.Len())
}

func (e *eventStream) keepAlive() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.err != nil {
		return
	}
	e.buf.WriteString(": keepalive\n\n")
	// The next event meets the same error and ends the stream.
	_ = e.write(e.buf.Len())
}

// write sends the first n bytes that were collected. After an error nothing
// more is written.
func (e *eventStream) write(n int) error {
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
	e.idle.Reset(keepAliveAfter)
	// Not every ResponseWriter has deadlines; those of real servers do.
	_ = e.ctl.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := e.w.Write(e.buf.Next(n))
	if err == nil {
		err = e.ctl.Flush()
	}
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		e.err = deja.Wrap(deja.CodeCancelled, err, "The client went away.")
	}
	return e.err
}

// begun reports whether something has been sent, or is about to be.
func (e *eventStream) begun() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.w.began || e.buf.Len() > 0
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

// close ends the keep-alives. What was collected and not flushed is dropped: it
// is the part of an answer that a panic cut. The connection may serve another
// request, so the deadline goes too.
func (e *eventStream) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.idle.Stop()
	if e.w.began {
		_ = e.ctl.SetWriteDeadline(time.Time{})
	}
}

// relay adds what seq yields, by emit, until it ends; seq calls e.flush before
// it waits. An error before the first event is given back, to be answered with
// its own status; a later one is sent as an event named failed, and given back
// for the log.
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
	if sent := e.send(name, body); sent != nil {
		return errors.Join(err, sent)
	}
	return errors.Join(err, e.flush())
}
