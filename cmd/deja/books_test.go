package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/price"
	"github.com/dejahq/deja/internal/redistest"
)

// bookkeeper keeps its own books about a load, to compare with the server's.
type bookkeeper struct {
	t   *testing.T
	api *client.Client
	url string

	calls, prompt, completion atomic.Int64 // as the model's server has them
	questions, whole          atomic.Int64 // asked, and the calls that they would take without a cache
	queries                   atomic.Int64 // that they would take without a cache
	requests                  atomic.Int64
	cost, saved               atomic.Int64 // as the answers said, in billionths
}

// answer is the model: it looks into the data where there is some, and reports
// another number of tokens each time.
func (b *bookkeeper) answer(r *llmtest.Request) []llmtest.Step {
	n := b.calls.Add(1)
	u := llmtest.TokenUsage{Prompt: 100 + n%17, Completion: 1 + n%5}
	b.prompt.Add(u.Prompt)
	b.completion.Add(u.Completion)
	if len(r.Tools) > 0 && r.Messages[len(r.Messages)-1].Role != "tool" {
		return []llmtest.Step{llmtest.Call("call_1", "query_data", `{"table":"stock","limit":1}`), llmtest.Usage(u)}
	}
	return []llmtest.Step{llmtest.Text("It ", "is ", "so."), llmtest.Usage(u)}
}

func (b *bookkeeper) billed(a *client.Answer) {
	if a.Bill.Cost == nil || a.Bill.Saved == nil || a.Bill.Currency != "EUR" ||
		// Who joined an answer and took it over when its maker was lost pays for it.
		(*a.Bill.Cost == 0) != a.Outcome.Cached() && a.Outcome != client.Coalesced {
		b.t.Errorf("%s: the bill is %+v", a.Outcome, a.Bill)
		return
	}
	b.cost.Add(int64(math.Round(*a.Bill.Cost * float64(price.Unit))))
	b.saved.Add(int64(math.Round(*a.Bill.Saved * float64(price.Unit))))
}

// assistants of the load, each with another way of caching. The third has no
// data, and takes one call an answer instead of two.
func (b *bookkeeper) assistants() (ids []string) {
	b.t.Helper()
	for i, policy := range []string{"assistant", "off", "thread"} {
		a, err := b.api.CreateAssistant(b.t.Context(), client.AssistantParams{Model: new("priced-model"), Cache: &client.CachePolicy{Policy: policy}})
		if err != nil {
			b.t.Fatal(err)
		}
		ids = append(ids, a.ID)
		b.requests.Add(1)
		if i == 2 {
			break
		}
		if _, err := b.api.UploadSource(b.t.Context(), a.ID, "stock", "stock.csv", strings.NewReader(stock)); err != nil {
			b.t.Fatal(err)
		}
		b.requests.Add(1)
	}
	return ids
}

// ask asks one question, as a stream, and reads all of the answer.
func (b *bookkeeper) ask(id, question string, calls, queries int64, opts ...client.CallOption) {
	b.requests.Add(1)
	b.questions.Add(1)
	b.whole.Add(calls)
	b.queries.Add(queries)
	s, err := b.api.Ask(b.t.Context(), id, question, opts...)
	if err != nil {
		b.t.Error(err)
		return
	}
	a, err := s.Wait()
	if err != nil {
		b.t.Error(err)
		return
	}
	b.billed(a)
}

type exactMoney struct{ MoneySpent, MoneySaved price.Money }

