package cacheapi

import (
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/monitor"
)

// layer has the counters of one layer. Those of the answers' layer include
// what answers avoided that were joined while they were made, which the engine
// does not see.
type layer struct {
	Name           string  `json:"name"`
	Hits           uint64  `json:"hits"`
	MemoryHits     uint64  `json:"memoryHits"`
	RedisHits      uint64  `json:"redisHits"`
	Shared         uint64  `json:"shared"`
	Misses         uint64  `json:"misses"`
	HitRate        float64 `json:"hitRate"`
	NegativeHits   uint64  `json:"negativeHits"`
	StaleHits      uint64  `json:"staleHits"`
	Loads          uint64  `json:"loads"`
	LoadErrors     uint64  `json:"loadErrors"`
	AvgLoadTime    float64 `json:"avgLoadTime"`
	Fills          uint64  `json:"fills"`
	FillsRefused   uint64  `json:"fillsRefused"`
	Invalidations  uint64  `json:"invalidations"`
	RedisErrors    uint64  `json:"redisErrors"`
	DecodeErrors   uint64  `json:"decodeErrors"`
	QueriesAvoided uint64  `json:"queriesAvoided"`
	QueriesPaid    uint64  `json:"queriesPaid"`
	MemoryItems    int64   `json:"memoryItems"`
	MemoryBytes    int64   `json:"memoryBytes"`

	HitP50      float64 `json:"hitP50"`
	HitP95      float64 `json:"hitP95"`
	HitP99      float64 `json:"hitP99"`
	LoadP50     float64 `json:"loadP50"`
	LoadP95     float64 `json:"loadP95"`
	LoadP99     float64 `json:"loadP99"`
	Similar     uint64  `json:"similar"`
	Coalesced   uint64  `json:"coalesced"`
	TimeSavedMs float64 `json:"timeSavedMs"`
}

func layerOf(s cache.LayerStats, answers monitor.Account) layer {
	hits := hitsOf(s)
	l := layer{
		Name: s.Name, Hits: hits, MemoryHits: s.MemoryHits, RedisHits: s.RedisHits, Shared: s.Shared,
		Misses: s.Misses, HitRate: rate(hits, hits+s.Misses), NegativeHits: s.NegativeHits, StaleHits: s.StaleHits,
		Loads: s.Loads, LoadErrors: s.LoadErrors, Fills: s.Fills, FillsRefused: s.FillsRefused,
		Invalidations: s.Invalidations, RedisErrors: s.RedisErrors, DecodeErrors: s.DecodeErrors,
		QueriesAvoided: s.CostAvoided, QueriesPaid: s.CostPaid, MemoryItems: s.MemoryItems, MemoryBytes: s.MemoryBytes,
		HitP50: ms(s.HitTimes.Quantile(.5)), HitP95: ms(s.HitTimes.Quantile(.95)), HitP99: ms(s.HitTimes.Quantile(.99)),
		LoadP50: ms(s.LoadTimes.Quantile(.5)), LoadP95: ms(s.LoadTimes.Quantile(.95)), LoadP99: ms(s.LoadTimes.Quantile(.99)),
	}
	if s.Loads > 0 {
		l.AvgLoadTime = ms(s.LoadTime / time.Duration(s.Loads))
	}
	if s.Name == layers.MessageResponses {
		l.QueriesAvoided += uint64(max(answers.QueriesAvoided, 0))
		l.Similar, l.Coalesced = answers.Similar, answers.Coalesced
	}
	_, saved := timeOf(s, answers)
	l.TimeSavedMs = ms(saved)
	return l
}

func hitsOf(s cache.LayerStats) uint64 { return s.MemoryHits + s.RedisHits + s.Shared }

// timeOf gives the time that a layer's loads took, and that its hits saved.
// Answers know how long they took to make. Other entries don't: a hit of
// theirs saves what a load of the layer takes on average, less the average
// time of a hit.
func timeOf(s cache.LayerStats, answers monitor.Account) (spent, saved time.Duration) {
	if s.Name == layers.MessageResponses {
		return answers.TimeSpent, answers.TimeSaved
	}
	if s.Loads == 0 {
		return 0, 0
	}
	each := s.LoadTime/time.Duration(s.Loads) - s.HitTimes.Mean()
	return s.LoadTime, max(each, 0) * time.Duration(hitsOf(s))
}
