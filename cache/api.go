package cache

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// SKETCH of the public surface, agreed with its callers. Move each part to
// the file of its concept, keep names and meaning; add, but change only with
// good reason (and mend the callers).

// Options configure an Engine. The zero value is a memory-only engine.
type Options struct {
	Redis       *RedisOptions // nil: memory only
	Prefix      string        // before every key in Redis; may be empty
	MemoryBytes int64         // budget for all layers together; default 64 MiB
	Node        string        // this node's name; default host name and a random part
	SoftTimeout time.Duration // how long a Get waits for Redis before it goes on without; default 100 ms
	HardTimeout time.Duration // how long any Redis command may take; default 1 s
	Logger      *slog.Logger  // default discards
}

// RedisOptions will be an alias of redisconn.Options.
type RedisOptions struct {
	URL      string // redis://, rediss://, unix://; DB and credentials in it or below
	Username string
	Password string
	DB       int
	// + Sentinel, Cluster (Addrs), TLS config
}

// Engine is the cache: one per process, shared by all layers.
type Engine struct{}

// Open validates options and starts an engine. It waits for Redis until ctx or
// the hard timeout ends, but an unreachable Redis is not an error: the engine
// serves from memory and keeps trying.
func Open(ctx context.Context, o Options) (*Engine, error) { panic("sketch") }

// Close waits for what is under way; idempotent.
func (e *Engine) Close() error { panic("sketch") }

// InvalidateGroup makes every entry of the group unreachable at once, in O(1).
func (e *Engine) InvalidateGroup(ctx context.Context, group string) (Receipt, error) {
	panic("sketch")
}

// Clear makes every entry of every layer unreachable at once, in O(1).
func (e *Engine) Clear(ctx context.Context) (Receipt, error) { panic("sketch") }

// Stats gives the counters since start (or since ResetStats).
func (e *Engine) Stats() Stats { panic("sketch") }

// ResetStats sets the counters to zero.
func (e *Engine) ResetStats() { panic("sketch") }

// Health asks Redis how it is; bounded by the hard timeout.
func (e *Engine) Health(ctx context.Context) Health { panic("sketch") }

// Receipt says how far an invalidation has come.
type Receipt struct {
	Version      int64 // the floor now in force, for a single key
	Nodes        int   // live nodes
	Acknowledged int   // of them, those known to serve the old value no more
	Remote       bool  // Redis has it; false: Redis is away, it is queued and replayed on return
	Elapsed      time.Duration
}

// Stats are an engine's counters.
type Stats struct {
	Node        string
	MemoryBytes int64
	MemoryLimit int64
	MemoryItems int64
	Layers      []LayerStats // in order of creation
}

// LayerStats are one layer's counters.
type LayerStats struct {
	Name                                                  string
	MemoryHits, RedisHits, Shared, Misses                 uint64 // Shared: waited for a load that another caller began
	NegativeHits, StaleHits                               uint64 // included in the hits above
	Loads, LoadErrors, Fills, FillsRefused, Invalidations uint64
	RedisErrors                                           uint64
	CostAvoided                                           uint64 // sum of Fill.Cost over hits
	CostPaid                                              uint64 // sum of Fill.Cost over loads
	LoadTime                                              time.Duration
	MemoryItems, MemoryBytes                              int64
}

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

// ErrNotFound is what a loader returns (wrapped or not) when there is no such
// thing; layers with a NegativeTTL remember it, and give it back on a hit.
var ErrNotFound = errors.New("cache: not found")

// LayerOptions configure a Layer.
type LayerOptions[V any] struct {
	Name        string        // first part of its keys: "schema" makes schema:{id}; also the metrics label
	Version     uint16        // version of V's encoding; entries of another version are misses
	TTL         time.Duration // in Redis and memory
	Jitter      float64       // shortens each TTL by up to this fraction; default 0.1
	NegativeTTL time.Duration // 0: absence is not cached
	MemoryTTL   time.Duration // at most this long in memory; default min(TTL, 1 min)
	StaleFor    time.Duration // serve stale for so long after TTL while one load refreshes, or when a load fails; 0: never
	Codec       Codec[V]      // default JSON
}

