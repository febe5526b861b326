package monitor

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/price"
)

// priced is a book in which a token of m costs two thousandths when it is
// said, one when it is read, and half of one when it was cached.
func priced() *price.Book {
	return price.Fixed(price.New("EUR", price.Model{Name: "m*", Prompt: 1000e6, Cached: 500e6, Completion: 2000e6}))
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	m := New(Options{Prices: priced()})
	call := Call{AssistantID: "a", Model: "m-1", Usage: deja.Usage{PromptTokens: 100, CachedTokens: 40, CompletionTokens: 10}}
	m.Asked("a")
	if cost, ok := m.ModelCall(call); !ok || cost.String() != "0.1" {
		t.Errorf("the call cost %s, %v", cost, ok)
	}
	m.AnswerMade("a", 3*time.Second)
	m.Asked("a")
	if saved, ok := m.ModelCallAvoided(Avoided{Call: call, Calls: 2, Queries: 5, Took: 3 * time.Second, Waited: time.Second, Coalesced: true}); !ok || saved.String() != "0.1" {
		t.Errorf("the hit saved %s, %v", saved, ok)
	}
	// Who waits longer than it took has saved no time, and lost none either.
	m.ModelCallAvoided(Avoided{Call: call, Calls: 1, Took: time.Second, Waited: time.Minute, Similar: true})
	m.ModelCallFailed("b")
	// A model without a price is named, and costs nothing that is known.
	m.Asked("b")
	if cost, ok := m.ModelCall(Call{AssistantID: "b", Model: "x", Usage: call.Usage}); ok || cost != 0 {
		t.Errorf("a model without a price cost %s", cost)
	}
	// A model is also known by the name that it was asked for.
	m.ModelCall(Call{AssistantID: "b", Model: "deployment-7", Asked: "m", Usage: deja.Usage{PromptTokens: 1}})

	s := m.Snapshot()
	want := []Account{
		{
			AssistantID: "a", Requests: 2, ModelCalls: 1, ModelCallsAvoided: 3, Tokens: call.Usage,
			TokensAvoided:  deja.Usage{PromptTokens: 200, CachedTokens: 80, CompletionTokens: 20},
			QueriesAvoided: 5, MoneySpent: price.Unit / 10, MoneySaved: price.Unit / 5,
			TimeSpent: 3 * time.Second, TimeSaved: 2 * time.Second, Similar: 1, Coalesced: 1,
		},
		{
			AssistantID: "b", Requests: 1, ModelCalls: 2, ModelCallsFailed: 1, MoneySpent: price.Unit / 1000,
			Tokens: deja.Usage{PromptTokens: 101, CachedTokens: 40, CompletionTokens: 10},
		},
	}
	if d := cmp.Diff(want, s.Accounts); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"x"}, s.Unpriced); d != "" || s.Currency != "EUR" {
		t.Error(d, s.Currency)
	}
	if s.Savings.MoneySpent.String() != "0.101" || s.Savings.MoneySaved.String() != "0.2" || s.Savings.StoreQueriesAvoided != 5 || s.Savings.ModelCallsFailed != 1 {
		t.Errorf("%+v", s.Savings)
	}
	if price, ok := m.Price(call); !ok || price.String() != "0.1" || m.Currency() != "EUR" {
		t.Errorf("%s, %v", price, ok)
	}
}

// What servers report is added up as far as it can be true.
func TestMadTokenCounts(t *testing.T) {
	t.Parallel()
	m := New(Options{})
	for _, n := range []int64{1 << 62, -1 << 62, 7} {
		m.ModelCall(Call{Usage: deja.Usage{PromptTokens: n, CompletionTokens: n}})
		m.ModelCallAvoided(Avoided{Call: Call{Usage: deja.Usage{PromptTokens: n}}})
	}
	if s := m.Snapshot().Savings; s.Tokens.Total() != 2*(maxTokens+7) || s.TokensAvoided.Total() != maxTokens+7 {
		t.Errorf("%+v", s)
	}
}

// Past the most accounts, the one that was not used for the longest time goes
// into the rest, with all that it had.
func TestAccountsAreBounded(t *testing.T) {
	t.Parallel()
	m := New(Options{MaxAccounts: 3})
	for _, id := range []string{"a", "b", "c", "a", "d", "c", "e", "f"} {
		m.Asked(id)
	}
	got := make(map[string]int64)
	for _, a := range m.Snapshot().Accounts {
		got[a.AssistantID] = a.Requests
	}
	// d came for b, e for a, f for d.
	if d := cmp.Diff(map[string]int64{"c": 2, "e": 1, "f": 1, Overflow: 4}, got); d != "" {
		t.Error(d)
	}
	if last := m.Snapshot().Accounts[3]; last.AssistantID != Overflow {
		t.Errorf("the last account is %s's", last.AssistantID)
	}
}

