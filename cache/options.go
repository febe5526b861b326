package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
)

// Errors that the package gives, wrapped or not.
var (
	// ErrNotFound is what a loader returns (wrapped or not) when there is no
	// such thing; layers with a NegativeTTL remember it, and give it back on
	// a hit.
	ErrNotFound = errors.New("cache: not found")
	// ErrClosed is given by an engine that was closed.
	ErrClosed = errors.New("cache: closed")
	// ErrKey is given for an id or group that cannot be part of a key: empty,
	// over 512 bytes, or holding braces or control characters.
	ErrKey = errors.New("cache: unusable key")
	// ErrOptions is given for options that make no sense.
	ErrOptions = errors.New("cache: invalid options")
)

// Options configure an Engine. The zero value is a memory-only engine.
type Options struct {
	Redis       *RedisOptions // nil: memory only
	Prefix      string        // before every key in Redis; may be empty
	MemoryBytes int64         // budget for all layers together; default 64 MiB
	Node        string        // this node's name, for operators: it need not be unique; default host name and a random part
	SoftTimeout time.Duration // how long a Get waits for Redis, at most, before it goes on without; default 100 ms
	HardTimeout time.Duration // how long any Redis command may take; default 1 s
	// LeaseTTL is how long a lease outlives its holder's last word: when a node
	// dies, what it was loading can be loaded by another after this. A node
	// renews its leases three times as often, and one that is held up for
	// longer loses them. Default 3 s.
	LeaseTTL time.Duration
	Logger   *slog.Logger // default discards
	// OnEvent, when set, is told what operators want to know of. It is called
	// on the engine's goroutines, several at a time, the one that reads from
	// Redis among them: it must return at once and not call the engine.
	OnEvent func(Event)
}

const (
	defaultMemoryBytes = 64 << 20
	defaultSoftTimeout = 100 * time.Millisecond
	defaultHardTimeout = time.Second
	defaultLeaseTTL    = 3 * time.Second
	minLeaseTTL        = 100 * time.Millisecond
	minMemoryBytes     = 64 << 10
)

func (o Options) resolve() (Options, error) {
	if o.MemoryBytes == 0 {
		o.MemoryBytes = defaultMemoryBytes
	}
	if o.SoftTimeout == 0 {
		o.SoftTimeout = defaultSoftTimeout
	}
	if o.HardTimeout == 0 {
		o.HardTimeout = max(defaultHardTimeout, o.SoftTimeout)
	}
	if o.LeaseTTL == 0 {
		o.LeaseTTL = defaultLeaseTTL
	}
	if o.Node == "" {
		host, err := os.Hostname()
		if err != nil || host == "" {
			host = "node"
		}
		o.Node = host + "-" + newToken().String()[:8]
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.MemoryBytes < minMemoryBytes:
		return o, fmt.Errorf("%w: MemoryBytes %d is under %d", ErrOptions, o.MemoryBytes, int64(minMemoryBytes))
	case o.LeaseTTL < minLeaseTTL:
		return o, fmt.Errorf("%w: LeaseTTL %v is under %v", ErrOptions, o.LeaseTTL, minLeaseTTL)
	case !sane(o.SoftTimeout, o.HardTimeout, o.LeaseTTL) || o.HardTimeout < o.SoftTimeout:
		return o, fmt.Errorf("%w: SoftTimeout %v, HardTimeout %v, LeaseTTL %v", ErrOptions, o.SoftTimeout, o.HardTimeout, o.LeaseTTL)
	case len(o.Prefix) > maxPrefix || strings.ContainsFunc(o.Prefix, unusable):
		return o, fmt.Errorf("%w: Prefix: %w", ErrOptions, ErrKey)
	}
	return o, nil
}

