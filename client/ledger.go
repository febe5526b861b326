package client

import "time"

// Ledger says who and what the spending and the savings belong to.
type Ledger struct {
	Currency   string          `json:"currency"`
	Since      time.Time       `json:"since"`
	Assistants []Account       `json:"assistants"` // the busiest first; the last may be "other", the sum of the rest
	Layers     []LayerAccounts `json:"layers"`
}

// Account is what one assistant's answers took and saved. Times are
// milliseconds.
type Account struct {
	AssistantID       string  `json:"assistantId"`
	Requests          int64   `json:"requests"`
	ModelCalls        int64   `json:"modelCalls"`
	ModelCallsAvoided int64   `json:"modelCallsAvoided"`
	PromptTokens      int64   `json:"promptTokens"`
	CompletionTokens  int64   `json:"completionTokens"`
	TokensAvoided     int64   `json:"tokensAvoided"`
	MoneySpent        float64 `json:"moneySpent"`
	MoneySaved        float64 `json:"moneySaved"`
	TimeSpent         float64 `json:"timeSpentMs"`
	TimeSaved         float64 `json:"timeSavedMs"`
}

// LayerAccounts is what one layer of the cache took and saved.
type LayerAccounts struct {
	Layer             string  `json:"layer"`
	QueriesPaid       uint64  `json:"queriesPaid"`
	QueriesAvoided    uint64  `json:"queriesAvoided"`
	ModelCallsAvoided int64   `json:"modelCallsAvoided"`
	TokensAvoided     int64   `json:"tokensAvoided"`
	MoneySaved        float64 `json:"moneySaved"`
	TimeSpent         float64 `json:"timeSpentMs"`
	TimeSaved         float64 `json:"timeSavedMs"`
}
