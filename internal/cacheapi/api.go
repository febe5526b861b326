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
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/monitor"
)

// Options configure an API. Layers and Monitor are needed.
type Options struct {
	Layers  *layers.Layers
	Monitor *monitor.Monitor

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
	return &API{layers: o.Layers, monitor: o.Monitor, o: o, log: o.Logger, now: o.Now, started: o.Now()}, nil
}

// handler answers one request, or gives an error that is answered for it.
type handler func(w http.ResponseWriter, r *http.Request) error

// Routes adds the API to mux: everything under /api/cache/, so that unknown
// paths and wrong methods get the API's own error shape too.
func (a *API) Routes(mux *http.ServeMux) {
	mux.Handle("/api/cache/health", a.serve(map[string]handler{http.MethodGet: a.health}))
	mux.Handle("/api/cache/metrics", a.serve(map[string]handler{http.MethodGet: a.metrics, http.MethodPost: a.action}))
	mux.Handle("/api/cache/timeline", a.serve(map[string]handler{http.MethodGet: a.timeline}))
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
			a.WriteError(w, r, deja.Errorf(deja.CodeNotFound, "There is no %.100q here; there are health, metrics and invalidate.", r.URL.Path))
		default:
			w.Header().Set("Allow", allow)
			a.WriteError(w, r, &deja.Error{
				Code: deja.CodeUnsupported, Err: errMethod,
				Message: "The method " + strings.ToValidUTF8(r.Method[:min(len(r.Method), 20)], "") + " is not allowed here; " + allow + " is.",
			})
		}
	})
}