// LayerOptions configure a Layer. Durations are wall-clock, and none may be
// over 30 days; only Name and TTL must be given.
type LayerOptions[V any] struct {
	Name        string        // first part of its keys: "schema" makes schema:{id}; also the metrics label
	Version     uint16        // version of V's encoding; entries of another version are misses. Read "The fine print" of the package before two are in use at once
	TTL         time.Duration // in Redis and memory
	Jitter      float64       // shortens each TTL by up to this fraction; default 0.1, negative for none
	NegativeTTL time.Duration // 0: absence is not cached
	// MemoryTTL is how long an entry may be served from memory before Redis
	// is asked again: the last resort against a lost push. Default min(TTL,
	// 1 min) with Redis; as long as the entry lives without.
	MemoryTTL time.Duration
	// AwayTTL is how long what was loaded while Redis was away may be served
	// from memory, because invalidations of other nodes can't be heard then.
	// Default 2 s. Raise it for values that never change under their key.
	// What is stale is no exception: see StaleIfError.
	AwayTTL time.Duration
	// StaleFor is how long after its TTL an entry is served at once, stale,
	// while one load in the background refreshes it. 0: never.
	StaleFor time.Duration
	// StaleIfError is how long after its TTL an entry is served, stale, when
	// the load fails, or takes longer than LoadSoftTimeout; after a failure
	// for a second without a further load. A source that says ErrNotFound
	// has not failed. What is less than StaleFor counts as that; TTL and the
	// longer of the two together may be 30 days. While Redis is away, memory
	// alone can give it: what was loaded or brought from Redis before, for up
	// to MemoryTTL, and what was loaded since, for up to AwayTTL.
	StaleIfError time.Duration
	// LoadWait is how long to wait for a load that another node has begun,
	// before loading too (without the right to fill). Default 10 s.
	LoadWait time.Duration
	// LoadTimeout ends the context of a load, which has failed then: who waits
	// for it gets an error that wraps context.DeadlineExceeded, or what is
	// stale, even if the loader doesn't heed its context. Such a loader goes on
	// beside the next one, for nothing, and Close waits for it. 0: never.
	LoadTimeout time.Duration
	// LoadSoftTimeout is how long a caller waits for a load while there is
	// something that StaleIfError allows: then it gets that, and the load goes
	// on in the background. 0: as long as it takes.
	LoadSoftTimeout time.Duration
	// CompressAbove is the size in bytes from which encoded values are
	// compressed in Redis. Default 4096; negative: never.
	CompressAbove int
	// Load loads the value of an id, by the rules of Loader, for calls that
	// are given no loader; nil: LoadMany, or each call must have one.
	Load func(ctx context.Context, id string, f *Fill) (V, error)
	// LoadMany loads the values of several ids, for calls of GetMany that are
	// given no loader; nil: Load for each id.
	LoadMany BatchLoader[V]
	Promise  Promise  // of its reads and invalidations; default Bounded
	Codec    Codec[V] // default JSON
}

const (
	defaultJitter    = 0.1
	defaultMemoryTTL = time.Minute
	defaultAwayTTL   = 2 * time.Second
	defaultLoadWait  = 10 * time.Second
	maxTTL           = 30 * 24 * time.Hour // generations outlive every entry
)

// sane says whether durations can be added up without harm.
func sane(durations ...time.Duration) bool {
	return slices.Min(durations) >= 0 && slices.Max(durations) <= maxTTL
}

func (o LayerOptions[V]) resolve(withRedis bool) (LayerOptions[V], error) {
	if err := checkLayerName(o.Name); err != nil {
		return o, err
	}
	switch {
	case o.Jitter == 0:
		o.Jitter = defaultJitter
	case o.Jitter < 0:
		o.Jitter = 0
	}
	switch {
	case o.TTL < time.Millisecond:
		return o, fmt.Errorf("%w: layer %s: TTL must be 1 ms or more", ErrOptions, o.Name)
	case !sane(o.TTL, o.NegativeTTL, o.MemoryTTL, o.AwayTTL, o.StaleFor, o.StaleIfError, o.LoadWait, o.LoadTimeout, o.LoadSoftTimeout):
		return o, fmt.Errorf("%w: layer %s: no duration may be negative, or over %v", ErrOptions, o.Name, maxTTL)
	case o.TTL+max(o.StaleFor, o.StaleIfError) > maxTTL:
		return o, fmt.Errorf("%w: layer %s: TTL and StaleFor or StaleIfError exceed %v", ErrOptions, o.Name, maxTTL)
	case o.Promise > Strict:
		return o, fmt.Errorf("%w: layer %s: unknown promise %d", ErrOptions, o.Name, o.Promise)
	case !(o.Jitter < 1): // not a number, too
		return o, fmt.Errorf("%w: layer %s: Jitter must be under 1", ErrOptions, o.Name)
	}
	o.StaleIfError = max(o.StaleIfError, o.StaleFor)
	if o.MemoryTTL == 0 {
		if withRedis {
			o.MemoryTTL = min(o.TTL+o.StaleIfError, defaultMemoryTTL)
		} else {
			o.MemoryTTL = maxTTL
		}
	}
	if o.Promise == 0 || !withRedis {
		o.Promise = Bounded
	}
	if o.CompressAbove == 0 {
		o.CompressAbove = defaultCompress
	}
	if o.AwayTTL == 0 {
		o.AwayTTL = defaultAwayTTL
	}
	if o.LoadWait == 0 {
		o.LoadWait = defaultLoadWait
	}
	if o.Codec == nil {
		o.Codec = JSON[V]{}
	}
	return o, nil
}
