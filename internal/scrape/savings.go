package scrape

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/price"
)

// savings shows what was spent and saved since the process began.
type savings struct {
	monitor *monitor.Monitor
	plain   []plain
	tokens  [2]*prometheus.Desc // used, avoided
	money   [2]*prometheus.Desc // spent, saved
	queries *prometheus.Desc
}

// plain is a number without labels.
type plain struct {
	desc *prometheus.Desc
	of   func(*monitor.Totals) float64
}

func newSavings(m *monitor.Monitor) *savings {
	s := &savings{
		monitor: m,
		tokens: [2]*prometheus.Desc{
			prometheus.NewDesc("deja_tokens_total", "Tokens that models took and gave.", []string{"kind"}, nil),
			prometheus.NewDesc("deja_tokens_avoided_total", "Tokens of answers that were given without asking a model.", []string{"kind"}, nil),
		},
		money: [2]*prometheus.Desc{
			prometheus.NewDesc("deja_money_spent_total", "What calls of models cost, as far as their prices are known.", []string{"currency"}, nil),
			prometheus.NewDesc("deja_money_saved_total", "What calls would have cost that were not made, at today's prices.", []string{"currency"}, nil),
		},
		queries: prometheus.NewDesc("deja_store_queries_total", "Queries to the store; those that serve a write count as writes.", []string{"kind"}, nil),
	}
	add := func(name, help string, of func(*monitor.Totals) float64) {
		s.plain = append(s.plain, plain{prometheus.NewDesc(name, help, nil, nil), of})
	}
	add("deja_store_queries_avoided_total", "Store queries that the cache made unnecessary.",
		func(t *monitor.Totals) float64 { return float64(t.StoreQueriesAvoided) })
	add("deja_model_calls_total", "Calls of models that were answered.",
		func(t *monitor.Totals) float64 { return float64(t.ModelCalls) })
	add("deja_model_calls_failed_total", "Calls of models that brought no whole answer.",
		func(t *monitor.Totals) float64 { return float64(t.ModelCallsFailed) })
	add("deja_model_calls_avoided_total", "Calls of models that were not made because the answer was there.",
		func(t *monitor.Totals) float64 { return float64(t.ModelCallsAvoided) })
	add("deja_answer_time_spent_seconds_total", "Time that making answers took.",
		func(t *monitor.Totals) float64 { return t.TimeSpent.Seconds() })
	add("deja_answer_time_saved_seconds_total", "Time that clients did not wait because answers were there.",
		func(t *monitor.Totals) float64 { return t.TimeSaved.Seconds() })
	return s
}

// Describe implements prometheus.Collector.
func (s *savings) Describe(out chan<- *prometheus.Desc) {
	for _, p := range s.plain {
		out <- p.desc
	}
	for _, d := range []*prometheus.Desc{s.tokens[0], s.tokens[1], s.money[0], s.money[1], s.queries} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s *savings) Collect(out chan<- prometheus.Metric) {
	t := s.monitor.Totals()
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	for _, p := range s.plain {
		count(p.desc, p.of(&t))
	}
	count(s.tokens[0], float64(t.Tokens.PromptTokens), "prompt")
	count(s.tokens[0], float64(t.Tokens.CompletionTokens), "completion")
	count(s.tokens[1], float64(t.TokensAvoided.PromptTokens), "prompt")
	count(s.tokens[1], float64(t.TokensAvoided.CompletionTokens), "completion")
	currency := s.monitor.Currency()
	count(s.money[0], float64(t.MoneySpent)/float64(price.Unit), currency)
	count(s.money[1], float64(t.MoneySaved)/float64(price.Unit), currency)
	count(s.queries, float64(t.StoreReads), "read")
	count(s.queries, float64(t.StoreWrites), "write")
}
