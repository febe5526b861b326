package monitor

import (
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/price"
)

// Call is what one call of a model took, or what was taken for an answer.
type Call struct {
	AssistantID string
	Model       string // as the upstream names it
	Asked       string // as it was asked for; counts when Model has no price
	Usage       deja.Usage
}

// Avoided is an answer that somebody was given without a call for it.
type Avoided struct {
	Call          // what the answer took when it was made
	Calls   int   // of the model
	Queries int64 // store queries that the layers don't count as avoided
	Took    time.Duration
	Waited  time.Duration // how long it took now

	Similar   bool // it was made for a similar question
	Coalesced bool // it was being made for somebody else
}

// Asked counts a question to an assistant.
func (m *Monitor) Asked(assistantID string) {
	if m != nil {
		m.ledger.book(assistantID, &Account{Requests: 1})
	}
}

// ModelCall counts a call of a model that was answered, with the tokens that
// it reported, and gives what it cost; false when its model has no price.
func (m *Monitor) ModelCall(c Call) (price.Money, bool) {
	if m == nil {
		return 0, false
	}
	c.Usage = sane(c.Usage)
	cost, known := m.cost(c)
	m.ledger.book(c.AssistantID, &Account{ModelCalls: 1, Tokens: c.Usage, MoneySpent: cost})
	return cost, known
}

// ModelCallFailed counts a call that brought no answer, or only a part of one.
// What it cost is not known.
func (m *Monitor) ModelCallFailed(assistantID string) {
	if m != nil {
		m.ledger.book(assistantID, &Account{ModelCallsFailed: 1})
	}
}

// AnswerMade counts the time that it took to make an answer.
func (m *Monitor) AnswerMade(assistantID string, took time.Duration) {
	if m != nil {
		m.ledger.book(assistantID, &Account{TimeSpent: took})
	}
}

// ModelCallAvoided counts an answer that was given without a call, and gives
// the money that the call would have cost at today's prices; false when its
// model has no price. Time is saved as far as the answer took longer to make
// than to get.
func (m *Monitor) ModelCallAvoided(a Avoided) (price.Money, bool) {
	if m == nil {
		return 0, false
	}
	a.Usage = sane(a.Usage)
	saved, known := m.cost(a.Call)
	entry := Account{
		ModelCallsAvoided: int64(a.Calls), TokensAvoided: a.Usage, QueriesAvoided: a.Queries,
		MoneySaved: saved, TimeSaved: max(a.Took-a.Waited, 0),
	}
	if a.Similar {
		entry.Similar = 1
	}
	if a.Coalesced {
		entry.Coalesced = 1
	}
	m.ledger.book(a.AssistantID, &entry)
	return saved, known
}

// maxTokens is more than any call takes: what a server reports beyond this, or
// below zero, is a mistake of its own, and must not spoil the sums.
const maxTokens = 1e9

func sane(u deja.Usage) deja.Usage {
	for _, n := range []*int64{&u.PromptTokens, &u.CompletionTokens, &u.CachedTokens, &u.ReasoningTokens} {
		*n = min(max(*n, 0), maxTokens)
	}
	return u
}

func (m *Monitor) cost(c Call) (price.Money, bool) {
	cost, known := m.prices.Cost(c.Usage, c.Model, c.Asked)
	if !known {
		name := c.Model
		if name == "" {
			name = c.Asked
		}
		m.ledger.noPrice(name)
	}
	return cost, known
}

// Price gives what tokens cost without counting them.
func (m *Monitor) Price(c Call) (price.Money, bool) {
	if m == nil {
		return 0, false
	}
	return m.prices.Cost(c.Usage, c.Model, c.Asked)
}

// Currency is that of all amounts.
func (m *Monitor) Currency() string {
	if m == nil {
		return price.DefaultCurrency
	}
	return m.prices.Table().Currency
}
