package cache

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"time"
)

// Layer is a typed kind of value in an engine. It is safe for concurrent use.
type Layer[V any] struct {
	*layer
	byID  func(ctx context.Context, id string, f *Fill) (V, error) // nil: each call has its own
	byIDs BatchLoader[V]                                           // nil: as byID
}

// layer is the part of a Layer that doesn't depend on the type of its values.
type layer struct {
	engine  *Engine
	name    string
	prefix  string // of its keys
	version uint16
	salt    uint64 // of its hashes

	ttl, negativeTTL, memoryTTL, awayTTL   time.Duration
	staleFor, staleIfError                 time.Duration // the latter isn't less
	loadWait, loadTimeout, loadSoftTimeout time.Duration

	jitter   float64
	promise  Promise
	compress int
	codec    string // its name

	encode func(any) ([]byte, error)
	decode func([]byte) (any, error)

	stats      counters
	notes      notes
	putOffs    putOffs
	readAtOnce atOnce // by GetMany
	logged     seldom
}

// Loader loads a value from its source and describes it in f. Its context
// carries the values of the first caller's, and ends when all callers have left.
type Loader[V any] func(ctx context.Context, f *Fill) (V, error)

// Fill describes a loaded value.
type Fill struct {
	Version int64         // of the source; 0: it has none. A negative one is a fault: the value isn't cached, which is logged
	TTL     time.Duration // instead of the layer's; 0: the layer's; negative: as NoStore; cut to what the layer's may be
	Cost    int64         // what loading it took, in the caller's unit (say, queries); handed back with hits
	NoStore bool          // give it to the callers, but don't cache it; what is cached is removed
}

// stores says whether what it describes is to be cached.
func (f *Fill) stores() bool { return !f.NoStore && f.TTL >= 0 }

// NewLayer adds a layer; names are unique in an engine.
func NewLayer[V any](e *Engine, o LayerOptions[V]) (*Layer[V], error) {
	o, err := o.resolve(e.o.Redis != nil)
	if err != nil {
		return nil, err
	}
	l := &Layer[V]{byID: o.Load, byIDs: o.LoadMany, layer: &layer{
		engine:          e,
		name:            o.Name,
		prefix:          e.o.Prefix + o.Name + ":",
		version:         o.Version,
		salt:            maphash.String(e.seed, o.Name),
		ttl:             o.TTL,
		negativeTTL:     o.NegativeTTL,
		memoryTTL:       o.MemoryTTL,
		awayTTL:         o.AwayTTL,
		staleFor:        o.StaleFor,
		staleIfError:    o.StaleIfError,
		loadWait:        o.LoadWait,
		loadTimeout:     o.LoadTimeout,
		loadSoftTimeout: o.LoadSoftTimeout,
		jitter:          o.Jitter,
		promise:         o.Promise,
		compress:        o.CompressAbove,
		codec:           codecName(o.Codec),
		encode: func(v any) (b []byte, err error) {
			defer rescue("codec", &err)
			value, _ := v.(V)
			return o.Codec.Encode(value)
		},
		decode: func(b []byte) (v any, err error) {
			defer rescue("codec", &err)
			return o.Codec.Decode(b)
		},
	}}
	if l.byID == nil && l.byIDs != nil {
		l.byID = l.byIDs.one
	}
	if err := e.addLayer(l.layer); err != nil {
		return nil, err
	}
	return l, nil
}

// Key gives the whole Redis key of id.
func (l *Layer[V]) Key(id string) string { return l.key(id) }

func (l *layer) key(id string) string { return l.prefix + id }

// newItem makes an entry of a value that was just loaded, and gives it its
// times. The caller puts value and size in.
func (l *layer) newItem(f Fill, negative bool, took time.Duration, gens []*generation) *item {
	ttl, stale := l.ttl, l.staleIfError
	if f.TTL > 0 {
		ttl = min(f.TTL, maxTTL-stale)
	}
	if negative {
		ttl, stale = l.negativeTTL, 0
	}
	if l.jitter > 0 {
		ttl -= time.Duration(rand.Float64() * l.jitter * float64(ttl))
	}
	now := l.engine.now()
	it := &item{
		negative: negative,
		version:  f.Version,
		cost:     f.Cost,
		created:  now,
		fresh:    now + int64(ttl),
		dead:     now + int64(ttl+stale),
		delta:    int64(took),
		gens:     gens,
	}
	it.keepFor(now, l.memoryTTL)
	it.early = earlyFrom(it)
	return it
}

// keepFor says how long the item may be served from this memory.
func (it *item) keepFor(now int64, d time.Duration) { it.kept = min(it.dead, now+int64(d)) }

// Engine gives the engine that the layer belongs to.
func (l *Layer[V]) Engine() *Engine { return l.engine }
