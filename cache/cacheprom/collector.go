// Package cacheprom shows a cache engine to Prometheus.
//
//	registry.MustRegister(cacheprom.New(engine, cacheprom.Options{}))
//
// Labels are bounded: layers by name, and a handful of fixed words. Durations
// are histograms in both forms, classic with a bucket per doubling and native
// (schema 3), so that every server and text format shows what it can. Counters
// begin anew when the engine's do (ResetStats), which rate() allows for.
package cacheprom

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dejahq/deja/cache"
)

// Options configure a Collector. The zero value is good.
type Options struct {
	// StatsOnly leaves out what Redis must be asked for.
	StatsOnly bool
	// Timeout bounds what a scrape asks Redis; default 2 s. The engine's hard
	// timeout bounds each command as well.
	Timeout time.Duration
	// ConstLabels are added to every metric.
	ConstLabels prometheus.Labels
}

const defaultTimeout = 2 * time.Second

// Collector is a prometheus.Collector of one engine. It is safe for
// concurrent use. Without StatsOnly each scrape asks Redis a few questions.
type Collector struct {
	engine  *cache.Engine
	timeout time.Duration
	redis   bool

	layers []counter
	hits   *prometheus.Desc
	times  [2]*prometheus.Desc // hits, loads
	limit  *prometheus.Desc
	asked  []gauge
	up     *prometheus.Desc
	state  *prometheus.Desc
	info   *prometheus.Desc
	keys   *prometheus.Desc
	nodes  *prometheus.Desc
}

// counter is a number of a layer.
type counter struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*cache.LayerStats) float64
}

// gauge is a number that Redis was asked for.
type gauge struct {
	desc *prometheus.Desc
	of   func(*cache.Health) float64
}