// books gives the server's metrics, once with amounts that are exact, as soon
// as all requests that have been answered are counted: that is a moment after
// the client has the end of the answer.
func (b *bookkeeper) books() (*client.Metrics, exactMoney) {
	b.t.Helper()
	var m *client.Metrics
	eventually(b.t, "all requests are counted, once", func() bool {
		var err error
		if m, err = b.api.Metrics(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
		// Windows are looked at first: one may have been counted in between.
		return int64(m.Summary.TotalRequests) == b.requests.Add(1)-1 && m.Windows["week"].Requests == m.Summary.TotalRequests
	})
	b.requests.Add(1)
	return m, b.money()
}

// money gives the amounts of the savings as they are, and checks that those of
// the accounts add up to them.
func (b *bookkeeper) money() exactMoney {
	b.t.Helper()
	resp, err := http.Get(b.url + "/api/cache/metrics")
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	var exact struct {
		Savings exactMoney
		Ledger  struct{ Assistants []exactMoney }
	}
	if err := json.Unmarshal(body, &exact); err != nil {
		b.t.Fatal(err)
	}
	var sum exactMoney
	for _, a := range exact.Ledger.Assistants {
		sum.MoneySpent += a.MoneySpent
		sum.MoneySaved += a.MoneySaved
	}
	if sum != exact.Savings {
		b.t.Errorf("the accounts add up to %+v, the savings are %+v", sum, exact.Savings)
	}
	return exact.Savings
}

// TestBooks: whatever goes on at once, the server's books agree to the token,
// the billionth and the query with what the model's server counted, with what
// the answers said, and with what all of it would have taken without a cache.
func TestBooks(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]func(*testing.T) []string{
		"memory": func(*testing.T) []string { return nil },
		"redis":  func(t *testing.T) []string { return []string{"--redis-url=" + redistest.Start(t).URL()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testBooks(t, more(t))
		})
	}
}

