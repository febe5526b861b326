package cache

import (
	"context"
	"time"
)

// Health is the state of the engine's parts. Of a cluster, keys, memory and
// replicas are those of all masters together, the rest is one master's.
type Health struct {
	Configured bool   // Redis is
	Connected  bool   // Redis answered just now
	Provider   string // "memory" or "memory+redis"
	Breaker    string // closed, open, half-open
	Latency    time.Duration
	LastError  string
	Epoch      string
	// From INFO, zero when not connected:
	Version               string
	Role                  string
	UptimeSeconds         int64
	UsedMemory, MaxMemory int64
	EvictionPolicy        string
	Keys                  int64   // in the database, deja's and others'
	Expiring              int64   // of them, those with a TTL; all of deja's have one
	Fragmentation         float64 // memory taken from the system per memory used
	Persistence           string  // none, rdb, aof, rdb+aof; "" when the server doesn't tell
	Replicas              int64   // connected to the master
	Masters               int64   // of a cluster; else 1
	// Of the connection:
	Auth     bool // it gives a password
	TLS      bool // it is encrypted
	Loopback bool // it doesn't leave this machine
}

// Breaker gives the state of the breaker before Redis, as Health does, without
// asking anybody.
func (e *Engine) Breaker() string {
	if e.remote == nil {
		return "closed"
	}
	return e.remote.breaker.state()
}

// Health asks Redis how it is; bounded by the hard timeout.
func (e *Engine) Health(ctx context.Context) Health {
	r := e.remote
	if r == nil {
		return Health{Provider: "memory", Breaker: "closed"}
	}
	h := Health{Configured: true, Provider: "memory+redis", Breaker: r.breaker.state()}
	if s := r.lastErr.Load(); s != nil {
		h.LastError = *s
	}
	guard := r.conn.Secrecy()
	h.Auth, h.TLS, h.Loopback = guard.Auth, guard.TLS, guard.Loopback
	c, _ := r.conn.Client()
	if c == nil {
		if err := r.conn.Err(); err != nil {
			h.LastError = err.Error()
		}
		return h
	}
	began := time.Now()
	err := r.within(ctx, func(ctx context.Context) error {
		if err := r.ping(ctx, c); err != nil {
			return err
		}
		h.Latency = time.Since(began)
		h.Connected = true
		return r.info(ctx, c, &h)
	})
	if err != nil {
		h.LastError = err.Error()
	}
	return h
}
