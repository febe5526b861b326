package monitor

import (
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/price"
)

// Totals are what one node has counted. Those of several nodes, or periods,
// can be added up.
type Totals struct {
	Requests     uint64        `json:"requests"` // hits, misses, and those that had nothing to do with the cache
	Hits         uint64        `json:"hits"`
	Misses       uint64        `json:"misses"`
	ResponseTime time.Duration `json:"responseTime"` // of all requests

	Savings
}

// Savings compares what was spent with what would have been.
type Savings struct {
	StoreReads          int64         `json:"storeReads"` // store queries made that read
	StoreWrites         int64         `json:"storeWrites"`
	StoreQueriesAvoided int64         `json:"storeQueriesAvoided"`
	ModelCalls          int64         `json:"modelCalls"` // that were answered
	ModelCallsFailed    int64         `json:"modelCallsFailed"`
	ModelCallsAvoided   int64         `json:"modelCallsAvoided"`
	Tokens              deja.Usage    `json:"tokens"`
	TokensAvoided       deja.Usage    `json:"tokensAvoided"`
	MoneySpent          price.Money   `json:"moneySpent"`
	MoneySaved          price.Money   `json:"moneySaved"`
	TimeSpent           time.Duration `json:"timeSpent"` // making answers
	TimeSaved           time.Duration `json:"timeSaved"` // of those who did not wait for that
}

// Add gives the sum of two.
func (t Totals) Add(o Totals) Totals {
	return Totals{
		Requests: t.Requests + o.Requests, Hits: t.Hits + o.Hits, Misses: t.Misses + o.Misses,
		ResponseTime: t.ResponseTime + o.ResponseTime, Savings: t.Savings.Add(o.Savings),
	}
}

// Sub gives what was counted since o.
func (t Totals) Sub(o Totals) Totals {
	return Totals{
		Requests: t.Requests - o.Requests, Hits: t.Hits - o.Hits, Misses: t.Misses - o.Misses,
		ResponseTime: t.ResponseTime - o.ResponseTime, Savings: t.Savings.Sub(o.Savings),
	}
}

// HitRate is the share of hits among the requests that were a hit or a miss,
// 0 to 100; 0 when there were none.
func (t Totals) HitRate() float64 { return percent(t.Hits, t.Hits+t.Misses) }

// Add gives the sum of two.
func (s Savings) Add(o Savings) Savings { return s.plus(o, 1) }

// Sub gives what was spent and saved since o.
func (s Savings) Sub(o Savings) Savings { return s.plus(o, -1) }

func (s Savings) plus(o Savings, sign int64) Savings {
	return Savings{
		StoreReads:          s.StoreReads + sign*o.StoreReads,
		StoreWrites:         s.StoreWrites + sign*o.StoreWrites,
		StoreQueriesAvoided: s.StoreQueriesAvoided + sign*o.StoreQueriesAvoided,
		ModelCalls:          s.ModelCalls + sign*o.ModelCalls,
		ModelCallsFailed:    s.ModelCallsFailed + sign*o.ModelCallsFailed,
		ModelCallsAvoided:   s.ModelCallsAvoided + sign*o.ModelCallsAvoided,
		Tokens:              usagePlus(s.Tokens, o.Tokens, sign),
		TokensAvoided:       usagePlus(s.TokensAvoided, o.TokensAvoided, sign),
		MoneySpent:          s.MoneySpent.Plus(price.Money(sign) * o.MoneySpent),
		MoneySaved:          s.MoneySaved.Plus(price.Money(sign) * o.MoneySaved),
		TimeSpent:           s.TimeSpent + time.Duration(sign)*o.TimeSpent,
		TimeSaved:           s.TimeSaved + time.Duration(sign)*o.TimeSaved,
	}
}

func usagePlus(a, b deja.Usage, sign int64) deja.Usage {
	return deja.Usage{
		PromptTokens:     a.PromptTokens + sign*b.PromptTokens,
		CompletionTokens: a.CompletionTokens + sign*b.CompletionTokens,
		CachedTokens:     a.CachedTokens + sign*b.CachedTokens,
		ReasoningTokens:  a.ReasoningTokens + sign*b.ReasoningTokens,
		Approximate:      a.Approximate || sign > 0 && b.Approximate,
	}
}

func percent(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}
