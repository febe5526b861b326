package cacheapi

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/fleet"
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

	Advice       []advice          `json:"advice"`
	Redis        *redisState       `json:"redis"` // null when it is not configured
	KeysPerLayer map[string]int64  `json:"keysPerLayer"`
	Breakers     map[string]string `json:"breakers"`
	Epoch        string            `json:"epoch"`
	Nodes        []nodeMetrics     `json:"nodes"`
	LastError    string            `json:"lastError"`
}

// redisState is how Redis is and how it is set up.
type redisState struct {
	Version         string  `json:"version"`
	Role            string  `json:"role"`
	LatencyMs       float64 `json:"latencyMs"`
	UsedMemoryBytes int64   `json:"usedMemoryBytes"`
	MaxMemoryBytes  int64   `json:"maxMemoryBytes"`
	Fragmentation   float64 `json:"fragmentation"`
	EvictionPolicy  string  `json:"evictionPolicy"`
	Persistence     string  `json:"persistence"`
	Auth            bool    `json:"auth"`
	TLS             bool    `json:"tls"`
	Replicas        int64   `json:"replicas"`
}

func redisStateOf(h cache.Health) *redisState {
	if !h.Configured {
		return nil
	}
	return &redisState{
		Version: h.Version, Role: h.Role, LatencyMs: ms(h.Latency), UsedMemoryBytes: h.UsedMemory, MaxMemoryBytes: h.MaxMemory,
		Fragmentation: round(h.Fragmentation), EvictionPolicy: h.EvictionPolicy, Persistence: h.Persistence,
		Auth: h.Auth, TLS: h.TLS, Replicas: h.Replicas,
	}
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
	var nodes fleet.View
	var engines []cache.Node
	var keys map[string]int64
	engine := a.layers.Engine()
	var all sync.WaitGroup // each of them has a time limit of its own
	all.Go(func() { redis = engine.Health(r.Context()) })
	all.Go(func() { nodes = a.view(r.Context(), scopeFleet) })
	all.Go(func() { engines, _ = engine.Nodes(r.Context()) })  // without Redis there is this one,
	all.Go(func() { keys, _ = engine.CountKeys(r.Context()) }) // and nothing is known of keys
	all.Go(func() {
		ctx, cancel := context.WithTimeout(r.Context(), pingTime)
		defer cancel()
		storeErr = a.layers.Store().Ping(ctx)
	})
	all.Wait()
	if err := r.Context().Err(); err != nil {
		return err
	}

	if keys == nil {
		keys = map[string]int64{}
	}
	local := engine.Stats()
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
		Advice: advise(&findings{
			redis: redis, storeErr: storeErr, storeName: a.layers.Store().Name(), breakers: a.breakers(),
			seen: a.monitor.Snapshot(), lifetimes: a.layers.Lifetimes(), keys: keys,
		}),
		Redis: redisStateOf(redis), KeysPerLayer: keys, Breakers: a.allBreakers(redis), Epoch: redis.Epoch,
		Nodes: nodesOf(nodes.Nodes, redis, engines), LastError: redis.LastError,
	})
	return nil
}

// upstreamPrefix stands before the names of the model's servers among the
// breakers.
const upstreamPrefix = "upstream:"

// breakers gives the states of the breakers before the model's servers.
func (a *API) breakers() map[string]string {
	named := make(map[string]string)
	if a.o.Breakers != nil {
		for name, state := range a.o.Breakers() {
			named[upstreamPrefix+name] = state
		}
	}
	return named
}

// allBreakers adds the one before Redis.
func (a *API) allBreakers(redis cache.Health) map[string]string {
	named := a.breakers()
	named["redis"] = redis.Breaker
	return named
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
