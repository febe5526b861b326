package openaiapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/layers"
)

// handler answers one request, or gives an error that is answered for it.
type handler func(w *response, r *http.Request) error

// serve makes an http.Handler of the handlers of one path: it finds the one
// for the method and is the only place where their errors and panics end.
func (a *API) serve(by methods) http.Handler {
	allowed := slices.Sorted(maps.Keys(by))
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		trace := layers.TraceFrom(ctx)
		if trace == nil {
			ctx, trace = layers.WithTrace(ctx)
			r = r.WithContext(ctx)
		}
		w := &response{ResponseWriter: rw, trace: trace, read: r.Method == http.MethodGet || r.Method == http.MethodHead}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				began := w.began
				a.fail(w, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
				if began {
					panic(http.ErrAbortHandler) // half an answer must not look like a whole one
				}
			}
		}()
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		h, ok := by[method]
		switch {
		case ok:
			if err := h(w, r); err != nil {
				a.fail(w, r, err)
			}
		case by == nil:
			a.fail(w, r, reasoned(deja.CodeNotFound, "unknown_url", "There is no %s %.200s here.", r.Method, r.URL.Path))
		default:
			w.Header().Set("Allow", allow)
			a.fail(w, r, reasoned(deja.CodeUnsupported, wrongMethod, "%.32s is not allowed here; %s is.", r.Method, allow))
		}
	})
}

// response is a ResponseWriter that knows whether it has begun, and that adds
// where the answer came from at the moment when it begins.
type response struct {
	http.ResponseWriter
	trace *layers.Trace
	read  bool // the request only reads
	began bool

	// Of an answer; an empty outcome is none.
	outcome answer.Outcome
	key     string
	age     time.Duration
	bill    answer.Bill

	stale    bool   // it has outlived its lifetime, and is given because no model answers
	fallback string // who made it, when it was not the model that was asked for
}

// Unwrap lets http.ResponseController find what it needs.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the headers.
func (w *response) WriteHeader(status int) {
	if !w.began {
		w.began = true
		w.provenance(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *response) Write(b []byte) (int, error) {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

func (w *response) provenance(status int) {
	h := w.Header()
	spans := w.trace.Spans()
	if t := layers.ServerTiming(spans); t != "" {
		h.Set("Server-Timing", t)
	}
	switch {
	case w.outcome != "":
		h.Set("X-Deja-Cache", string(w.outcome))
		if w.key != "" {
			h.Set("X-Deja-Cache-Key", w.key)
		}
		if w.outcome == answer.Hit || w.outcome == answer.Similar {
			h.Set("Age", strconv.FormatInt(int64(w.age/time.Second), 10))
		}
		if w.bill.Cost != nil {
			h.Set("X-Deja-Cost", w.bill.Cost.String())
		}
		if w.bill.Saved != nil {
			h.Set("X-Deja-Saved", w.bill.Saved.String())
		}
		if w.stale {
			h.Set("X-Deja-Stale", "true")
			h.Set("Warning", `110 - "Response is Stale"`) // RFC 7234 section 5.5.1
		}
		if w.fallback != "" {
			h.Set("X-Deja-Fallback", w.fallback)
		}
	case w.read && status < 400:
		outcome, key := readThrough(spans)
		if outcome != "" {
			h.Set("X-Deja-Cache", string(outcome))
			h.Set("X-Deja-Cache-Key", key)
		}
	}
}

// readThrough sums up the layers that a read went through: a hit when all of
// them had what was asked for. The key is the last one's, which is what the
// response shows.
func readThrough(spans []layers.Span) (outcome answer.Outcome, key string) {
	for _, s := range spans {
		switch s.Layer {
		case layers.AssistantData, layers.SchemaInfo, layers.ThreadContext, layers.MessageResponses:
		default:
			continue
		}
		key = s.Key
		switch {
		case !s.Hit:
			outcome = answer.Miss
		case outcome == "":
			outcome = answer.Hit
		}
	}
	return outcome, key
}

// write sends v as JSON. Nothing is sent when v can't be encoded.
func (w *response) write(status int, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	// What is true now may not be a second later; deja's own caches know when.
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err = w.Write(b)
	if err != nil {
		return deja.Wrap(deja.CodeCancelled, err, "The client went away.")
	}
	return nil
}

// encode gives v as one line of JSON with a line break, with <, > and & as
// they are: responses are no web pages, and models write a lot of them.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := encodeTo(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// encodeTo is encode into b, to which an error adds nothing.
func encodeTo(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return deja.Wrap(deja.CodeInternal, err, "The response cannot be encoded.")
	}
	return nil
}