// New makes a collector of an engine.
func New(e *cache.Engine, o Options) *Collector {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("deja_cache_"+name, help, labels, o.ConstLabels)
	}
	c := &Collector{
		engine:  e,
		timeout: o.Timeout,
		redis:   !o.StatsOnly,
		hits:    desc("hits_total", "Reads that the cache answered, by where from: memory, redis, or shared (another caller's load).", "layer", "source"),
		times: [2]*prometheus.Desc{
			desc("hit_duration_seconds", "How long hits took to look up; of those in memory one in 256 is timed and counts for all.", "layer"),
			desc("load_duration_seconds", "How long loads from the source took, failed ones included.", "layer"),
		},
		limit: desc("memory_limit_bytes", "The budget of all layers' memory."),
		up:    desc("redis_up", "Whether Redis answered the scrape: 1 or 0. Absent without Redis."),
		state: desc("breaker_state", "1 for the state that the breaker before Redis is in.", "state"),
		info:  desc("redis_info", "What the Redis server is; always 1.", "version", "role", "eviction_policy", "persistence", "auth", "tls"),
		keys:  desc("keys", "Estimated keys of a layer in Redis, unreachable ones included; of its memory without Redis.", "layer"),
		nodes: desc("nodes", "Nodes of the fleet: live ones, and those lost within the last hour.", "state"),
	}
	add := func(kind prometheus.ValueType, name, help string, of func(*cache.LayerStats) float64) {
		c.layers = append(c.layers, counter{desc(name, help, "layer"), kind, of})
	}
	count := func(name, help string, of func(*cache.LayerStats) uint64) {
		add(prometheus.CounterValue, name, help, func(s *cache.LayerStats) float64 { return float64(of(s)) })
	}
	count("misses_total", "Reads that had to load, or found nothing.", func(s *cache.LayerStats) uint64 { return s.Misses })
	count("negative_hits_total", "Hits that were a remembered absence; also counted as hits.", func(s *cache.LayerStats) uint64 { return s.NegativeHits })
	count("stale_hits_total", "Hits past their TTL, served while a refresh runs or after one failed; also counted as hits.", func(s *cache.LayerStats) uint64 { return s.StaleHits })
	count("loads_total", "Loads from the source.", func(s *cache.LayerStats) uint64 { return s.Loads })
	count("load_errors_total", "Loads that failed.", func(s *cache.LayerStats) uint64 { return s.LoadErrors })
	count("fills_total", "Values that were stored.", func(s *cache.LayerStats) uint64 { return s.Fills })
	count("fills_refused_total", "Values that were not stored: an invalidation came first, or they can't be cached at all.", func(s *cache.LayerStats) uint64 { return s.FillsRefused })
	count("invalidations_total", "Invalidations of single keys by this node.", func(s *cache.LayerStats) uint64 { return s.Invalidations })
	count("redis_errors_total", "Commands to Redis that failed.", func(s *cache.LayerStats) uint64 { return s.RedisErrors })
	count("decode_errors_total", "Entries in Redis that were misses because their value can't be decoded: a codec that changed and a layer version that did not.", func(s *cache.LayerStats) uint64 { return s.DecodeErrors })
	count("cost_avoided_total", "Cost of loads that hits made unnecessary, in the loader's unit (deja: store queries).", func(s *cache.LayerStats) uint64 { return s.CostAvoided })
	count("cost_paid_total", "Cost of loads, in the loader's unit (deja: store queries).", func(s *cache.LayerStats) uint64 { return s.CostPaid })
	add(prometheus.GaugeValue, "memory_items", "Entries in memory.", func(s *cache.LayerStats) float64 { return float64(s.MemoryItems) })
	add(prometheus.GaugeValue, "memory_bytes", "What entries in memory count for.", func(s *cache.LayerStats) float64 { return float64(s.MemoryBytes) })

	ask := func(name, help string, of func(*cache.Health) float64) {
		c.asked = append(c.asked, gauge{desc(name, help), of})
	}
	ask("redis_latency_seconds", "How long Redis took to answer a ping.", func(h *cache.Health) float64 { return h.Latency.Seconds() })
	ask("redis_uptime_seconds", "How long the server has been up.", func(h *cache.Health) float64 { return float64(h.UptimeSeconds) })
	ask("redis_memory_used_bytes", "Memory that Redis uses.", func(h *cache.Health) float64 { return float64(h.UsedMemory) })
	ask("redis_memory_max_bytes", "maxmemory; 0: unset.", func(h *cache.Health) float64 { return float64(h.MaxMemory) })
	ask("redis_memory_fragmentation_ratio", "Memory taken from the system per memory used.", func(h *cache.Health) float64 { return h.Fragmentation })
	ask("redis_keys", "Keys in the database, deja's and others'.", func(h *cache.Health) float64 { return float64(h.Keys) })
	ask("redis_keys_expiring", "Keys in the database that have a TTL; all of deja's have.", func(h *cache.Health) float64 { return float64(h.Expiring) })
	ask("redis_replicas", "Replicas that are connected.", func(h *cache.Health) float64 { return float64(h.Replicas) })
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, n := range c.layers {
		out <- n.desc
	}
	for _, d := range []*prometheus.Desc{c.hits, c.times[0], c.times[1], c.limit} {
		out <- d
	}
	if !c.redis {
		return
	}
	for _, g := range c.asked {
		out <- g.desc
	}
	for _, d := range []*prometheus.Desc{c.up, c.state, c.info, c.keys, c.nodes} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	st := c.engine.Stats()
	out <- prometheus.MustNewConstMetric(c.limit, prometheus.GaugeValue, float64(st.MemoryLimit))
	for i := range st.Layers {
		l := &st.Layers[i]
		for _, n := range c.layers {
			out <- prometheus.MustNewConstMetric(n.desc, n.kind, n.of(l), l.Name)
		}
		for source, n := range map[cache.Source]uint64{cache.FromMemory: l.MemoryHits, cache.FromRedis: l.RedisHits, cache.FromShared: l.Shared} {
			out <- prometheus.MustNewConstMetric(c.hits, prometheus.CounterValue, float64(n), l.Name, string(source))
		}
		out <- newHistogram(c.times[0], l.HitTimes, fastest, l.Name)
		out <- newHistogram(c.times[1], l.LoadTimes, fastestLoad, l.Name)
	}
	if c.redis {
		c.collectRedis(out)
	}
}

func (c *Collector) collectRedis(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	set := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	h := c.engine.Health(ctx)
	for _, state := range []string{"closed", "half-open", "open"} {
		set(c.state, truth(h.Breaker == state), state)
	}
	if h.Configured {
		set(c.up, truth(h.Connected))
	}
	if h.Connected {
		for _, g := range c.asked {
			set(g.desc, g.of(&h))
		}
		set(c.info, 1, h.Version, h.Role, h.EvictionPolicy, h.Persistence, word(h.Auth), word(h.TLS))
	}
	if counts, err := c.engine.CountKeys(ctx); err == nil {
		for layer, n := range counts {
			set(c.keys, float64(n), layer)
		}
	}
	if nodes, err := c.engine.Nodes(ctx); err == nil {
		live := 0
		for _, n := range nodes {
			if n.Live {
				live++
			}
		}
		set(c.nodes, float64(live), "live")
		set(c.nodes, float64(len(nodes)-live), "lost")
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func word(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
