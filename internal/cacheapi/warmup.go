package cacheapi

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/eventlog"
	"github.com/dejahq/deja/internal/layers"
)

// maxWarmUp is the most assistants that one request may warm.
const maxWarmUp = 1000

// warmed is the outcome of one assistant: an element of results, or a line of
// the streamed form.
type warmed struct {
	AssistantID string `json:"assistantId"`
	Queries     int64  `json:"queries"`
	OK          bool   `json:"ok"`
	Error       string `json:"error,omitempty"`
}

// warmUpDone is the whole answer, or the last line of the streamed form.
type warmUpDone struct {
	Status    string   `json:"status"` // "success"
	Action    string   `json:"action"` // "warmup"
	Timestamp string   `json:"timestamp"`
	Results   []warmed `json:"results,omitempty"`
	Warmed    int      `json:"warmed"`
	Failed    int      `json:"failed"`
}

func (d *warmUpDone) count(one warmed) {
	if one.OK {
		d.Warmed++
	} else {
		d.Failed++
	}
}

// action answers POST /api/cache/metrics.
func (a *API) action(w http.ResponseWriter, r *http.Request) error {
	b, err := readBody(w, r)
	if err != nil {
		return err
	}
	action, err := b.text("action")
	if err != nil {
		return err
	}
	switch action {
	case "reset-metrics":
		if err := b.only("action"); err != nil {
			return err
		}
		if err := a.reset(r); err != nil {
			return err
		}
		a.write(w, http.StatusOK, map[string]string{
			"status": "success", "action": action, "timestamp": stamp(a.now()), "message": "All counters are at zero.",
		})
		return nil
	case "warmup":
		if err := b.only("action", "assistantIds"); err != nil {
			return err
		}
		ids, err := b.texts("assistantIds", maxWarmUp)
		if err != nil {
			return err
		}
		return a.warmUp(w, r, distinct(ids))
	}
	return deja.Errorf(deja.CodeInvalid, "The action %.80q is not known; known are: warmup, reset-metrics.", action)
}

// reset sets the counters of this node to zero, or with ?scope=fleet those of
// all nodes.
func (a *API) reset(r *http.Request) error {
	scope, err := scopeOf(r)
	if err != nil {
		return err
	}
	if scope == scopeNode || a.o.Fleet == nil {
		a.monitor.Reset()
		a.happened(eventlog.Reset, "the counters of this node were set to zero")
		return nil
	}
	if err := a.o.Fleet.Reset(r.Context()); err != nil {
		return deja.Wrap(deja.CodeUnavailable, err, "Redis does not answer: the other nodes cannot be told.")
	}
	a.happened(eventlog.Reset, "the counters of all nodes were set to zero")
	return nil
}

// distinct keeps the first of equal ids.
func distinct(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	return slices.DeleteFunc(ids, func(id string) bool {
		was := seen[id]
		seen[id] = true
		return was
	})
}

func (a *API) warmUp(w http.ResponseWriter, r *http.Request, ids []string) error {
	// What a warm-up looks up must not pass for this request's own hits.
	ctx, _ := layers.WithTrace(r.Context())
	done := warmUpDone{Status: "success", Action: "warmup"}
	report := func(one warmed) { done.Results = append(done.Results, one) }
	stream := wantsLines(r.Header.Values("Accept"))
	if stream {
		report = lines(w)
	}
	err := a.layers.WarmUp(ctx, ids, func(l layers.Warmed) {
		one := warmed{AssistantID: l.AssistantID, Queries: l.Queries, OK: l.Err == nil}
		if l.Err != nil {
			one.Error = deja.ErrorMessage(l.Err)
		}
		done.count(one)
		report(one)
	})
	done.Timestamp = stamp(a.now())
	a.happened(eventlog.WarmUp, fmt.Sprintf("%d assistants were warmed, %d failed", done.Warmed, done.Failed))
	switch {
	case err != nil && stream:
		// It began with status 200: the missing summary tells that it was cut.
		panic(http.ErrAbortHandler)
	case err != nil:
		return err
	case stream:
		return writeLine(w, done)
	}
	order := make(map[string]int, len(ids))
	for i, id := range ids {
		order[id] = i
	}
	slices.SortFunc(done.Results, func(x, y warmed) int { return order[x.AssistantID] - order[y.AssistantID] })
	a.write(w, http.StatusOK, done)
	return nil
}

const lineType = "application/x-ndjson"

// wantsLines reports whether the client asked for a line per assistant.
func wantsLines(accept []string) bool {
	for one := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		if media, _, err := mime.ParseMediaType(one); err == nil && media == lineType {
			return true
		}
	}
	return false
}

// lines begins the streamed form and gives what writes one line of it.
func lines(w http.ResponseWriter) func(warmed) {
	h := w.Header()
	h.Set("Content-Type", lineType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	return func(one warmed) {
		// A client that left ends the request's context, and that the warm-up.
		_ = writeLine(w, one)
	}
}

func writeLine(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return deja.Wrap(deja.CodeCancelled, err, "The client went away.")
	}
	_ = http.NewResponseController(w).Flush()
	return nil
}
