package cacheapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
)

type entryAnswer struct {
	Status string      `json:"status"` // "success"
	Key    string      `json:"key"`
	Layer  string      `json:"layer"`
	Memory entryMemory `json:"memory"`
	Redis  entryRedis  `json:"redis"`
	Header entryHeader `json:"header"`
	AgeMs  float64     `json:"ageMs"`
	Lease  bool        `json:"lease"`
	Floor  int64       `json:"floor"`
	Groups []string    `json:"groups"`

	Value json.RawMessage `json:"value,omitempty"`
}

type entryMemory struct {
	Present   bool    `json:"present"`
	Current   bool    `json:"current"` // false: it was invalidated, and is served no more
	Bytes     int64   `json:"bytes"`
	ExpiresAt *string `json:"expiresAt"`
}

type entryRedis struct {
	Present bool  `json:"present"`
	Bytes   int64 `json:"bytes"`
	TTLMs   int64 `json:"ttlMs"`
}

type entryHeader struct {
	Format        int    `json:"format"`
	LayerVersion  int    `json:"layerVersion"`
	SourceVersion int64  `json:"sourceVersion"`
	Codec         string `json:"codec"`
	Compressed    bool   `json:"compressed"`
	CreatedAt     string `json:"createdAt,omitempty"`
	Negative      bool   `json:"negative"`
}

// entry answers GET /api/cache/entry. Values are what customers wrote and
// models answered: they are shown only to who asks for them, and each time the
// log says so.
func (a *API) entry(w http.ResponseWriter, r *http.Request) error {
	key := r.URL.Query().Get("key")
	if key == "" {
		return deja.Errorf(deja.CodeInvalid, "Say which key: ?key=schema:asst_123.").WithParam("key")
	}
	reveal := false
	if text := r.URL.Query().Get("reveal"); text != "" {
		var err error
		if reveal, err = strconv.ParseBool(text); err != nil {
			return deja.Errorf(deja.CodeInvalid, "reveal has to be true or false.").WithParam("reveal")
		}
	}
	in, err := a.layers.Engine().Inspect(r.Context(), key)
	switch {
	case errors.Is(err, cache.ErrKey):
		return deja.Wrap(deja.CodeNotFound, err, "No layer of the cache has such keys.")
	case errors.Is(err, cache.ErrNotFound):
		return deja.Wrap(deja.CodeNotFound, err, "Nothing is cached under this key.")
	case err != nil:
		return deja.Wrap(deja.CodeUnavailable, err, "The entry is not in this node's memory, and Redis does not answer.")
	}
	answer := a.entryOf(in)
	if reveal {
		answer.Value = valueOf(in.Value)
		a.log.InfoContext(r.Context(), "the value of an entry was shown", "key", in.Key)
	}
	a.write(w, http.StatusOK, answer)
	return nil
}

func (a *API) entryOf(in cache.Inspection) entryAnswer {
	answer := entryAnswer{
		Status: "success", Key: in.Key, Layer: in.Layer, Lease: in.Lease, Floor: in.Floor, Groups: []string{},
		Memory: entryMemory{Present: in.InMemory, Current: in.Current, Bytes: in.MemoryBytes},
		Redis:  entryRedis{Present: in.InRedis, Bytes: in.RedisBytes, TTLMs: in.RedisTTL.Milliseconds()},
	}
	for _, g := range in.Groups {
		if g != "" { // one that this node has not met
			answer.Groups = append(answer.Groups, g)
		}
	}
	if in.InMemory {
		expires := stamp(in.MemoryExpires)
		answer.Memory.ExpiresAt = &expires
	}
	if h := in.Header; h != nil {
		answer.Header = entryHeader{
			Format: h.Format, LayerVersion: int(h.LayerVersion), SourceVersion: h.SourceVersion,
			Codec: h.Codec, Compressed: h.Compressed, CreatedAt: stamp(h.Created), Negative: h.Negative,
		}
		answer.AgeMs = ms(max(a.now().Sub(h.Created), 0))
	}
	return answer
}

// valueOf shows a value as JSON: as it is, or as a string, or as what it is.
func valueOf(value []byte) json.RawMessage {
	switch {
	case value == nil:
		return json.RawMessage("null")
	case json.Valid(value):
		return value
	case utf8.Valid(value):
		b, _ := json.Marshal(string(value))
		return b
	}
	b, _ := json.Marshal(value) // base64
	return b
}
