// Package rivals puts deja's cache and the Go libraries that one would use
// instead behind one interface, each set up as its documentation shows, so that
// all do the same work: memory in front of Redis, JSON in Redis, one source.
package rivals

import (
	"context"
	"time"
)

// Value is what is cached: an assistant, more or less.
type Value struct {
	ID      string   `json:"id"`
	Version int64    `json:"version"`
	Name    string   `json:"name"`
	Text    string   `json:"text"`
	Tags    []string `json:"tags"`
}

// Setup says what a cache stands between.
type Setup struct {
	Redis   string // host:port; "" for memory alone, where that is possible
	Prefix  string // of its keys
	Entries int    // room in memory for so many of the values that Load gives
	TTL     time.Duration
	Load    func(ctx context.Context, id string) (Value, error)
	// Settled asks libraries that write to memory in the background to have
	// written when Get returns: for single-threaded replays, which would
	// otherwise outrun them.
	Settled bool
}

// Cache is one node's cache.
type Cache interface {
	Get(ctx context.Context, id string) (Value, error)
	// Invalidate is what a writer calls after it has changed the source.
	Invalidate(ctx context.Context, id string, version int64) error
	Close()
}

// Rival is a library.
type Rival struct {
	Name   string
	Module string // "" for what is written out here
	Open   func(Setup) (Cache, error)
	// MemoryAlone says that it works without Redis.
	MemoryAlone bool
	// Floor marks what is no cache, but what a cache can't beat.
	Floor bool
}

// All gives the libraries, deja first.
func All() []Rival {
	return []Rival{
		{Name: "deja", Module: "github.com/dejahq/deja", Open: openDeja, MemoryAlone: true},
		{Name: "gocache", Module: "github.com/eko/gocache/lib/v4", Open: openGocache, MemoryAlone: true},
		{Name: "jetcache-go", Module: "github.com/mgtv-tech/jetcache-go", Open: openJetcache, MemoryAlone: true},
		{Name: "go-redis/cache", Module: "github.com/go-redis/cache/v9", Open: openGoRedisCache, MemoryAlone: true},
		{Name: "sturdyc", Module: "github.com/viccon/sturdyc", Open: openSturdyc, MemoryAlone: true},
		{Name: "aside", Module: "", Open: openAside},
	}
}
