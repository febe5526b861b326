package cacheapi

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/monitor"
)

// advice says what is off and what to do about it.
type advice struct {
	Code     string `json:"code"`
	Severity string `json:"severity"` // "info", "warning" or "critical"
	Message  string `json:"message"`
	Layer    string `json:"layer"` // "" when it is about none
}

const (
	info     = "info"
	warning  = "warning"
	critical = "critical"
)

// From when on something is worth a word.
const (
	enoughRequests = 100  // before rates mean something
	lowHitRate     = 80.0 // percent
	highMemory     = 80.0
	fullMemory     = 95.0
	manyChanges    = 20 // of a layer, before a pace can be seen in them
)

// findings is what advice is drawn from.
type findings struct {
	redis     cache.Health
	storeErr  error
	storeName string
	breakers  map[string]string // before the model's servers
	seen      monitor.Snapshot
	lifetimes map[string]time.Duration
	keys      map[string]int64 // per layer; nil: not known
}

// advise gives the most pressing first.
func advise(f *findings) []advice {
	all := []advice{}
	add := func(code, severity, layer, format string, args ...any) {
		all = append(all, advice{Code: code, Severity: severity, Layer: layer, Message: fmt.Sprintf(format, args...)})
	}
	if f.storeErr != nil {
		add("store-away", critical, "", "The store (%s) does not answer: only what is cached can be read. Look at the store and the way to it.", f.storeName)
	}
	var away []string
	for name, state := range f.breakers {
		if state == "open" {
			away = append(away, strings.TrimPrefix(name, upstreamPrefix))
		}
	}
	if len(away) > 0 {
		slices.Sort(away)
		add("model-away", warning, "", "Not asked for the moment, because they failed too often: the model servers %s.", strings.Join(away, ", "))
	}
	adviseRedis(&f.redis, add)
	adviseRates(f.seen, add)
	adviseLifetimes(f, add)
	return byPressure(all)
}

func byPressure(all []advice) []advice {
	sorted := make([]advice, 0, len(all))
	for _, severity := range []string{critical, warning, info} {
		for _, a := range all {
			if a.Severity == severity {
				sorted = append(sorted, a)
			}
		}
	}
	return sorted
}

type adder func(code, severity, layer, format string, args ...any)

// adviseRedis looks at how Redis is and how it is set up.
func adviseRedis(h *cache.Health, add adder) {
	if !h.Configured {
		add("no-redis", info, "", "Redis is not configured: this node caches in its own memory, and shares nothing with other nodes. Set REDIS_URL for more than one.")
		return
	}
	// What of the connection is known without Redis.
	switch {
	case h.Auth:
	case h.Loopback:
		add("no-auth", info, "", "Redis takes commands without a password from every program on this machine. Set requirepass, or an ACL, and give it in REDIS_URL.")
	default:
		add("no-auth", warning, "", "Redis takes commands without a password from whoever reaches it. Set requirepass, or an ACL, and give it in REDIS_URL.")
	}
	if !h.TLS && !h.Loopback {
		add("no-tls", warning, "", "The connection to Redis leaves this machine and is not encrypted: customers' questions and answers can be read on the way. Use a rediss:// address.")
	}
	switch {
	case !h.Connected:
		add("redis-away", critical, "", "Redis does not answer: this node serves from its own memory and the store, and will catch up when Redis is back.")
		return
	case h.Breaker != "closed":
		add("redis-not-trusted", warning, "", "Redis answers, but has failed or been slow so often that this node does not use it just now (its breaker is %s).", h.Breaker)
	}
	if h.MaxMemory == 0 {
		add("maxmemory-unset", warning, "", "Redis has no maxmemory: it grows until the system stops it. Set maxmemory to what the machine can spare.")
	} else if used := 100 * float64(h.UsedMemory) / float64(h.MaxMemory); used > highMemory {
		severity := warning
		if used > fullMemory {
			severity = critical
		}
		add("memory-high", severity, "", "Redis uses %.0f %% of its maxmemory: entries are, or soon will be, evicted before their time. Raise maxmemory, or shorten lifetimes.", used)
	}
	if h.EvictionPolicy != "" && h.EvictionPolicy != "allkeys-lru" && h.EvictionPolicy != "allkeys-lfu" {
		add("eviction-policy", warning, "", "Redis's maxmemory-policy is %s: when memory is full, the entries that are used least should go. Set allkeys-lru or allkeys-lfu.", h.EvictionPolicy)
	}
	if left := h.Keys - h.Expiring; left > 0 {
		add("keys-without-ttl", info, "", "%d of %d keys in Redis's database have no TTL. None of them is deja's; whoever wrote them shares its memory. Give deja a database or a server of its own, or those keys a TTL.", left, h.Keys)
	}
}

// adviseRates looks at how often the cache had what was asked for.
func adviseRates(s monitor.Snapshot, add adder) {
	if s.Total.Hits.Count+s.Total.Misses.Count < enoughRequests {
		return
	}
	if r := s.Total.HitRate(); r < lowHitRate {
		add("hit-rate-low", warning, "", "Only %.0f %% of requests were answered from the cache. The layers below show where they miss; answers are shared most when assistants' cache policy is \"assistant\".", r)
	}
	for _, l := range s.Layers {
		hits := l.MemoryHits + l.RedisHits + l.Shared
		if n := hits + l.Misses; n >= enoughRequests && 100*float64(hits)/float64(n) < lowHitRate {
			add("hit-rate-low", info, l.Name, "This layer had what was asked for in %.0f %% of %d lookups.", 100*float64(hits)/float64(n), n)
		}
	}
}

// adviseLifetimes compares how long entries live with how often they change.
// An entry of a layer changes, on average, once in keys * time / changes.
func adviseLifetimes(f *findings, add adder) {
	watched := f.seen.At.Sub(f.seen.Since)
	for _, l := range f.seen.Layers {
		ttl, keys := f.lifetimes[l.Name], f.keys[l.Name]
		if ttl <= 0 || keys <= 0 || watched <= 0 {
			continue
		}
		// A change that nobody told of is served for as long as an entry lives.
		if l.Invalidations >= manyChanges {
			// In floating point: many keys, watched for long, are more than a Duration holds.
			between := time.Duration(min(float64(watched)*float64(keys)/float64(l.Invalidations), math.MaxInt64/20))
			if ttl > 10*between {
				add("ttl-too-long", info, l.Name, "An entry of this layer changes about every %s, but lives for %s: should a change ever be missed, it would be seen late. A lifetime of %s would cost little.",
					rounded(between), ttl, rounded(10*between))
			}
		}
		// Entries that were loaded again and again though nothing had changed.
		again := int64(l.Loads) - keys - int64(l.Invalidations)
		hits := l.MemoryHits + l.RedisHits + l.Shared
		if watched > 3*ttl && again > 2*keys && again >= enoughRequests && l.Invalidations*10 < l.Loads && float64(l.Misses) > 0.05*float64(hits+l.Misses) {
			add("ttl-too-short", info, l.Name, "Entries of this layer were loaded %d times and changed %d times: mostly they only ran out, after %s. A longer lifetime would save those loads.",
				l.Loads, l.Invalidations, ttl)
		}
	}
}

// rounded keeps what matters of a time.
func rounded(d time.Duration) time.Duration {
	switch {
	case d > time.Hour:
		return d.Round(time.Minute)
	case d > time.Minute:
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
