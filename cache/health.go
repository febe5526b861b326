package cache

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// Health is the state of the engine's parts.
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
	Keys                  int64 // DBSIZE
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

// readInfo takes what Health tells out of the reply of INFO.
func (h *Health) readInfo(info string) {
	for line := range strings.Lines(info) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		number, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "redis_version":
			h.Version = value
		case "role":
			h.Role = value
		case "master_replid":
			h.Epoch = value
		case "uptime_in_seconds":
			h.UptimeSeconds = number
		case "used_memory":
			h.UsedMemory = number
		case "maxmemory":
			h.MaxMemory = number
		case "maxmemory_policy":
			h.EvictionPolicy = value
		}
	}
}
