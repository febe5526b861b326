package client_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

func wantStatus(t *testing.T, err error, status int) {
	t.Helper()
	refused, ok := errors.AsType[*client.Error](err)
	if !ok || refused.Status != status || refused.Message == "" || refused.RequestID == "" {
		t.Errorf("the error is %#v, want one of status %d", err, status)
	}
}

func TestAssistants(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	ctx := t.Context()
	a, err := c.CreateAssistant(ctx, client.AssistantParams{
		Model: new("gpt-x"), Name: new("Ann"), Description: new("d"), Instructions: new("i"), Temperature: new(0.5),
		Metadata: map[string]string{"k": "v"}, Cache: &client.CachePolicy{Policy: "assistant"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if a.Name != "Ann" || a.Model != "gpt-x" || a.Description != "d" || a.Instructions != "i" || *a.Temperature != 0.5 ||
		a.Metadata["k"] != "v" || a.Cache.Policy != "assistant" || a.CreatedAt == 0 || a.Object != "assistant" {
		t.Errorf("%+v", a)
	}
	got, err := c.Assistant(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, got); d != "" {
		t.Error(d)
	}
	if got, err = c.ModifyAssistant(ctx, a.ID, client.AssistantParams{Name: new("Bob")}); err != nil || got.Name != "Bob" || got.Instructions != "i" {
		t.Errorf("%+v, %v", got, err)
	}
	b, err := c.CreateAssistant(ctx, client.AssistantParams{Model: new("gpt-x")})
	if err != nil || b.Name != "" || b.Temperature != nil && *b.Temperature != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	var ids []string
	for a, err := range c.Assistants(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.ID)
	}
	slices.Sort(ids)
	want := []string{a.ID, b.ID}
	slices.Sort(want)
	if d := cmp.Diff(want, ids); d != "" {
		t.Error(d)
	}
	if err := c.DeleteAssistant(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	_, err = c.Assistant(ctx, a.ID)
	wantStatus(t, err, 404)
	_, err = c.CreateAssistant(ctx, client.AssistantParams{})
	wantStatus(t, err, 400)
}

func TestSources(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	ctx := t.Context()
	a, err := c.CreateAssistant(ctx, client.AssistantParams{Model: new("gpt-x")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.UploadSource(ctx, a.ID, "Stores", "stores.csv", strings.NewReader("city,staff\nOslo,12\nBergen,3\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "Stores" || s.Filename != "stores.csv" || s.Format != "csv" || s.Bytes == 0 || s.AssistantID != a.ID || len(s.Tables) != 1 {
		t.Errorf("%+v", s)
	}
	got, err := c.Source(ctx, a.ID, s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, got); d != "" {
		t.Error(d)
	}
	n := 0
	for one, err := range c.Sources(ctx, a.ID) {
		if n++; err != nil || one.ID != s.ID {
			t.Errorf("%+v, %v", one, err)
		}
	}
	schema, _, err := c.Schema(ctx, a.ID)
	if err != nil || n != 1 || schema.AssistantID != a.ID || schema.Version == 0 {
		t.Fatalf("%+v, %d sources, %v", schema, n, err)
	}
	table := schema.Tables[0]
	if table.RowCount != 2 || table.SourceID != s.ID || len(table.Columns) != 2 {
		t.Errorf("%+v", table)
	}
	if col := table.Columns[1]; col.Name != "staff" || col.Type != "integer" || col.Nullable || col.Min != 3. || col.Max != 12. || col.Distinct != 2 || len(col.Examples) == 0 {
		t.Errorf("%+v", col)
	}
	// The second look is served from the cache, and says so.
	_, info, err := c.Schema(ctx, a.ID)
	if err != nil || info.Outcome != client.Hit || len(info.Timing) == 0 || !info.Timing[len(info.Timing)-1].Hit() || info.RequestID == "" {
		t.Errorf("%+v, %v", info, err)
	}
	_, err = c.UploadSource(ctx, a.ID, "Stores", "stores.csv", strings.NewReader("a\n1\n"))
	wantStatus(t, err, 409)
	_, err = c.UploadSource(ctx, a.ID, "", "image.gif", strings.NewReader("GIF89a"))
	if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Status/100 != 4 {
		t.Errorf("an image is taken for data: %v", err)
	}
	if err := c.DeleteSource(ctx, a.ID, s.ID); err != nil {
		t.Fatal(err)
	}
	if schema, _, err = c.Schema(ctx, a.ID); err != nil || len(schema.Tables) != 0 {
		t.Errorf("%+v, %v", schema, err)
	}
}

func TestThreads(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	ctx := t.Context()
	th, err := c.CreateThread(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const count = 103 // more than a page
	for i := range count {
		m, err := c.AddMessage(ctx, th.ID, strings.Repeat("x", i+1))
		if err != nil || m.Role != "user" || m.ThreadID != th.ID || len(m.Text()) != i+1 {
			t.Fatalf("%+v, %v", m, err)
		}
	}
	n := 0
	for m, err := range c.Messages(ctx, th.ID) {
		if n++; err != nil || len(m.Text()) != n {
			t.Fatalf("message %d: %d characters, %v", n, len(m.Text()), err)
		}
	}
	if n != count {
		t.Errorf("%d messages", n)
	}
	if got, err := c.Thread(ctx, th.ID); err != nil || got.ID != th.ID || got.CreatedAt == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := c.DeleteThread(ctx, th.ID); err != nil {
		t.Error(err)
	}
	_, err = c.Thread(ctx, th.ID)
	wantStatus(t, err, 404)
	for _, err := range c.Messages(ctx, th.ID) {
		wantStatus(t, err, 404)
	}
}

// The path of a question, live and from the cache, both ways to ask.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	s.model.On(llmtest.Any, llmtest.Text("Twelve ", "stores."), llmtest.Usage(llmtest.TokenUsage{Prompt: 9, Completion: 2}))
	ctx := t.Context()
	a, err := c.CreateAssistant(ctx, client.AssistantParams{Model: new("gpt-x"), Cache: &client.CachePolicy{Policy: "assistant"}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(opts ...client.CallOption) *client.Answer {
		t.Helper()
		stream, err := c.Ask(ctx, a.ID, "How many?", opts...)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Wait()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	run := func() *client.Answer {
		t.Helper()
		th, err := c.CreateThread(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.AddMessage(ctx, th.ID, "How many there?"); err != nil {
			t.Fatal(err)
		}
		stream, err := c.Run(ctx, th.ID, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(answer.RunID, "run_") || answer.RunStatus != "completed" || !strings.HasPrefix(answer.MessageID, "msg_") {
			t.Errorf("%+v", answer)
		}
		return answer
	}
	for name, turn := range map[string]func() *client.Answer{"ask": func() *client.Answer { return ask() }, "run": run} {
		first, second := turn(), turn()
		if first.Outcome != client.Miss || second.Outcome != client.Hit || second.Key == "" {
			t.Errorf("%s: %+v, then %+v", name, first.Info, second.Info)
		}
		for _, answer := range []*client.Answer{first, second} {
			if answer.Text != "Twelve stores." || answer.Usage.TotalTokens != 11 || answer.RequestID == "" || len(answer.Timing) == 0 {
				t.Errorf("%s: %+v", name, answer)
			}
		}
	}
	if calls := s.model.Calls(); calls != 2 {
		t.Errorf("%d model calls for two questions", calls)
	}
	if fresh := ask(client.CacheControl("no-cache")); fresh.Outcome != client.Refresh {
		t.Errorf("%+v", fresh.Info)
	}
	if _, err := c.Ask(ctx, a.ID, "Something new", client.CacheControl("only-if-cached")); err == nil {
		t.Error("an answer that isn't cached came from the cache")
	} else {
		wantStatus(t, err, 504)
	}
	longer := ask(client.History(client.ChatMessage{Role: "user", Content: "Hi"}, client.ChatMessage{Role: "assistant", Content: "Hello"}))
	if longer.Outcome != client.Miss {
		t.Errorf("another conversation got the same answer: %+v", longer.Info)
	}

	m, err := c.Metrics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if v := m.Savings; v.ModelCalls != 4 || v.ModelCallsAvoided != 2 || v.Tokens != 44 || v.TokensAvoided != 22 || v.StoreQueriesAvoided == 0 {
		t.Errorf("%+v", v)
	}
	if p := m.Performance["POST /v1/chat/completions"]; p.CacheHits != 1 || p.CacheMisses != 4 {
		t.Errorf("%+v", p)
	}
	if p := m.Performance["POST /v1/threads/{thread_id}/runs"]; p.CacheHits != 1 || p.CacheMisses != 1 {
		t.Errorf("%+v", p)
	}
}

// What the model's server fails with arrives as an error, before or in the
// midst of the answer.
func TestFailedAnswers(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	s.model.On(llmtest.Asked("early"), llmtest.Status(500, "no"))
	s.model.On(llmtest.Asked("late"), llmtest.Text("half"), llmtest.Cut())
	ctx := t.Context()
	a, err := c.CreateAssistant(ctx, client.AssistantParams{Model: new("gpt-x")})
	if err != nil {
		t.Fatal(err)
	}
	for _, question := range []string{"early", "late"} {
		stream, err := c.Ask(ctx, a.ID, question)
		if err == nil {
			_, err = stream.Wait()
		}
		if refused, ok := errors.AsType[*client.Error](err); !ok || refused.RequestID == "" {
			t.Errorf("Ask, %s: %v", question, err)
		}
		th, err := c.CreateThread(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.AddMessage(ctx, th.ID, question); err != nil {
			t.Fatal(err)
		}
		stream, err = c.Run(ctx, th.ID, a.ID)
		if err == nil {
			_, err = stream.Wait()
		}
		if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Code == "" {
			t.Errorf("Run, %s: %v", question, err)
		}
	}
}

// A reader that leaves ends its own stream; the server is none the worse.
func TestReadersLeave(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	gate := make(chan struct{})
	s.model.On(llmtest.Any, llmtest.Text("a"), llmtest.Gate(gate), llmtest.Text("b"))
	a, err := c.CreateAssistant(t.Context(), client.AssistantParams{Model: new("gpt-x")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := c.Ask(ctx, a.ID, "?")
	if err != nil {
		t.Fatal(err)
	}
	for ev, err := range stream.Events() {
		if err == nil && ev.Text == "a" {
			cancel()
			continue
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	close(gate)
	if h, err := c.Health(t.Context()); err != nil || h.Status != client.StatusHealthy {
		t.Errorf("%+v, %v", h, err)
	}
}
