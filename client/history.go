package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Scope says whose counters are meant: those of the asked node, or the sum of
// all nodes.
type Scope string

// The scopes.
const (
	ScopeNode  Scope = "node"
	ScopeFleet Scope = "fleet"
)

func (s Scope) query() url.Values {
	if s == "" {
		return nil
	}
	return url.Values{"scope": {string(s)}}
}

// ScopedMetrics is Metrics of a scope; the empty one is the asked node. When a
// fleet's figures can't be had, the node's come with a note that says why.
func (c *Client) ScopedMetrics(ctx context.Context, s Scope) (*Metrics, error) {
	return one[Metrics](ctx, c, request{method: http.MethodGet, path: metricsPath, query: s.query()})
}

// Timeline is what happened in a window of time, in equal steps.
type Timeline struct {
	Window      string          `json:"window"` // "minute", "hour", "day" or "week"
	StepSeconds float64         `json:"stepSeconds"`
	Points      []TimelinePoint `json:"points"` // the oldest first; steps without requests are zeros
}

// TimelinePoint is one step of a Timeline.
type TimelinePoint struct {
	T                 time.Time `json:"t"`
	Requests          uint64    `json:"requests"`
	Hits              uint64    `json:"hits"`
	Misses            uint64    `json:"misses"`
	ModelCalls        int64     `json:"modelCalls"`
	ModelCallsAvoided int64     `json:"modelCallsAvoided"`
	QueriesAvoided    int64     `json:"queriesAvoided"`
	MoneySaved        float64   `json:"moneySaved"`
	AvgMillis         float64   `json:"avgMs"`
}

// Timeline gives the last minute, hour, day or week, as window says.
func (c *Client) Timeline(ctx context.Context, window string, s Scope) (*Timeline, error) {
	q := url.Values{"window": {window}}
	if s != "" {
		q.Set("scope", string(s))
	}
	return one[Timeline](ctx, c, request{method: http.MethodGet, path: "/api/cache/timeline", query: q})
}

// Day is the total of one day of the whole fleet, as kept in the store.
type Day struct {
	Day               string  `json:"day"` // such as "2026-11-23"
	Requests          uint64  `json:"requests"`
	Hits              uint64  `json:"hits"`
	Misses            uint64  `json:"misses"`
	StoreQueries      int64   `json:"storeQueries"`
	QueriesAvoided    int64   `json:"queriesAvoided"`
	ModelCalls        int64   `json:"modelCalls"`
	ModelCallsAvoided int64   `json:"modelCallsAvoided"`
	Tokens            int64   `json:"tokens"`
	TokensAvoided     int64   `json:"tokensAvoided"`
	MoneySpent        float64 `json:"moneySpent"`
	MoneySaved        float64 `json:"moneySaved"`
}

// Days gives the totals of up to the last n days.
func (c *Client) Days(ctx context.Context, n int) ([]Day, error) {
	page, err := one[struct {
		Days []Day `json:"days"`
	}](ctx, c, request{method: http.MethodGet, path: "/api/cache/days", query: url.Values{"n": {strconv.Itoa(n)}}})
	if err != nil {
		return nil, err
	}
	return page.Days, nil
}
