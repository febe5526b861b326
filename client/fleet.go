package client

import "time"

// NodeMetrics is one node of the fleet.
type NodeMetrics struct {
	Name       string    `json:"name"`
	Version    string    `json:"version"`
	StartedAt  time.Time `json:"startedAt"`
	SeenAt     time.Time `json:"seenAt"`
	Self       bool      `json:"self"`  // the node that was asked
	Alive      bool      `json:"alive"` // false: it went away; what it counted counts on
	Breaker    string    `json:"breaker"`
	Requests   uint64    `json:"requests"`
	HitRate    float64   `json:"hitRate"`
	LocalBytes int64     `json:"localBytes"`
	LocalLimit int64     `json:"localLimitBytes"`
	Behind     int64     `json:"behind"` // invalidations that it has not carried out yet
}

// Hot lists what is asked for most: up to 20 each, the hottest first, counted
// by a sketch of bounded size. Error is by how much a count may be too high.
type Hot struct {
	Keys       []HotKey       `json:"keys"`
	Assistants []HotAssistant `json:"assistants"`
}

// HotKey is a key that is looked up often.
type HotKey struct {
	Key   string `json:"key"`
	Layer string `json:"layer"`
	Count uint64 `json:"count"`
	Error uint64 `json:"error"`
}

// HotAssistant is an assistant that is asked often.
type HotAssistant struct {
	AssistantID string `json:"assistantId"`
	Count       uint64 `json:"count"`
	Error       uint64 `json:"error"`
}

// WindowMetrics count what was in the last minute, hour, day or week.
type WindowMetrics struct {
	Requests uint64  `json:"requests"`
	Hits     uint64  `json:"hits"`
	Misses   uint64  `json:"misses"`
	HitRate  float64 `json:"hitRate"`
}
