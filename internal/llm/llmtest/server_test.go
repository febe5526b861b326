package llmtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/dejahq/deja/internal/llm/llmtest"
)

func newClient(s *llmtest.Server, opts ...option.RequestOption) openai.Client {
	return openai.NewClient(append([]option.RequestOption{
		option.WithBaseURL(s.URL), option.WithAPIKey("k"), option.WithMaxRetries(0), option.WithHTTPClient(s.HTTPClient()),
	}, opts...)...)
}

func question(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    "gpt-test",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

// stream reads a streamed answer with the official client.
func stream(t *testing.T, c openai.Client, p openai.ChatCompletionNewParams) (openai.ChatCompletionAccumulator, int, error) {
	t.Helper()
	p.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	s := c.Chat.Completions.NewStreaming(t.Context(), p)
	defer s.Close()
	var acc openai.ChatCompletionAccumulator
	chunks := 0
	for s.Next() {
		chunks++
		if !acc.AddChunk(s.Current()) {
			t.Error("the accumulator refuses a chunk")
		}
	}
	return acc, chunks, s.Err()
}

func TestEcho(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	c := newClient(s)
	p := question("how are you")

	whole, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	streamed, chunks, err := stream(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	const want = "You said: how are you"
	if got := whole.Choices[0].Message.Content; got != want {
		t.Errorf("whole answer: %q", got)
	}
	if got := streamed.Choices[0].Message.Content; got != want {
		t.Errorf("streamed answer: %q", got)
	}
	if chunks != 1+5+1+1 { // role, words, finish reason, usage
		t.Errorf("%d chunks", chunks)
	}
	for _, u := range []openai.CompletionUsage{whole.Usage, streamed.Usage} {
		if u.PromptTokens != 3 || u.CompletionTokens != 5 || u.TotalTokens != 8 {
			t.Errorf("usage %+v", u)
		}
	}
	if whole.Choices[0].FinishReason != "stop" || streamed.Choices[0].FinishReason != "stop" {
		t.Error("an answer did not finish with stop")
	}
	if again, _ := c.Chat.Completions.New(t.Context(), p); again.RawJSON() != whole.RawJSON() {
		t.Errorf("the same request got another answer:\n%s\n%s", whole.RawJSON(), again.RawJSON())
	}
	if s.Calls() != 3 || s.Open() != 0 {
		t.Errorf("%d calls, %d open", s.Calls(), s.Open())
	}
}

func TestToolCallsInFragments(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	s.On(llmtest.Any,
		llmtest.Reasoning("Let me ", "look."),
		llmtest.Text("One moment."),
		llmtest.Call("call_1", "query_data", `{"table":`, `"books"}`),
		llmtest.Call("call_2", "query_data", `{}`),
		llmtest.Usage(llmtest.TokenUsage{Prompt: 10, Completion: 20, Cached: 4, Reasoning: 7}),
	)
	c := newClient(s)
	p := question("list the books")
	p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
		Name: "query_data", Description: openai.String("reads rows"), Parameters: openai.FunctionParameters{"type": "object"},
	})}

	whole, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	streamed, _, err := stream(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]openai.ChatCompletion{"whole": *whole, "streamed": streamed.ChatCompletion} {
		choice := got.Choices[0]
		var calls [][3]string
		for _, call := range choice.Message.ToolCalls {
			calls = append(calls, [3]string{call.ID, call.Function.Name, call.Function.Arguments})
		}
		want := [][3]string{{"call_1", "query_data", `{"table":"books"}`}, {"call_2", "query_data", `{}`}}
		if diff := cmp.Diff(want, calls); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if choice.FinishReason != "tool_calls" || choice.Message.Content != "One moment." {
			t.Errorf("%s: finish %q, content %q", name, choice.FinishReason, choice.Message.Content)
		}
		u := got.Usage
		if u.PromptTokens != 10 || u.TotalTokens != 30 || u.PromptTokensDetails.CachedTokens != 4 || u.CompletionTokensDetails.ReasoningTokens != 7 {
			t.Errorf("%s: usage %+v", name, u)
		}
	}
	if got := whole.Choices[0].Message.JSON.ExtraFields["reasoning_content"].Raw(); got != `"Let me look."` {
		t.Errorf("reasoning %s", got)
	}
	want := []llmtest.Tool{{Name: "query_data", Description: "reads rows", Parameters: json.RawMessage(`{"type":"object"}`)}}
	if diff := cmp.Diff(want, s.LastRequest().Tools); diff != "" {
		t.Error(diff)
	}
}

