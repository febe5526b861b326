package cacheapi

import (
	"net/http"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/monitor"
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

// snapshot gives the counters of a scope, with a note when they are not the
// fleet's though that was asked for.
func (a *API) snapshot(scope string) (monitor.Snapshot, string) {
	seen := a.monitor.Snapshot()
	if scope == scopeFleet {
		return seen, "These are the counters of this node alone."
	}
	return seen, ""
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
}

// selfOf shows this node.
func (a *API) selfOf(redis cache.Health, local stats, seen monitor.Snapshot) nodeMetrics {
	return nodeMetrics{
		Name: a.layers.Engine().Stats().Node, Version: a.o.Version, StartedAt: stamp(a.started), SeenAt: stamp(a.now()),
		Self: true, Alive: true, Breaker: redis.Breaker,
		Requests: seen.Total.All().Count, HitRate: round(seen.Total.HitRate()),
		LocalBytes: local.LocalBytes, LocalLimitBytes: local.LocalLimitBytes,
	}
}
