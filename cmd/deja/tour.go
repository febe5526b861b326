package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/demodata"
)

// tour makes the sample assistants through the API, as a customer would, and
// asks them the same questions again and again, each on a new thread.
type tour struct {
	api    *client.Client
	rounds int
	out    io.Writer

	firstID, firstQuestion string
	counted                client.Savings // when take looked last
	summary                tourSummary
	fresh, repeated        []time.Duration
}

// tourSummary is what --json prints. Store queries are those that read; what
// a write costs is the same with and without a cache.
type tourSummary struct {
	Questions           int     `json:"questions"`
	Repeats             int     `json:"repeats"`
	StoreQueries        int64   `json:"store_queries"`
	StoreQueriesAvoided int64   `json:"store_queries_avoided"`
	ModelCalls          int64   `json:"model_calls"`
	ModelCallsAvoided   int64   `json:"model_calls_avoided"`
	HitRate             float64 `json:"hit_rate"` // of the repeats, 0 to 100: answered without a model call
}

func (t *tour) greet(srv *server) {
	redis := "no Redis (set REDIS_URL to share the cache between nodes)"
	if srv.node.engine.Health(context.Background()).Connected {
		redis = "Redis"
	}
	fmt.Fprintf(t.out, "store: %s   cache: memory, %s   model: %s\n", srv.node.store.Name(), redis, srv.node.models.Name())
}

func (t *tour) walk(ctx context.Context) error {
	for _, sample := range demodata.Assistants() {
		id, err := t.create(ctx, sample)
		if err != nil {
			return fmt.Errorf("%s: %w", sample.Name, err)
		}
		if t.firstID == "" {
			t.firstID, t.firstQuestion = id, sample.Questions[0]
		}
		for round := range t.rounds {
			for _, q := range sample.Questions {
				if err := t.ask(ctx, id, q, round > 0); err != nil {
					return fmt.Errorf("%s: %q: %w", sample.Name, q, err)
				}
			}
		}
	}
	return nil
}

func (t *tour) create(ctx context.Context, sample demodata.Assistant) (string, error) {
	a, err := t.api.CreateAssistant(ctx, client.AssistantParams{
		Model: new("deja-local"), Name: &sample.Name, Instructions: &sample.Instructions,
		Cache: &client.CachePolicy{Policy: "assistant"},
	})
	if err != nil {
		return "", err
	}
	var files []string
	for _, f := range sample.Files {
		if _, err := t.api.UploadSource(ctx, a.ID, "", f.Name, bytes.NewReader(f.Data)); err != nil {
			return "", fmt.Errorf("%s: %w", f.Name, err)
		}
		files = append(files, f.Name)
	}
	// Creating it cost queries too; the tour is about asking.
	if _, err := t.take(ctx); err != nil {
		return "", err
	}
	fmt.Fprintf(t.out, "\n%s (%s; %s)\n", sample.Name, a.ID, strings.Join(files, ", "))
	return a.ID, nil
}

// ask puts a question on a thread of its own and shows what it took.
func (t *tour) ask(ctx context.Context, id, question string, repeat bool) error {
	thread, err := t.api.CreateThread(ctx)
	if err != nil {
		return err
	}
	if _, err := t.api.AddMessage(ctx, thread.ID, question); err != nil {
		return err
	}
	began := time.Now()
	stream, err := t.api.Run(ctx, thread.ID, id)
	if err != nil {
		return err
	}
	answer, err := stream.Wait()
	if err != nil {
		return err
	}
	took := time.Since(began)
	cost, err := t.take(ctx)
	if err != nil {
		return err
	}
	t.summary.StoreQueries += cost.StoreQueries
	t.summary.StoreQueriesAvoided += cost.StoreQueriesAvoided
	t.summary.ModelCalls += cost.ModelCalls
	t.summary.ModelCallsAvoided += cost.ModelCallsAvoided
	if repeat {
		t.summary.Repeats++
		if cost.ModelCalls == 0 {
			t.summary.HitRate++ // a count until conclude
		}
		t.repeated = append(t.repeated, took)
	} else {
		t.summary.Questions++
		t.fresh = append(t.fresh, took)
		fmt.Fprintf(t.out, "  Q: %s\n  A: %s\n", question, oneLine(answer.Text))
	}
	again := ""
	if repeat {
		again = "  " + question
	}
	fmt.Fprintf(t.out, "     %-9s %7s  queries %d, avoided %d; model calls %d, avoided %d  [%s]%s\n",
		answer.Outcome, took.Round(10*time.Microsecond), cost.StoreQueries, cost.StoreQueriesAvoided,
		cost.ModelCalls, cost.ModelCallsAvoided, spans(answer.Timing), again)
	return nil
}

// take gives what was counted since the last time. The counters go on: who
// opens the page after the tour sees what it saved.
func (t *tour) take(ctx context.Context) (client.Savings, error) {
	m, err := t.api.Metrics(ctx)
	if err != nil {
		return client.Savings{}, err
	}
	before := t.counted
	t.counted = m.Savings
	return client.Savings{
		StoreQueries:        t.counted.StoreQueries - before.StoreQueries,
		StoreQueriesAvoided: t.counted.StoreQueriesAvoided - before.StoreQueriesAvoided,
		ModelCalls:          t.counted.ModelCalls - before.ModelCalls,
		ModelCallsAvoided:   t.counted.ModelCallsAvoided - before.ModelCallsAvoided,
	}, nil
}

func (t *tour) conclude() {
	s := &t.summary
	if s.Repeats > 0 {
		s.HitRate = 100 * s.HitRate / float64(s.Repeats)
	}
	fmt.Fprintf(t.out, `
%d questions, asked %d times more: %.0f %% of the repeats without a model call.
store queries: %d made, %d avoided (%.1f %%)   model calls: %d made, %d avoided
time to the whole answer, median: %s at first, %s repeated
`, s.Questions, s.Repeats, s.HitRate, s.StoreQueries, s.StoreQueriesAvoided,
		share(s.StoreQueriesAvoided, s.StoreQueries), s.ModelCalls, s.ModelCallsAvoided,
		median(t.fresh).Round(10*time.Microsecond), median(t.repeated).Round(10*time.Microsecond))
}

// share is how much of both the avoided ones are, in percent.
func share(avoided, made int64) float64 {
	if avoided+made == 0 {
		return 0
	}
	return 100 * float64(avoided) / float64(avoided+made)
}

func spans(timing []client.Span) string {
	var b strings.Builder
	for i, s := range timing {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", s.Name, s.Description)
	}
	return b.String()
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 160 {
		s = string(r[:159]) + "…"
	}
	return s
}

func median(ds []time.Duration) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	slices.Sort(ds)
	return ds[len(ds)/2]
}
