package cacheapi

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/dejahq/deja/cache"
)

// pingTime is how long the store may take to show that it is there.
const pingTime = 2 * time.Second

const (
	healthy   = "healthy"
	degraded  = "degraded"
	unhealthy = "unhealthy"
)

type healthAnswer struct {
	Status    string      `json:"status"`
	Timestamp string      `json:"timestamp"`
	Version   string      `json:"version"`
	Node      string      `json:"node"`
	Model     string      `json:"model"`
	Stats     stats       `json:"stats"`
	Cache     backend     `json:"cache"`
	Store     storeAnswer `json:"store"`
	Notes     []string    `json:"notes"`
}

type backend struct {
	Connected bool   `json:"connected"`
	Provider  string `json:"provider"`
}

type storeAnswer struct {
	Connected bool   `json:"connected"`
	Name      string `json:"name"`
}

func (a *API) health(w http.ResponseWriter, r *http.Request) error {
	var redis cache.Health
	var storeErr error
	var both sync.WaitGroup
	both.Go(func() { redis = a.layers.Engine().Health(r.Context()) })
	both.Go(func() {
		ctx, cancel := context.WithTimeout(r.Context(), pingTime)
		defer cancel()
		storeErr = a.layers.Store().Ping(ctx)
	})
	both.Wait()
	if err := r.Context().Err(); err != nil {
		return err
	}

	local := a.layers.Engine().Stats()
	status, notes := judge(redis, a.layers.Store().Name(), storeErr)
	if a.layers.Off() {
		notes = append(notes, "Caching is switched off: everything is read from the store, and every question goes to the model.")
	}
	code := http.StatusOK
	if status == unhealthy {
		code = http.StatusServiceUnavailable
	}
	if storeErr != nil {
		a.log.WarnContext(r.Context(), "the store does not answer", "store", a.layers.Store().Name(), "error", storeErr)
	}
	a.write(w, code, healthAnswer{
		Status: status, Timestamp: stamp(a.now()), Version: a.o.Version, Node: local.Node, Model: a.o.Model,
		Stats: a.statsOf(redis, local),
		Cache: backend{Connected: redis.Connected, Provider: redis.Provider},
		Store: storeAnswer{Connected: storeErr == nil, Name: a.layers.Store().Name()},
		Notes: notes,
	})
	return nil
}

// judge sums the state up, and says in plain words what is off.
func judge(redis cache.Health, storeName string, storeErr error) (status string, notes []string) {
	status, notes = healthy, []string{}
	worse := func(to, format string, args ...any) {
		if status != unhealthy {
			status = to
		}
		notes = append(notes, fmt.Sprintf(format, args...))
	}
	if storeErr != nil {
		worse(unhealthy, "The store (%s) does not answer: only what is cached can be read.", storeName)
	}
	switch {
	case !redis.Configured:
		notes = append(notes, "Redis is not configured: this node caches in its own memory, and shares nothing with other nodes.")
	case !redis.Connected:
		worse(unhealthy, "Redis does not answer: this node serves from its own memory and the store, and will catch up when Redis is back.")
	case redis.Breaker == "open":
		worse(degraded, "Redis answers, but has failed so often that this node does not use it just now.")
	case redis.Breaker == "half-open":
		worse(degraded, "Redis is back; this node is trying whether it holds.")
	}
	return status, notes
}