// Codec turns values into bytes and back.
type Codec[V any] interface {
	Encode(V) ([]byte, error)
	Decode([]byte) (V, error)
}

// Layer is a typed kind of value in an engine.
type Layer[V any] struct{}

// NewLayer adds a layer; names are unique in an engine.
func NewLayer[V any](e *Engine, o LayerOptions[V]) (*Layer[V], error) { panic("sketch") }

// Loader loads a value from its source and describes it in f. Its context
// carries the values of the first caller's, and ends when all callers have left.
type Loader[V any] func(ctx context.Context, f *Fill) (V, error)

// Fill describes a loaded value.
type Fill struct {
	Version int64         // of the source; 0: it has none
	TTL     time.Duration // instead of the layer's
	Cost    int64         // what loading it took, in the caller's unit (say, queries); handed back with hits
	NoStore bool          // give it to the callers, but don't cache it
}

// Entry is a value with its provenance.
type Entry[V any] struct {
	Value   V
	Key     string // whole, with prefix
	Source  Source
	Version int64
	Cost    int64
	Created time.Time
	Expires time.Time
	Stale   bool
}

// Source says where a value came from.
type Source string

// The sources.
const (
	FromMemory Source = "memory"
	FromRedis  Source = "redis"
	FromShared Source = "shared" // another caller's load
	FromLoad   Source = "load"
)

// Option steers one call.
type Option func(*call)

type call struct{}

// InGroup puts what is loaded into groups, for InvalidateGroup. The groups'
// generations are captured before the load. Reads must name the same groups.
func InGroup(groups ...string) Option { panic("sketch") }

// Refresh skips the lookup: load, and fill what was loaded.
func Refresh() Option { panic("sketch") }

// MaxAge treats older entries as misses.
func MaxAge(d time.Duration) Option { panic("sketch") }

// MinVersion treats entries of an older version as misses.
func MinVersion(v int64) Option { panic("sketch") }

// Get gives the value of id, loading it if need be. Values are shared between
// callers: treat them as read-only.
func (l *Layer[V]) Get(ctx context.Context, id string, load Loader[V], opts ...Option) (V, error) {
	panic("sketch")
}

// Lookup is Get with provenance.
func (l *Layer[V]) Lookup(ctx context.Context, id string, load Loader[V], opts ...Option) (Entry[V], error) {
	panic("sketch")
}

// Peek gives what is cached, if anything; it loads nothing and leaves no lease.
func (l *Layer[V]) Peek(ctx context.Context, id string, opts ...Option) (Entry[V], bool) {
	panic("sketch")
}

// Claim is for values that the caller produces itself (a streamed answer):
// it gives the entry (ok), or the right to fill it. When someone else in the
// fleet holds that right, the lease is one whose Fill does nothing and Held
// reports false. Lease must be ended by Fill or Release.
func (l *Layer[V]) Claim(ctx context.Context, id string, opts ...Option) (e Entry[V], ok bool, lease *Lease[V]) {
	panic("sketch")
}

// Lease is the right to fill one key, kept alive until Fill or Release.
type Lease[V any] struct{}

// Held reports whether this lease may fill.
func (*Lease[V]) Held() bool { panic("sketch") }

// Fill stores the value if nothing was invalidated since the claim, and
// reports whether it did. Redis being away is not an error: memory has it.
func (*Lease[V]) Fill(ctx context.Context, v V, f Fill) (bool, error) { panic("sketch") }

// Release gives the right back; a no-op after Fill.
func (*Lease[V]) Release(ctx context.Context) { panic("sketch") }

// Replace updates a cached value in place: it stores v at version if what is
// cached has the version old, and otherwise invalidates with that floor. It
// reports whether it stored.
func (l *Layer[V]) Replace(ctx context.Context, id string, old, version int64, v V, opts ...Option) (bool, error) {
	panic("sketch")
}

// Invalidate drops id everywhere, voids loads under way, and refuses fills of
// versions below version (0: unknown; only what is there now is dropped).
func (l *Layer[V]) Invalidate(ctx context.Context, id string, version int64) (Receipt, error) {
	panic("sketch")
}

// Key gives the whole Redis key of id.
func (l *Layer[V]) Key(id string) string { panic("sketch") }
