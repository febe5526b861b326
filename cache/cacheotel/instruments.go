// Package cacheotel shows a cache engine to OpenTelemetry.
//
//	_, err := cacheotel.Register(meterProvider.Meter("cache"), engine)
//
// gives the counts and gauges as observable instruments, which are read when
// the provider collects. OpenTelemetry has no observable histograms, so those
// of how long hits and loads take come from a [Producer], which a reader is
// given when it is made:
//
//	sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(cacheotel.NewProducer(engine)))
//
// Attributes are bounded: layers by name, and a handful of fixed words.
package cacheotel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/dejahq/deja/cache"
)

// The attributes of the metrics.
const (
	LayerKey  = attribute.Key("cache.layer")
	SourceKey = attribute.Key("cache.source") // memory, redis or shared: another caller's load
	StateKey  = attribute.Key("state")
)

// reading is a number of a layer.
type reading struct {
	instrument metric.Int64Observable
	of         func(*cache.LayerStats) int64
	attributes []attribute.KeyValue
}

// instruments are made by name until one can't be.
type instruments struct {
	meter    metric.Meter
	readings []reading
	err      error
}

func (in *instruments) counter(name, help, unit string) metric.Int64Observable {
	c, err := in.meter.Int64ObservableCounter("deja.cache."+name, metric.WithDescription(help), metric.WithUnit(unit))
	return in.made(c, err)
}

func (in *instruments) gauge(name, help, unit string) metric.Int64Observable {
	g, err := in.meter.Int64ObservableGauge("deja.cache."+name, metric.WithDescription(help), metric.WithUnit(unit))
	return in.made(g, err)
}

func (in *instruments) made(o metric.Int64Observable, err error) metric.Int64Observable {
	if in.err == nil {
		in.err = err
	}
	return o
}

func (in *instruments) read(o metric.Int64Observable, of func(*cache.LayerStats) int64, attributes ...attribute.KeyValue) {
	in.readings = append(in.readings, reading{o, of, attributes})
}

// Register makes the instruments of an engine and has them read at each
// collection, until the registration is ended. Redis is asked how it is then,
// within the collection's context and the engine's hard timeout.
func Register(meter metric.Meter, e *cache.Engine) (metric.Registration, error) {
	in := &instruments{meter: meter}
	hits := in.counter("hits", "Reads that the cache answered.", "{read}")
	in.read(hits, func(s *cache.LayerStats) int64 { return int64(s.MemoryHits) }, SourceKey.String(string(cache.FromMemory)))
	in.read(hits, func(s *cache.LayerStats) int64 { return int64(s.RedisHits) }, SourceKey.String(string(cache.FromRedis)))
	in.read(hits, func(s *cache.LayerStats) int64 { return int64(s.Shared) }, SourceKey.String(string(cache.FromShared)))
	for _, c := range []struct {
		name, help, unit string
		of               func(*cache.LayerStats) uint64
	}{
		{"misses", "Reads that had to load, or found nothing.", "{read}", func(s *cache.LayerStats) uint64 { return s.Misses }},
		{"hits.negative", "Hits that were a remembered absence; also counted as hits.", "{read}", func(s *cache.LayerStats) uint64 { return s.NegativeHits }},
		{"hits.stale", "Hits past their TTL; also counted as hits.", "{read}", func(s *cache.LayerStats) uint64 { return s.StaleHits }},
		{"loads", "Loads from the source.", "{load}", func(s *cache.LayerStats) uint64 { return s.Loads }},
		{"loads.failed", "Loads that failed.", "{load}", func(s *cache.LayerStats) uint64 { return s.LoadErrors }},
		{"fills", "Values that were stored.", "{fill}", func(s *cache.LayerStats) uint64 { return s.Fills }},
		{"fills.refused", "Values that were not stored: an invalidation came first, or they can't be cached at all.", "{fill}", func(s *cache.LayerStats) uint64 { return s.FillsRefused }},
		{"invalidations", "Invalidations of single keys by this node.", "{invalidation}", func(s *cache.LayerStats) uint64 { return s.Invalidations }},
		{"redis.errors", "Commands to Redis that failed.", "{command}", func(s *cache.LayerStats) uint64 { return s.RedisErrors }},
		{"decode.errors", "Entries in Redis that were misses because their value can't be decoded: a codec that changed and a layer version that did not.", "{entry}", func(s *cache.LayerStats) uint64 { return s.DecodeErrors }},
		{"cost.avoided", "Cost of loads that hits made unnecessary, in the loader's unit.", "1", func(s *cache.LayerStats) uint64 { return s.CostAvoided }},
		{"cost.paid", "Cost of loads, in the loader's unit.", "1", func(s *cache.LayerStats) uint64 { return s.CostPaid }},
	} {
		in.read(in.counter(c.name, c.help, c.unit), func(s *cache.LayerStats) int64 { return int64(c.of(s)) })
	}
	in.read(in.gauge("memory.items", "Entries in memory.", "{entry}"), func(s *cache.LayerStats) int64 { return s.MemoryItems })
	in.read(in.gauge("memory.size", "What entries in memory count for.", "By"), func(s *cache.LayerStats) int64 { return s.MemoryBytes })
	limit := in.gauge("memory.limit", "The budget of all layers' memory.", "By")
	up := in.gauge("redis.up", "Whether Redis answered: 1 or 0. Absent without Redis.", "1")
	breaker := in.gauge("breaker.state", "1 for the state that the breaker before Redis is in.", "1")
	nodes := in.gauge("nodes", "Nodes of the fleet: live ones, and those lost within the last hour.", "{node}")
	if in.err != nil {
		return nil, in.err
	}
	all := []metric.Observable{limit, up, breaker, nodes}
	for _, r := range in.readings {
		all = append(all, r.instrument)
	}
	return meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		st := e.Stats()
		o.ObserveInt64(limit, st.MemoryLimit)
		for i := range st.Layers {
			layer := LayerKey.String(st.Layers[i].Name)
			for _, r := range in.readings {
				o.ObserveInt64(r.instrument, r.of(&st.Layers[i]), metric.WithAttributes(append([]attribute.KeyValue{layer}, r.attributes...)...))
			}
		}
		observeRedis(ctx, e, o, up, breaker, nodes)
		return nil
	}, all...)
}

func observeRedis(ctx context.Context, e *cache.Engine, o metric.Observer, up, breaker, nodes metric.Int64Observable) {
	h := e.Health(ctx)
	if h.Configured {
		o.ObserveInt64(up, truth(h.Connected))
	}
	for _, state := range []string{"closed", "half-open", "open"} {
		o.ObserveInt64(breaker, truth(h.Breaker == state), metric.WithAttributes(StateKey.String(state)))
	}
	all, err := e.Nodes(ctx)
	if err != nil {
		return
	}
	live := int64(0)
	for _, n := range all {
		live += truth(n.Live)
	}
	o.ObserveInt64(nodes, live, metric.WithAttributes(StateKey.String("live")))
	o.ObserveInt64(nodes, int64(len(all))-live, metric.WithAttributes(StateKey.String("lost")))
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
