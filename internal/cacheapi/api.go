package cacheapi

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/eventlog"
	"github.com/dejahq/deja/internal/fleet"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/monitor"
)

// Options configure an API. Layers and Monitor are needed.
type Options struct {
	Layers  *layers.Layers
	Monitor *monitor.Monitor

	Fleet  *fleet.Fleet  // the other nodes; nil: this node is alone, and keeps no days
	Events *eventlog.Log // nil: none are kept

	// Breakers gives the states of breakers besides the one before Redis, by
	// name: those before the model's servers. nil: there are none.
	Breakers func() map[string]string

	Model   string // what answers questions, for people; shown in health
	Version string // of deja; shown in health

	Logger *slog.Logger     // default discards
	Now    func() time.Time // default time.Now
}

// API answers requests under /api/cache/. Safe for concurrent use.
type API struct {
	layers  *layers.Layers
	monitor *monitor.Monitor
	o       Options
	log     *slog.Logger
	now     func() time.Time
	started time.Time

	live  live
	ready readiness
}

// New makes an API.
func New(o Options) (*API, error) {
	if o.Layers == nil || o.Monitor == nil {
		return nil, errors.New("cacheapi: layers and a monitor are needed")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &API{layers: o.Layers, monitor: o.Monitor, o: o, log: o.Logger, now: o.Now, started: o.Now()}
	a.live.ended, a.live.patience = make(chan struct{}), livePatience
	return a, nil
}

// handler answers one request, or gives an error that is answered for it.
type handler func(w http.ResponseWriter, r *http.Request) error

// Routes adds the API to mux: everything under /api/cache/, so that unknown
// paths and wrong methods get the API's own error shape too.
func (a *API) Routes(mux *http.ServeMux) {
	mux.Handle("/api/cache/health", a.serve(map[string]handler{http.MethodGet: a.health}))
	mux.Handle("/api/cache/metrics", a.serve(map[string]handler{http.MethodGet: a.metrics, http.MethodPost: a.action}))
	mux.Handle("/api/cache/timeline", a.serve(map[string]handler{http.MethodGet: a.timeline}))
	mux.Handle("/api/cache/days", a.serve(map[string]handler{http.MethodGet: a.days}))
	mux.Handle("/api/cache/events", a.serve(map[string]handler{http.MethodGet: a.events}))
	mux.Handle("/api/cache/live", a.serve(map[string]handler{http.MethodGet: a.stream}))
	mux.Handle("/api/cache/entry", a.serve(map[string]handler{http.MethodGet: a.entry}))
	mux.Handle("/api/cache/invalidate", a.serve(map[string]handler{http.MethodPost: a.invalidate}))
	mux.Handle("/api/cache/", a.serve(nil))
}

func (a *API) serve(by map[string]handler) http.Handler {
	allowed := slices.Sorted(maps.Keys(by))
	if _, ok := by[http.MethodGet]; ok {
		allowed = append(allowed, http.MethodHead)
	}
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		answer, ok := by[method]
		switch {
		case ok:
			if err := answer(w, r); err != nil {
				a.WriteError(w, r, err)
			}
		case by == nil:
			a.WriteError(w, r, deja.Errorf(deja.CodeNotFound, "There is no %.100q here; there are health, metrics, timeline, days, events, live, entry and invalidate.", r.URL.Path))
		default:
			w.Header().Set("Allow", allow)
			a.WriteError(w, r, &deja.Error{
				Code: deja.CodeUnsupported, Err: errMethod,
				Message: "The method " + strings.ToValidUTF8(r.Method[:min(len(r.Method), 20)], "") + " is not allowed here; " + allow + " is.",
			})
		}
	})
}
