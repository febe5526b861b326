package monitor

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/price"
)

// Account is what one assistant's answers took and saved.
type Account struct {
	AssistantID       string        `json:"assistantId"` // Overflow: all assistants without an account of their own
	Requests          int64         `json:"requests"`    // questions, answered or not
	ModelCalls        int64         `json:"modelCalls"`
	ModelCallsFailed  int64         `json:"modelCallsFailed"`
	ModelCallsAvoided int64         `json:"modelCallsAvoided"`
	Tokens            deja.Usage    `json:"tokens"`
	TokensAvoided     deja.Usage    `json:"tokensAvoided"`
	QueriesAvoided    int64         `json:"queriesAvoided"` // by joining an answer; what the layers avoid they count
	MoneySpent        price.Money   `json:"moneySpent"`
	MoneySaved        price.Money   `json:"moneySaved"`
	TimeSpent         time.Duration `json:"timeSpent"`
	TimeSaved         time.Duration `json:"timeSaved"`
	Similar           uint64        `json:"similar"`   // answers given for a similar question
	Coalesced         uint64        `json:"coalesced"` // answers joined while they were made
}

// Add adds another account; the id stays.
func (a *Account) Add(o Account) { a.add(&o) }

func (a *Account) add(o *Account) {
	a.Requests += o.Requests
	a.ModelCalls += o.ModelCalls
	a.ModelCallsFailed += o.ModelCallsFailed
	a.ModelCallsAvoided += o.ModelCallsAvoided
	a.Tokens = a.Tokens.Add(o.Tokens)
	a.TokensAvoided = a.TokensAvoided.Add(o.TokensAvoided)
	a.QueriesAvoided += o.QueriesAvoided
	a.MoneySpent = a.MoneySpent.Plus(o.MoneySpent)
	a.MoneySaved = a.MoneySaved.Plus(o.MoneySaved)
	a.TimeSpent += o.TimeSpent
	a.TimeSaved += o.TimeSaved
	a.Similar += o.Similar
	a.Coalesced += o.Coalesced
}

// savings shows an account as a part of the totals.
func (a *Account) savings() Savings {
	return Savings{
		StoreQueriesAvoided: a.QueriesAvoided,
		ModelCalls:          a.ModelCalls, ModelCallsFailed: a.ModelCallsFailed, ModelCallsAvoided: a.ModelCallsAvoided,
		Tokens: a.Tokens, TokensAvoided: a.TokensAvoided,
		MoneySpent: a.MoneySpent, MoneySaved: a.MoneySaved, TimeSpent: a.TimeSpent, TimeSaved: a.TimeSaved,
	}
}

// ledger keeps the accounts. One lock guards all of it, so that what it shows
// belongs together: the accounts always add up to the totals. It is held for
// some additions per answer, never while anything is looked up or waited for.
type ledger struct {
	mu       sync.Mutex
	max      int
	accounts map[string]*row
	recent   row                 // ring of the rows, the latest used first
	rest     Account             // of assistants whose rows were given up
	ever     Account             // since the process began; never reset
	unpriced map[string]struct{} // models that were used and have no price
}

// row is an account in the order of use.
type row struct {
	Account
	before, after *row
}

func newLedger(limit int) *ledger {
	l := &ledger{max: limit}
	l.clear()
	return l
}

// clear begins a new period. The caller holds the lock, or is the only one.
func (l *ledger) clear() {
	l.accounts = make(map[string]*row)
	l.recent.before, l.recent.after = &l.recent, &l.recent
	l.rest = Account{AssistantID: Overflow}
	l.unpriced = make(map[string]struct{})
}

// book adds to an assistant's account.
func (l *ledger) book(id string, entry *Account) {
	l.mu.Lock()
	l.account(id).add(entry)
	l.ever.add(entry)
	l.mu.Unlock()
}

// Bounds of the names of models without a price that are kept.
const (
	maxUnpriced  = 50
	maxModelName = 200
)

// noPrice remembers a model that has no price.
func (l *ledger) noPrice(model string) {
	model = cmp.Or(model, "(unnamed)")
	model = strings.ToValidUTF8(model[:min(len(model), maxModelName)], "")
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.unpriced[model]; !ok && len(l.unpriced) < maxUnpriced {
		l.unpriced[model] = struct{}{}
	}
}

// account finds or makes the account of an assistant. Past the most that are
// kept, the one that was not used for the longest time goes into the rest. The
// caller holds the lock.
func (l *ledger) account(id string) *Account {
	r := l.accounts[id]
	switch {
	case r != nil:
		r.before.after, r.after.before = r.after, r.before
	case len(l.accounts) >= l.max:
		r = l.recent.before
		r.before.after, r.after.before = r.after, r.before
		l.rest.add(&r.Account)
		delete(l.accounts, r.AssistantID)
		r.Account = Account{AssistantID: id}
		l.accounts[id] = r
	default:
		r = &row{Account: Account{AssistantID: id}}
		l.accounts[id] = r
	}
	r.before, r.after = &l.recent, l.recent.after
	r.before.after, r.after.before = r, r
	return &r.Account
}

// list copies the accounts, by id, the rest last and only when there is some.
// The caller holds the lock.
func (l *ledger) list() []Account {
	all := make([]Account, 0, len(l.accounts)+1)
	for _, r := range l.accounts {
		all = append(all, r.Account)
	}
	slices.SortFunc(all, byID)
	if l.rest != (Account{AssistantID: Overflow}) {
		all = append(all, l.rest)
	}
	return all
}

// Busiest gives the accounts with the most requests, at most so many, and
// behind them the overflow's, with all others added to it, if there are any.
func Busiest(all []Account, limit int) []Account {
	rest := Account{AssistantID: Overflow}
	busy := make([]Account, 0, len(all))
	for _, a := range all {
		if a.AssistantID == Overflow {
			rest.add(&a)
		} else {
			busy = append(busy, a)
		}
	}
	slices.SortStableFunc(busy, func(a, b Account) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.AssistantID, b.AssistantID))
	})
	for len(busy) > limit {
		rest.add(&busy[len(busy)-1])
		busy = busy[:len(busy)-1]
	}
	if rest != (Account{AssistantID: Overflow}) {
		busy = append(busy, rest)
	}
	return slices.Clip(busy)
}

// byID orders accounts, the overflow last.
func byID(a, b Account) int {
	switch {
	case a.AssistantID == b.AssistantID:
		return 0
	case a.AssistantID == Overflow:
		return 1
	case b.AssistantID == Overflow:
		return -1
	}
	return cmp.Compare(a.AssistantID, b.AssistantID)
}

func (l *ledger) unpricedModels() []string { return slices.Sorted(maps.Keys(l.unpriced)) }
