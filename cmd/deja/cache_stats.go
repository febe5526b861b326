package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dejahq/deja/client"
)

// cacheStatsCmd shows what the server has counted.
type cacheStatsCmd struct {
	Reset bool `help:"Set all counters to zero afterwards."`
}

// Run asks the server.
func (s *cacheStatsCmd) Run(ctx context.Context, c *cacheCmd, t terminal) error {
	api, ctx, cancel, err := c.api(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	m, err := api.Metrics(ctx)
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		err = printJSON(t.stdout, m)
	} else {
		err = printMetrics(t.stdout, m)
	}
	if err == nil && s.Reset {
		err = c.explain(api.ResetMetrics(ctx))
	}
	return err
}

func printMetrics(out io.Writer, m *client.Metrics) error {
	s, v := m.Summary, m.Savings
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "since\t%s (%s)\n", s.Since.Local().Format(time.DateTime), m.Timestamp.Sub(s.Since).Round(time.Second))
	fmt.Fprintf(w, "requests\t%d: %d hits, %d misses, %d without a part for the cache\n", s.TotalRequests, s.CacheHits, s.CacheMisses, s.Uncached)
	fmt.Fprintf(w, "hit rate\t%.1f %%\n", s.OverallHitRate)
	fmt.Fprintf(w, "time\tp50 %.2f ms, p95 %.2f ms, p99 %.2f ms%s\n", s.P50, s.P95, s.P99, averages(s))
	fmt.Fprintf(w, "queries\t%d made, %d avoided (%.1f %%)\n", v.StoreQueries, v.StoreQueriesAvoided, v.QueryReduction)
	fmt.Fprintf(w, "model calls\t%d made, %d avoided\n", v.ModelCalls, v.ModelCallsAvoided)
	fmt.Fprintf(w, "tokens\t%d used, %d avoided\n", v.Tokens, v.TokensAvoided)
	fmt.Fprintf(w, "money\t%s %s spent, %s saved%s\n", money(v.MoneySpent), v.Currency, money(v.MoneySaved), unpriced(v.UnpricedModels))
	fmt.Fprintf(w, "waiting\t%s for answers, %s saved\n", milliseconds(v.TimeSpent), milliseconds(v.TimeSaved))
	if err := w.Flush(); err != nil {
		return err
	}

	fmt.Fprintln(w, "\nlayer\thits\tmisses\thit rate\tmemory\tredis\tshared\tload ms\tentries\tsize")
	for _, l := range m.Layers {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.1f %%\t%d\t%d\t%d\t%.2f\t%d\t%s\n", l.Name, l.Hits, l.Misses, l.HitRate,
			l.MemoryHits, l.RedisHits, l.Shared, l.AvgLoadTime, l.MemoryItems, size(l.MemoryBytes))
	}
	if err := w.Flush(); err != nil {
		return err
	}

	if err := printAccounts(w, m.Ledger); err != nil {
		return err
	}

	fmt.Fprintln(w, "\nendpoint\trequests\thits\tmisses\thit rate\tavg ms\tp95 ms")
	busiest := func(a, b string) int {
		return cmp.Or(cmp.Compare(m.Performance[b].TotalRequests, m.Performance[a].TotalRequests), cmp.Compare(a, b))
	}
	for _, name := range slices.SortedFunc(maps.Keys(m.Performance), busiest) {
		p := m.Performance[name]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.1f %%\t%.2f\t%.2f\n", name, p.TotalRequests, p.CacheHits, p.CacheMisses, p.HitRate, p.AvgResponseTime, p.P95)
	}
	return w.Flush()
}

// printAccounts shows whom the spending and the savings belong to.
func printAccounts(w *tabwriter.Writer, l client.Ledger) error {
	if len(l.Assistants) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\nassistant\tquestions\tmodel calls\tavoided\ttokens\tavoided\t%s spent\tsaved\ttime saved\n", l.Currency)
	for _, a := range l.Assistants {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", a.AssistantID, a.Requests, a.ModelCalls, a.ModelCallsAvoided,
			a.PromptTokens+a.CompletionTokens, a.TokensAvoided, money(a.MoneySpent), money(a.MoneySaved), milliseconds(a.TimeSaved))
	}
	return w.Flush()
}

// unpriced names the models whose money is missing.
func unpriced(models []string) string {
	if len(models) == 0 {
		return ""
	}
	return "; without what has no price: " + strings.Join(models, ", ")
}

func milliseconds(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	if d >= time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// averages compares hits with misses, as far as there were any.
func averages(s client.MetricsSummary) string {
	var text string
	if s.CacheHits > 0 {
		text += fmt.Sprintf("; a hit %.2f ms on average", s.AvgHitTime)
	}
	if s.CacheMisses > 0 {
		text += fmt.Sprintf("; a miss %.2f ms on average", s.AvgMissTime)
	}
	return text
}