// Whatever goes on at once, and however many accounts are given up: nothing
// is lost, and each look at the accounts adds up.
func TestAccountsAddUp(t *testing.T) {
	t.Parallel()
	m := New(Options{MaxAccounts: 10, Prices: priced()})
	const routines, each = 8, 1000
	var wg sync.WaitGroup
	for g := range routines {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 1))
			for range each {
				c := Call{AssistantID: fmt.Sprint("a", random.IntN(40)), Model: "m", Usage: deja.Usage{PromptTokens: 3, CompletionTokens: 1}}
				m.Asked(c.AssistantID)
				m.ModelCall(c)
				m.ModelCallAvoided(Avoided{Call: c, Calls: 1, Took: 2, Waited: 1})
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		s := m.Snapshot()
		var sum Account
		for _, a := range s.Accounts {
			sum.Add(a)
		}
		if sum != s.Answers || sum.MoneySpent != price.Money(sum.ModelCalls)*price.Unit/200 || sum.Tokens.PromptTokens != 3*sum.ModelCalls {
			t.Fatalf("the accounts are %+v, and all of them %+v", sum, s.Answers)
		}
		if len(s.Accounts) > 11 {
			t.Fatalf("%d accounts", len(s.Accounts))
		}
	}
	const n = routines * each
	want := Account{
		Requests: n, ModelCalls: n, ModelCallsAvoided: n, Tokens: deja.Usage{PromptTokens: 3 * n, CompletionTokens: n},
		TokensAvoided: deja.Usage{PromptTokens: 3 * n, CompletionTokens: n},
		MoneySpent:    n * price.Unit / 200, MoneySaved: n * price.Unit / 200, TimeSaved: n,
	}
	if d := cmp.Diff(want, m.Snapshot().Answers); d != "" {
		t.Error(d)
	}
}

// A reset is one step: no look at the counters finds a part of them cleared.
// The totals go on.
func TestResetIsOneStep(t *testing.T) {
	t.Parallel()
	m := New(Options{Prices: priced()})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			m.ModelCall(Call{AssistantID: fmt.Sprint("a", i%3), Model: "m", Usage: deja.Usage{PromptTokens: 1}})
		}
	})
	var calls int64
	for range 200 {
		m.Reset()
		s := m.Snapshot()
		if s.Answers.MoneySpent != price.Money(s.Answers.ModelCalls)*price.Unit/1000 || s.Answers.ModelCalls != s.Answers.Tokens.PromptTokens {
			t.Errorf("%+v", s.Answers)
		}
		total := m.Totals()
		if total.ModelCalls < calls || total.ModelCalls < s.Answers.ModelCalls {
			t.Errorf("the totals fell from %d to %d calls", calls, total.ModelCalls)
		}
		calls = total.ModelCalls
	}
	close(stop)
	wg.Wait()
	before := m.Totals()
	m.Reset()
	s := m.Snapshot()
	if len(s.Accounts) != 0 || s.Savings != (Savings{}) || s.Unpriced != nil || m.Totals() != before {
		t.Errorf("after the reset: %+v; totals %+v, were %+v", s.Savings, m.Totals(), before)
	}
}

func TestUnpricedNamesAreBounded(t *testing.T) {
	t.Parallel()
	m := New(Options{})
	for i := range 1000 {
		m.ModelCall(Call{Model: fmt.Sprintf("%d%0300d", i, 0)})
	}
	m.ModelCall(Call{})
	s := m.Snapshot()
	if len(s.Unpriced) != maxUnpriced || len(s.Unpriced[0]) != 200 {
		t.Errorf("%d names, the first of %d bytes", len(s.Unpriced), len(s.Unpriced[0]))
	}
}

// A snapshot goes through JSON and stays the same.
func TestSnapshotAsJSON(t *testing.T) {
	t.Parallel()
	m := New(Options{Prices: priced(), Layers: engine().stats, Now: func() time.Time { return time.Unix(1e9, 0).UTC() }})
	busy(m, 1)
	s := m.Snapshot()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Snapshot
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, back, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}
