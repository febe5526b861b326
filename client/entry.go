package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Entry is one entry of the cache, as the asked node sees it.
type Entry struct {
	Key       string          `json:"key"`
	Layer     string          `json:"layer"`
	Memory    EntryMemory     `json:"memory"` // of the asked node
	Redis     EntryRedis      `json:"redis"`
	Header    EntryHeader     `json:"header"`
	AgeMillis float64         `json:"ageMs"`
	Lease     bool            `json:"lease"`           // somebody is loading it right now
	Floor     int64           `json:"floor"`           // older versions of its source are refused
	Groups    []string        `json:"groups"`          // what it can be invalidated with
	Value     json.RawMessage `json:"value,omitempty"` // only when it was asked for
}

// EntryMemory is the copy of an entry in a node's memory.
type EntryMemory struct {
	Present   bool       `json:"present"`
	Current   bool       `json:"current"` // false: it was invalidated, and is served no more
	Bytes     int64      `json:"bytes"`
	ExpiresAt *time.Time `json:"expiresAt"`
}

// EntryRedis is the copy of an entry in Redis.
type EntryRedis struct {
	Present   bool  `json:"present"`
	Bytes     int64 `json:"bytes"`
	TTLMillis int64 `json:"ttlMs"`
}

// EntryHeader is what every entry carries before its value.
type EntryHeader struct {
	Format        int       `json:"format"`
	LayerVersion  int       `json:"layerVersion"`
	SourceVersion int64     `json:"sourceVersion"`
	Codec         string    `json:"codec"`
	Compressed    bool      `json:"compressed"`
	CreatedAt     time.Time `json:"createdAt"`
	Negative      bool      `json:"negative"` // it remembers that there is no such thing
}

// Entry looks into one entry of the cache by its whole key, such as
// "schema:asst_123", without using or prolonging it. An absent one is an
// *Error with Status 404. The value, which may be what a customer wrote, comes
// only with reveal.
func (c *Client) Entry(ctx context.Context, key string, reveal bool) (*Entry, error) {
	q := url.Values{"key": {key}}
	if reveal {
		q.Set("reveal", "true")
	}
	return one[Entry](ctx, c, request{method: http.MethodGet, path: "/api/cache/entry", query: q})
}
