package cacheapi

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Probes adds /livez and /readyz to mux. They are for what watches over
// processes: they tell nothing that is worth hiding, so nobody needs a key.
//
// /livez is 200 "ok" for as long as the process answers at all. /readyz is 200
// when requests can be answered, and 503 when they cannot because the store is
// away. Without Redis, or while no model answers, there is still what is
// cached, so the node stays in service.
func (a *API) Probes(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte("ok"))
	})
	mux.HandleFunc("GET /readyz", a.readyz)
}

type readyAnswer struct {
	Status string            `json:"status"` // "ready" or "unready"
	Checks map[string]string `json:"checks"`
}

// readyFor is how long an answer of /readyz is given again. Nobody needs a key
// to ask, and each look costs the store and Redis a question.
const readyFor = time.Second

// readiness is what the last look found.
type readiness struct {
	mu     sync.Mutex
	at     time.Time // zero: nobody has looked
	code   int
	answer readyAnswer
}

func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	// Who leaves must not make the answer of those who wait for it.
	code, answer := a.isReady(context.WithoutCancel(r.Context()))
	a.write(w, code, answer)
}

func (a *API) isReady(ctx context.Context) (int, readyAnswer) {
	last := &a.ready
	last.mu.Lock()
	defer last.mu.Unlock()
	if ago := a.now().Sub(last.at); last.at.IsZero() || ago < 0 || ago >= readyFor {
		last.code, last.answer = a.lookReady(ctx)
		last.at = a.now()
	}
	return last.code, last.answer
}

func (a *API) lookReady(ctx context.Context) (int, readyAnswer) {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	answer := readyAnswer{Status: "ready", Checks: map[string]string{"store": "ok", "redis": "ok", "model": "ok"}}
	code := http.StatusOK
	if err := a.layers.Store().Ping(ctx); err != nil {
		answer.Status, answer.Checks["store"], code = "unready", "away", http.StatusServiceUnavailable
		a.log.WarnContext(ctx, "not ready: the store does not answer", "error", err)
	}
	switch h := a.layers.Engine().Health(ctx); {
	case !h.Configured:
		answer.Checks["redis"] = "none"
	case !h.Connected:
		answer.Checks["redis"] = "away"
	}
	if states := a.breakers(); len(states) > 0 {
		answer.Checks["model"] = "away"
		for _, state := range states {
			if state != "open" {
				answer.Checks["model"] = "ok"
			}
		}
	}
	return code, answer
}
