package cacheapi

import (
	"context"
	"net/http"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/fleet"
)

// The scopes of what is counted.
const (
	scopeNode  = "node"
	scopeFleet = "fleet"
)

// scopeOf reads whose counters a request asks for.
func scopeOf(r *http.Request) (string, error) {
	switch scope := r.URL.Query().Get("scope"); scope {
	case "", scopeNode:
		return scopeNode, nil
	case scopeFleet:
		return scopeFleet, nil
	default:
		return "", deja.Errorf(deja.CodeInvalid, "The scope %.20q is not known; known are: node, fleet.", scope)
	}
}

// view gives the counters of a scope, with the nodes that they are of, and a
// note when they are not the fleet's though that was asked for.
func (a *API) view(ctx context.Context, scope string) fleet.View {
	if scope == scopeFleet && a.o.Fleet != nil {
		return a.o.Fleet.View(ctx)
	}
	v := fleet.View{Snapshot: a.monitor.Snapshot(), Nodes: []fleet.Node{a.self()}}
	if scope == scopeFleet {
		v.Note = "These are the counters of this node alone."
	}
	return v
}

// self is this node.
func (a *API) self() fleet.Node {
	if a.o.Fleet != nil {
		return a.o.Fleet.Self()
	}
	s, seen := a.layers.Engine().Stats(), a.monitor.Snapshot().Total
	return fleet.Node{
		Name: s.Node, Version: a.o.Version, StartedAt: a.started, SeenAt: a.now(), Self: true, Alive: true,
		Requests: seen.All().Count, HitRate: seen.HitRate(),
		Gauges: fleet.Gauges{LocalBytes: s.MemoryBytes, LocalLimit: s.MemoryLimit},
	}
}

// nodeMetrics is one node of the fleet.
type nodeMetrics struct {
	Name            string  `json:"name"`
	Version         string  `json:"version"`
	StartedAt       string  `json:"startedAt"`
	SeenAt          string  `json:"seenAt"`
	Self            bool    `json:"self"`
	Alive           bool    `json:"alive"`
	Breaker         string  `json:"breaker"`
	Requests        uint64  `json:"requests"`
	HitRate         float64 `json:"hitRate"`
	LocalBytes      int64   `json:"localBytes"`
	LocalLimitBytes int64   `json:"localLimitBytes"`
	Behind          int64   `json:"behind"`
}

// nodesOf shows nodes. Of this one the breaker is known at first hand; what
// the engines know of each other comes from them.
func nodesOf(nodes []fleet.Node, redis cache.Health, engines []cache.Node) []nodeMetrics {
	behind := make(map[string]int64, len(engines))
	for _, e := range engines {
		behind[e.Name] = e.Behind
	}
	all := make([]nodeMetrics, 0, len(nodes))
	for _, n := range nodes {
		one := nodeMetrics{
			Name: n.Name, Version: n.Version, StartedAt: stamp(n.StartedAt), SeenAt: stamp(n.SeenAt), Self: n.Self, Alive: n.Alive,
			Breaker: n.Breaker, Requests: n.Requests, HitRate: round(n.HitRate),
			LocalBytes: n.LocalBytes, LocalLimitBytes: n.LocalLimit, Behind: behind[n.Name],
		}
		if n.Self {
			one.Breaker = redis.Breaker
		}
		all = append(all, one)
	}
	return all
}
