package cacheapi

import (
	"fmt"
	"math"
	"time"

	"github.com/dejahq/deja/cache"
)

// stats are the figures of the cache's backend, in health and metrics alike.
type stats struct {
	Connected       bool    `json:"connected"`
	TotalKeys       int64   `json:"totalKeys"`
	MemoryInfo      string  `json:"memoryInfo"`
	Uptime          int64   `json:"uptime"`
	ServerUptime    int64   `json:"serverUptime"`
	UsedMemoryBytes int64   `json:"usedMemoryBytes"`
	MaxMemoryBytes  int64   `json:"maxMemoryBytes"`
	EvictionPolicy  string  `json:"evictionPolicy"`
	RedisVersion    string  `json:"redisVersion"`
	Role            string  `json:"role"`
	LatencyMs       float64 `json:"latencyMs"`
	Breaker         string  `json:"breaker"`
	LastError       string  `json:"lastError"`
	Epoch           string  `json:"epoch"`
	LocalItems      int64   `json:"localItems"`
	LocalBytes      int64   `json:"localBytes"`
	LocalLimitBytes int64   `json:"localLimitBytes"`
}

func (a *API) statsOf(redis cache.Health, local cache.Stats) stats {
	up := int64(a.now().Sub(a.started) / time.Second)
	s := stats{
		Connected: redis.Connected,
		TotalKeys: local.MemoryItems, MemoryInfo: human(local.MemoryBytes), Uptime: up,
		ServerUptime: up, Breaker: redis.Breaker, LastError: redis.LastError, Epoch: redis.Epoch,
		LocalItems: local.MemoryItems, LocalBytes: local.MemoryBytes, LocalLimitBytes: local.MemoryLimit,
	}
	if redis.Connected {
		s.TotalKeys, s.MemoryInfo, s.Uptime = redis.Keys, human(redis.UsedMemory), redis.UptimeSeconds
		s.UsedMemoryBytes, s.MaxMemoryBytes, s.EvictionPolicy = redis.UsedMemory, redis.MaxMemory, redis.EvictionPolicy
		s.RedisVersion, s.Role, s.LatencyMs = redis.Version, redis.Role, ms(redis.Latency)
	}
	return s
}

// human gives a number of bytes the way Redis's INFO does.
func human(n int64) string {
	const units = "KMGTP"
	if n < 1<<10 {
		return fmt.Sprintf("%dB", n)
	}
	f := float64(n)
	i := -1
	for f >= 1<<10 && i < len(units)-1 {
		f /= 1 << 10
		i++
	}
	return fmt.Sprintf("%.2f%c", f, units[i])
}

// ms gives milliseconds, to the microsecond.
func ms(d time.Duration) float64 { return math.Round(d.Seconds()*1e6) / 1e3 }

// rate gives part of whole in percent, to two digits; 0 of nothing.
func rate(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return round(100 * float64(part) / float64(whole))
}

func round(percent float64) float64 { return math.Round(percent*100) / 100 }