func testBooks(t *testing.T, more []string) {
	prices := filepath.Join(t.TempDir(), "prices.json")
	// A thousandth for a token that is read, two for one that is said.
	if err := os.WriteFile(prices, []byte(`{"currency": "EUR", "models": [{"model": "priced-*", "prompt": 1000, "completion": 2000}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	model, flags := scriptedModel(t)
	s, api := startNode(t, slices.Concat(flags, more, []string{"--prices=" + prices, "--log-level=warn"})...)
	b := &bookkeeper{t: t, api: api, url: s.url}
	model.OnFunc(llmtest.Any, b.answer)
	ids := b.assistants()
	m, _ := b.books()
	before := m.Savings.StoreQueries + m.Savings.StoreQueriesAvoided

	// What a question takes without a cache: the one to an assistant that has
	// data loads the assistant, its sources, and looks into a table.
	b.ask(ids[0], "First?", 2, 0)
	m, _ = b.books()
	withData := m.Savings.StoreQueries + m.Savings.StoreQueriesAvoided - before
	if withData < 3 {
		t.Fatalf("a question took %d queries", withData)
	}
	b.queries.Store(before + withData)

	var load sync.WaitGroup
	for g := range 8 {
		load.Go(func() {
			for i := range 18 {
				question := fmt.Sprintf("Question %d?", (i*5+g)%9)
				var opts []client.CallOption
				if i%8 == 7 {
					opts = append(opts, client.CacheControl([]string{"no-cache", "no-store"}[g%2]))
				}
				if i%3 < 2 {
					b.ask(ids[i%3], question, 2, withData, opts...)
				} else {
					b.ask(ids[2], question, 1, 1, opts...)
				}
			}
		})
	}
	load.Wait()
	m = b.check()
	if got := m.Savings.StoreQueries + m.Savings.StoreQueriesAvoided; got != b.queries.Load() {
		t.Errorf("%d store queries made and %d avoided are %d; without a cache it were %d", m.Savings.StoreQueries, m.Savings.StoreQueriesAvoided, got, b.queries.Load())
	}

	// Runs on threads.
	for g := range 6 {
		load.Go(func() {
			for i := range 6 {
				thread, err := api.CreateThread(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := api.AddMessage(t.Context(), thread.ID, fmt.Sprintf("Run %d?", (i+g)%4)); err != nil {
					t.Error(err)
					return
				}
				b.requests.Add(3)
				b.questions.Add(1)
				b.whole.Add(map[bool]int64{true: 1, false: 2}[i%3 == 2])
				stream, err := api.Run(t.Context(), thread.ID, ids[i%3])
				if err != nil {
					t.Error(err)
					return
				}
				a, err := stream.Wait()
				if err != nil {
					t.Error(err)
					return
				}
				b.billed(a)
			}
		})
	}
	load.Wait()
	b.check()

	// A reset clears the books, and not those of the day.
	if err := api.ResetMetrics(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := api.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if sums := b.money(); m.Savings.ModelCalls+m.Savings.Tokens+m.Savings.StoreQueriesAvoided != 0 || sums != (exactMoney{}) || len(m.Ledger.Assistants) != 0 {
		t.Errorf("after the reset: %+v", m.Savings)
	}
	days, err := api.Days(t.Context(), 2) // midnight may be in between
	if err != nil {
		t.Fatal(err)
	}
	var calls, tokens int64
	for _, d := range days {
		calls += d.ModelCalls
		tokens += d.Tokens
	}
	if calls != b.calls.Load() || tokens != b.prompt.Load()+b.completion.Load() {
		t.Errorf("the days have %d calls and %d tokens; it were %d and %d", calls, tokens, b.calls.Load(), b.prompt.Load()+b.completion.Load())
	}
}

// check compares the books.
func (b *bookkeeper) check() *client.Metrics {
	t := b.t
	t.Helper()
	m, money := b.books()
	v := m.Savings
	if v.ModelCalls != b.calls.Load() || v.ModelCallsFailed != 0 {
		t.Errorf("%d calls are booked (%d failed), the model's server had %d", v.ModelCalls, v.ModelCallsFailed, b.calls.Load())
	}
	if got := v.ModelCalls + v.ModelCallsAvoided; got != b.whole.Load() {
		t.Errorf("%d calls made and %d avoided are %d; without a cache it were %d", v.ModelCalls, v.ModelCallsAvoided, got, b.whole.Load())
	}
	prompt, completion := b.prompt.Load(), b.completion.Load()
	var accounts client.Account
	for _, a := range m.Ledger.Assistants {
		accounts.Requests += a.Requests
		accounts.ModelCalls += a.ModelCalls
		accounts.ModelCallsAvoided += a.ModelCallsAvoided
		accounts.PromptTokens += a.PromptTokens
		accounts.CompletionTokens += a.CompletionTokens
		accounts.TokensAvoided += a.TokensAvoided
	}
	want := client.Account{
		Requests: b.questions.Load(), ModelCalls: v.ModelCalls, ModelCallsAvoided: v.ModelCallsAvoided,
		PromptTokens: prompt, CompletionTokens: completion, TokensAvoided: v.TokensAvoided,
	}
	if accounts != want || v.Tokens != prompt+completion {
		t.Errorf("the accounts are %+v, want %+v; %d tokens", accounts, want, v.Tokens)
	}
	if spent := price.Money(prompt+2*completion) * price.Unit / 1000; money.MoneySpent != spent || b.cost.Load() != int64(spent) {
		t.Errorf("%s is booked as spent, the answers said %s, the tokens cost %s", money.MoneySpent, price.Money(b.cost.Load()), spent)
	}
	if b.saved.Load() != int64(money.MoneySaved) {
		t.Errorf("%s is booked as saved, the answers said %s", money.MoneySaved, price.Money(b.saved.Load()))
	}
	var queries, calls int64
	for _, l := range m.Ledger.Layers {
		queries += int64(l.QueriesAvoided)
		calls += l.ModelCallsAvoided
	}
	if queries != v.StoreQueriesAvoided || calls != v.ModelCallsAvoided || len(m.Ledger.Layers) != 4 {
		t.Errorf("the layers avoided %d queries and %d calls; in all it were %d and %d", queries, calls, v.StoreQueriesAvoided, v.ModelCallsAvoided)
	}
	if w := m.Windows["week"]; w.Hits != m.Summary.CacheHits || w.Misses != m.Summary.CacheMisses {
		t.Errorf("the week has %+v, in all it were %+v", w, m.Summary)
	}
	return m
}
