package client

import (
	"context"
	"net/http"
	"time"
)

// Health is how the server is.
type Health struct {
	Status    string       `json:"status"` // StatusHealthy, StatusDegraded or StatusUnhealthy
	Timestamp time.Time    `json:"timestamp"`
	Version   string       `json:"version"` // of deja
	Node      string       `json:"node"`
	Model     string       `json:"model"` // what answers questions
	Stats     CacheStats   `json:"stats"`
	Cache     CacheBackend `json:"cache"`
	Store     StoreHealth  `json:"store"`
	Notes     []string     `json:"notes"` // what is worth knowing, in plain words

	Advice       []Advice          `json:"advice"`       // what to look at, the most pressing first
	Redis        *RedisHealth      `json:"redis"`        // nil when it is not configured
	KeysPerLayer map[string]int64  `json:"keysPerLayer"` // in Redis, estimated; in the node's memory without Redis
	Breakers     map[string]string `json:"breakers"`     // "redis" and "upstream:NAME": closed, open or half-open
	Epoch        string            `json:"epoch"`
	Nodes        []NodeMetrics     `json:"nodes"`
	LastError    string            `json:"lastError"` // of Redis
}

// Advice says what is off, and what to do about it.
type Advice struct {
	Code     string `json:"code"` // such as "hit-rate-low"; see the cache API's documentation
	Severity string `json:"severity"`
	Message  string `json:"message"`
	Layer    string `json:"layer"` // "" when it is about none
}

// The values of Advice.Severity.
const (
	SeverityInfo     = "info"
	SeverityWarning  = "warning"
	SeverityCritical = "critical"
)

// RedisHealth is how Redis is, and how it is set up.
type RedisHealth struct {
	Version        string  `json:"version"`
	Role           string  `json:"role"`
	LatencyMillis  float64 `json:"latencyMs"`
	UsedMemory     int64   `json:"usedMemoryBytes"`
	MaxMemory      int64   `json:"maxMemoryBytes"` // 0: no limit
	Fragmentation  float64 `json:"fragmentation"`  // memory taken from the system per memory used
	EvictionPolicy string  `json:"evictionPolicy"`
	Persistence    string  `json:"persistence"` // "none", "rdb", "aof" or "rdb+aof"; "" when Redis doesn't tell
	Auth           bool    `json:"auth"`
	TLS            bool    `json:"tls"`
	Replicas       int64   `json:"replicas"`
}

// The values of Health.Status.
const (
	StatusHealthy   = "healthy"
	StatusDegraded  = "degraded"  // answers come, but something is off
	StatusUnhealthy = "unhealthy" // Redis is configured and away, or the store is
)

// CacheBackend says what the cache is kept in.
type CacheBackend struct {
	Connected bool   `json:"connected"` // to Redis
	Provider  string `json:"provider"`  // "memory" or "memory+redis"
}

// StoreHealth says what the server keeps its data in.
type StoreHealth struct {
	Connected bool   `json:"connected"`
	Name      string `json:"name"` // "sqlite" or "mongodb"
}

// CacheStats describe Redis, and this node's own memory. Without Redis, or
// while it is away, its figures are zero and TotalKeys and MemoryInfo are the
// memory's.
type CacheStats struct {
	Connected      bool    `json:"connected"`
	TotalKeys      int64   `json:"totalKeys"`
	MemoryInfo     string  `json:"memoryInfo"` // such as "1.21M"
	Uptime         int64   `json:"uptime"`     // of Redis, or of the server without it; seconds
	ServerUptime   int64   `json:"serverUptime"`
	UsedMemory     int64   `json:"usedMemoryBytes"`
	MaxMemory      int64   `json:"maxMemoryBytes"` // 0: no limit
	EvictionPolicy string  `json:"evictionPolicy"`
	RedisVersion   string  `json:"redisVersion"`
	Role           string  `json:"role"`
	LatencyMillis  float64 `json:"latencyMs"`
	Breaker        string  `json:"breaker"` // closed, open or half-open
	LastError      string  `json:"lastError"`
	Epoch          string  `json:"epoch"`
	LocalItems     int64   `json:"localItems"`
	LocalBytes     int64   `json:"localBytes"`
	LocalLimit     int64   `json:"localLimitBytes"`
}

// Health asks how the server is. That it is unhealthy is an answer and not an
// error: look at Status.
func (c *Client) Health(ctx context.Context) (*Health, error) {
	h := new(Health)
	_, err := c.call(ctx, request{
		method: http.MethodGet, path: "/api/cache/health",
		accept: func(status int) bool { return status == http.StatusServiceUnavailable },
	}, h)
	if err != nil {
		return nil, err
	}
	switch h.Status {
	case StatusHealthy, StatusDegraded, StatusUnhealthy:
		return h, nil
	}
	// A 503 of something else, say of a proxy in front of a server that is gone.
	return nil, &Error{Status: http.StatusServiceUnavailable, Message: "the answer is not that of a deja server's health check"}
}