func TestScriptsAreChosen(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	s.On(llmtest.AskedAbout("weather"), llmtest.Text("old"))
	s.On(llmtest.AskedAbout("weather"), llmtest.Text("sunny"))
	s.Next(llmtest.Asked("weather?"), llmtest.Text("first"))
	s.Next(llmtest.Asked("weather?"), llmtest.Text("second"))
	s.OnFunc(func(r *llmtest.Request) bool { return r.Model == "gpt-test" && r.LastUser() == "shout" },
		func(r *llmtest.Request) []llmtest.Step {
			return []llmtest.Step{llmtest.Text(strings.ToUpper(r.LastUser()))}
		})
	c := newClient(s)
	var got []string
	for _, q := range []string{"weather today", "weather?", "weather?", "weather?", "shout", "other"} {
		a, err := c.Chat.Completions.New(t.Context(), question(q))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, a.Choices[0].Message.Content)
	}
	if diff := cmp.Diff([]string{"sunny", "first", "second", "sunny", "SHOUT", "You said: other"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	c := newClient(s)
	s.Next(llmtest.Any, llmtest.RateLimited(1500*time.Millisecond))
	_, _, err := stream(t, c, question("q"))
	var api *openai.Error
	if !errors.As(err, &api) || api.StatusCode != http.StatusTooManyRequests || api.Response.Header.Get("Retry-After") != "2" || api.Type != "rate_limit_exceeded" {
		t.Errorf("rate limited: %v", err)
	}
	s.Next(llmtest.Any, llmtest.Status(http.StatusBadGateway, "down", "X-Should-Retry: false"))
	if _, err = c.Chat.Completions.New(t.Context(), question("q")); !errors.As(err, &api) || api.StatusCode != http.StatusBadGateway || api.Message != "down" {
		t.Errorf("bad gateway: %v", err)
	}
	s.Next(llmtest.Any, llmtest.Text("half"), llmtest.StreamError("server_error", "overloaded", "too busy"))
	acc, _, err := stream(t, c, question("q"))
	if err == nil || !strings.Contains(err.Error(), "too busy") || acc.Choices[0].Message.Content != "half" {
		t.Errorf("error in mid-stream: %v", err)
	}
	s.Next(llmtest.Any, llmtest.StreamError("server_error", "overloaded", "too busy"))
	if _, err = c.Chat.Completions.New(t.Context(), question("q")); !errors.As(err, &api) || api.StatusCode != http.StatusInternalServerError {
		t.Errorf("the same, not streamed: %v", err)
	}
	s.Next(llmtest.Any, llmtest.Text("half"), llmtest.Cut())
	if _, _, err = stream(t, c, question("q")); err == nil {
		t.Error("a cut stream gave no error")
	}
	s.Next(llmtest.Any, llmtest.Cut())
	if _, err = c.Chat.Completions.New(t.Context(), question("q")); err == nil {
		t.Error("a cut connection gave no error")
	}
	s.Next(llmtest.Any, llmtest.Raw("data: {broken\n\n"))
	if _, _, err = stream(t, c, question("q")); err == nil {
		t.Error("a malformed chunk gave no error")
	}
	s.Next(llmtest.Any, llmtest.Text("a"), llmtest.End())
	if acc, _, err = stream(t, c, question("q")); err != nil || acc.Choices[0].FinishReason != "" {
		t.Errorf("an early end: %v, %+v", err, acc.Choices)
	}
	s.Next(llmtest.Any, llmtest.Text("a"), llmtest.FinishOnly("length"))
	if acc, _, err = stream(t, c, question("q")); err != nil || acc.Choices[0].FinishReason != "length" || acc.Usage.TotalTokens != 0 {
		t.Errorf("finish reason only: %v, %+v", err, acc)
	}
	if s.Calls() != 9 || len(s.Requests()) != 9 {
		t.Errorf("%d calls, %d requests", s.Calls(), len(s.Requests()))
	}
}

func TestGatesAndCounting(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	gate := make(chan struct{})
	s.On(llmtest.AskedAbout("wait"), llmtest.Text("a"), llmtest.Gate(gate), llmtest.Text("b"))
	s.On(llmtest.Asked("hang"), llmtest.Begin(), llmtest.Hang())
	c := newClient(s)
	results := make(chan string, 5)
	for range 5 {
		go func() {
			acc, _, err := stream(t, c, question("wait"))
			if err != nil {
				t.Error(err)
			}
			results <- acc.Choices[0].Message.Content
		}()
	}
	if err := s.WaitOpen(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	close(gate)
	for range 5 {
		if got := <-results; got != "ab" {
			t.Errorf("got %q", got)
		}
	}
	if err := s.WaitOpen(t.Context(), 0); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	hung := c.Chat.Completions.NewStreaming(ctx, question("hang"))
	if !hung.Next() {
		t.Fatal(hung.Err())
	}
	if err := s.WaitCalls(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	if s.Open() != 1 || s.Left() != 0 {
		t.Errorf("open %d, left %d", s.Open(), s.Left())
	}
	cancel()
	if err := s.WaitLeft(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	ended, cancelEnded := context.WithCancel(t.Context())
	cancelEnded()
	if err := s.WaitCalls(ended, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for what never comes: %v", err)
	}
	s.Forget()
	if s.LastRequest() != nil || s.Calls() != 6 {
		t.Error("Forget keeps requests or loses the count")
	}
}

func TestCloseEndsHungAnswers(t *testing.T) {
	t.Parallel()
	s, err := llmtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	s.On(llmtest.Any, llmtest.Text("a"), llmtest.Hang())
	c := newClient(s)
	st := c.Chat.Completions.NewStreaming(t.Context(), question("q"))
	if !st.Next() {
		t.Fatal(st.Err())
	}
	s.Close()
	s.Close()
	if s.Open() != 0 {
		t.Errorf("%d open after Close", s.Open())
	}
	for st.Next() {
	}
}

func TestServerSettings(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	s.RequireKey("right")
	s.SetModels("gpt-test", "gpt-other")
	s.RejectFields("stream_options")
	wrong, right := newClient(s), newClient(s, option.WithAPIKey("right"))
	var api *openai.Error
	if _, err := wrong.Chat.Completions.New(t.Context(), question("q")); !errors.As(err, &api) || api.StatusCode != http.StatusUnauthorized {
		t.Errorf("wrong key: %v", err)
	}
	p := question("q")
	p.Model = "gpt-none"
	if _, err := right.Chat.Completions.New(t.Context(), p); !errors.As(err, &api) || api.StatusCode != http.StatusNotFound || api.Code != "model_not_found" {
		t.Errorf("unknown model: %v", err)
	}
	if _, _, err := stream(t, right, question("q")); !errors.As(err, &api) || api.StatusCode != http.StatusBadRequest || api.Param != "stream_options" {
		t.Errorf("rejected field: %v", err)
	}
	if got := s.LastRequest().Refused; got == "" {
		t.Error("a refused request does not say so")
	}
	list, err := right.Models.List(t.Context())
	if err != nil || len(list.Data) != 2 || list.Data[1].ID != "gpt-other" {
		t.Errorf("models: %+v, %v", list, err)
	}
}

// In a bubble, an hour passes at once.
func TestPipeServerInBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := llmtest.NewPipeServer(t)
		s.On(llmtest.Any, llmtest.Text("a"), llmtest.Wait(time.Hour), llmtest.Text("b"))
		start := time.Now()
		acc, _, err := stream(t, newClient(s), question("q"))
		if err != nil || acc.Choices[0].Message.Content != "ab" {
			t.Errorf("%v, %+v", err, acc.Choices)
		}
		if took := time.Since(start); took != time.Hour {
			t.Errorf("took %v", took)
		}
	})
}
