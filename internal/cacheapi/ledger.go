package cacheapi

import (
	"time"

	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/price"
)

type savings struct {
	StoreQueries        int64       `json:"storeQueries"`
	StoreQueriesAvoided int64       `json:"storeQueriesAvoided"`
	QueryReduction      float64     `json:"queryReduction"`
	StoreWrites         int64       `json:"storeWrites"`
	ModelCalls          int64       `json:"modelCalls"`
	ModelCallsFailed    int64       `json:"modelCallsFailed"`
	ModelCallsAvoided   int64       `json:"modelCallsAvoided"`
	Tokens              int64       `json:"tokens"`
	TokensAvoided       int64       `json:"tokensAvoided"`
	Currency            string      `json:"currency"`
	MoneySpent          price.Money `json:"moneySpent"`
	MoneySaved          price.Money `json:"moneySaved"`
	TimeSpentMs         float64     `json:"timeSpentMs"`
	TimeSavedMs         float64     `json:"timeSavedMs"`
	UnpricedModels      []string    `json:"unpricedModels"`
}

func savingsOf(seen monitor.Snapshot) savings {
	m := seen.Savings
	s := savings{
		StoreQueries: m.StoreReads, StoreQueriesAvoided: m.StoreQueriesAvoided, StoreWrites: m.StoreWrites,
		QueryReduction: rate(uint64(m.StoreQueriesAvoided), uint64(m.StoreQueriesAvoided+m.StoreReads)),
		ModelCalls:     m.ModelCalls, ModelCallsFailed: m.ModelCallsFailed, ModelCallsAvoided: m.ModelCallsAvoided,
		Tokens: m.Tokens.Total(), TokensAvoided: m.TokensAvoided.Total(),
		Currency: seen.Currency, MoneySpent: m.MoneySpent, MoneySaved: m.MoneySaved,
		TimeSpentMs: ms(m.TimeSpent), TimeSavedMs: ms(m.TimeSaved), UnpricedModels: seen.Unpriced,
	}
	if s.UnpricedModels == nil {
		s.UnpricedModels = []string{}
	}
	return s
}

// ledger says who and what the spending and the savings belong to. The
// accounts add up to the savings; so do the layers.
type ledger struct {
	Currency   string        `json:"currency"`
	Since      string        `json:"since"`
	Assistants []account     `json:"assistants"`
	Layers     []layerLedger `json:"layers"`
}

type account struct {
	AssistantID       string      `json:"assistantId"`
	Requests          int64       `json:"requests"`
	ModelCalls        int64       `json:"modelCalls"`
	ModelCallsAvoided int64       `json:"modelCallsAvoided"`
	PromptTokens      int64       `json:"promptTokens"`
	CompletionTokens  int64       `json:"completionTokens"`
	TokensAvoided     int64       `json:"tokensAvoided"`
	MoneySpent        price.Money `json:"moneySpent"`
	MoneySaved        price.Money `json:"moneySaved"`
	TimeSpentMs       float64     `json:"timeSpentMs"`
	TimeSavedMs       float64     `json:"timeSavedMs"`
}

type layerLedger struct {
	Layer             string      `json:"layer"`
	QueriesPaid       uint64      `json:"queriesPaid"`
	QueriesAvoided    uint64      `json:"queriesAvoided"`
	ModelCallsAvoided int64       `json:"modelCallsAvoided"`
	TokensAvoided     int64       `json:"tokensAvoided"`
	MoneySaved        price.Money `json:"moneySaved"`
	TimeSpentMs       float64     `json:"timeSpentMs"`
	TimeSavedMs       float64     `json:"timeSavedMs"`
}

// maxAccounts is how many accounts are shown; the rest is summed up.
const maxAccounts = 100

func ledgerOf(seen monitor.Snapshot) ledger {
	l := ledger{
		Currency: seen.Currency, Since: stamp(seen.Since),
		Assistants: make([]account, 0, min(len(seen.Accounts), maxAccounts)), Layers: make([]layerLedger, 0, len(seen.Layers)),
	}
	for _, a := range shownAccounts(seen.Accounts) {
		l.Assistants = append(l.Assistants, account{
			AssistantID: a.AssistantID, Requests: a.Requests, ModelCalls: a.ModelCalls, ModelCallsAvoided: a.ModelCallsAvoided,
			PromptTokens: a.Tokens.PromptTokens, CompletionTokens: a.Tokens.CompletionTokens, TokensAvoided: a.TokensAvoided.Total(),
			MoneySpent: a.MoneySpent, MoneySaved: a.MoneySaved, TimeSpentMs: ms(a.TimeSpent), TimeSavedMs: ms(a.TimeSaved),
		})
	}
	for _, s := range seen.Layers {
		spent, saved := timeOf(s, seen.Answers)
		one := layerLedger{
			Layer: s.Name, QueriesPaid: s.CostPaid, QueriesAvoided: s.CostAvoided,
			TimeSpentMs: ms(spent), TimeSavedMs: ms(saved),
		}
		if s.Name == layers.MessageResponses {
			one.QueriesAvoided += uint64(max(seen.Answers.QueriesAvoided, 0))
			one.ModelCallsAvoided, one.TokensAvoided = seen.Answers.ModelCallsAvoided, seen.Answers.TokensAvoided.Total()
			one.MoneySaved = seen.Answers.MoneySaved
		}
		l.Layers = append(l.Layers, one)
	}
	return l
}

// shownAccounts gives the busiest accounts, the overflow last, with what is
// not shown added to it.
func shownAccounts(all []monitor.Account) []monitor.Account { return monitor.Busiest(all, maxAccounts) }

type hot struct {
	Keys       []hotKey       `json:"keys"`
	Assistants []hotAssistant `json:"assistants"`
}

type hotKey struct {
	Key   string `json:"key"`
	Layer string `json:"layer"`
	Count uint64 `json:"count"`
	Error uint64 `json:"error"`
}

type hotAssistant struct {
	AssistantID string `json:"assistantId"`
	Count       uint64 `json:"count"`
	Error       uint64 `json:"error"`
}

// maxHot is how many keys and assistants are shown.
const maxHot = 20

func hotOf(h monitor.Hot) hot {
	shown := hot{Keys: []hotKey{}, Assistants: []hotAssistant{}}
	for _, k := range h.Keys[:min(len(h.Keys), maxHot)] {
		shown.Keys = append(shown.Keys, hotKey{k.Name, k.Layer, k.Count, k.Error})
	}
	for _, a := range h.Assistants[:min(len(h.Assistants), maxHot)] {
		shown.Assistants = append(shown.Assistants, hotAssistant{a.Name, a.Count, a.Error})
	}
	return shown
}

type window struct {
	Requests uint64  `json:"requests"`
	Hits     uint64  `json:"hits"`
	Misses   uint64  `json:"misses"`
	HitRate  float64 `json:"hitRate"`
}

func windowsOf(seen monitor.Snapshot, now time.Time) map[string]window {
	all := make(map[string]window)
	for _, w := range monitor.Windows() {
		p := w.Sum(seen.SeriesOf(w), now)
		all[w.Name] = window{Requests: p.Requests, Hits: p.Hits, Misses: p.Misses, HitRate: round(p.HitRate())}
	}
	return all
}
