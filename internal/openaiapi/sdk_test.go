//lint:file-ignore SA1019 the retired API is what is tested

package openaiapi_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/dejahq/deja/internal/llm/llmtest"
)

// official gives the official Go client, with nothing changed but the address.
func (s *server) official() openai.Client {
	return openai.NewClient(option.WithBaseURL(s.url+"/v1"), option.WithAPIKey("sk-test"))
}

func TestOfficialClientStreamsARun(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Text("Hello, ", "world."))
	c, ctx := s.official(), t.Context()
	asst, err := c.Beta.Assistants.New(ctx, openai.BetaAssistantNewParams{
		Model: "m-1", Name: openai.String("A"), Instructions: openai.String("Be kind."),
		Temperature: openai.Float(0.5), Metadata: map[string]string{"a": "b"},
	})
	check(t, err)
	if asst.Name != "A" || asst.Temperature != 0.5 || asst.Metadata["a"] != "b" {
		t.Errorf("%s", asst.RawJSON())
	}
	thread, err := c.Beta.Threads.New(ctx, openai.BetaThreadNewParams{})
	check(t, err)
	_, err = c.Beta.Threads.Messages.New(ctx, thread.ID, openai.BetaThreadMessageNewParams{
		Role:    openai.BetaThreadMessageNewParamsRoleUser,
		Content: openai.BetaThreadMessageNewParamsContentUnion{OfString: openai.String("Say hello.")},
	})
	check(t, err)

	stream := c.Beta.Threads.Runs.NewStreaming(ctx, thread.ID, openai.BetaThreadRunNewParams{AssistantID: asst.ID})
	var seen []string
	var text strings.Builder
	for stream.Next() {
		e := stream.Current()
		seen = append(seen, e.Event)
		if e.Event == "thread.message.delta" {
			text.WriteString(e.AsThreadMessageDelta().Data.Delta.Content[0].Text.Value)
		}
	}
	check(t, stream.Err())
	if diff := cmp.Diff(ordinary[:len(ordinary)-1], slices.Compact(seen)); diff != "" {
		t.Error(diff)
	}
	if text.String() != "Hello, world." {
		t.Errorf("%q", &text)
	}
	messages := c.Beta.Threads.Messages.ListAutoPaging(ctx, thread.ID, openai.BetaThreadMessageListParams{Limit: openai.Int(1), Order: "asc"})
	var said []string
	for messages.Next() {
		m := messages.Current()
		said = append(said, string(m.Role)+": "+m.Content[0].Text.Value)
	}
	check(t, messages.Err())
	if diff := cmp.Diff([]string{"user: Say hello.", "assistant: Hello, world."}, said); diff != "" {
		t.Error(diff)
	}
	gone, err := c.Beta.Threads.Delete(ctx, thread.ID)
	check(t, err)
	if !gone.Deleted {
		t.Error("not deleted")
	}
	_, err = c.Beta.Threads.Get(ctx, thread.ID)
	if e, ok := errors.AsType[*openai.Error](err); !ok || e.StatusCode != 404 || e.Code != "not_found" {
		t.Errorf("%v", err)
	}
}

func TestOfficialClientSubmitsToolOutputs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.Next(llmtest.Any, llmtest.Call("call_a", "weather", `{}`))
	s.model.Next(llmtest.Any, llmtest.Text("Cold."))
	c, ctx := s.official(), t.Context()
	asst, err := c.Beta.Assistants.New(ctx, openai.BetaAssistantNewParams{
		Model: "m-1",
		Tools: []openai.AssistantToolUnionParam{{OfFunction: &openai.FunctionToolParam{Function: openai.FunctionDefinitionParam{Name: "weather"}}}},
	})
	check(t, err)
	started, err := c.Beta.Threads.NewAndRun(ctx, openai.BetaThreadNewAndRunParams{
		AssistantID: asst.ID,
		Thread: openai.BetaThreadNewAndRunParamsThread{Messages: []openai.BetaThreadNewAndRunParamsThreadMessage{{
			Role: "user", Content: openai.BetaThreadNewAndRunParamsThreadMessageContentUnion{OfString: openai.String("Weather?")},
		}}},
	})
	check(t, err)
	s.wait(started.ThreadID, started.ID)
	run, err := c.Beta.Threads.Runs.Get(ctx, started.ThreadID, started.ID)
	check(t, err)
	if run.Status != openai.RunStatusRequiresAction || run.RequiredAction.SubmitToolOutputs.ToolCalls[0].Function.Name != "weather" {
		t.Fatalf("%s", run.RawJSON())
	}
	stream := c.Beta.Threads.Runs.SubmitToolOutputsStreaming(ctx, run.ThreadID, run.ID, openai.BetaThreadRunSubmitToolOutputsParams{
		ToolOutputs: []openai.BetaThreadRunSubmitToolOutputsParamsToolOutput{{ToolCallID: openai.String("call_a"), Output: openai.String("-3")}},
	})
	var ended string
	for stream.Next() {
		ended = stream.Current().Event
	}
	check(t, stream.Err())
	if ended != "thread.run.completed" {
		t.Errorf("the stream ends with %s", ended)
	}
}

func TestOfficialClientChats(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Text("Hello, ", "world."), llmtest.Usage(llmtest.TokenUsage{Prompt: 5, Completion: 2}))
	c, ctx := s.official(), t.Context()
	params := openai.ChatCompletionNewParams{
		Model:         s.assistant(),
		Messages:      []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Say hello.")},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	}
	for range 2 { // live, and from the cache
		stream := c.Chat.Completions.NewStreaming(ctx, params)
		var acc openai.ChatCompletionAccumulator
		for stream.Next() {
			if !acc.AddChunk(stream.Current()) {
				t.Errorf("a chunk does not fit: %s", stream.Current().RawJSON())
			}
		}
		check(t, stream.Err())
		if got := acc.Choices[0]; got.Message.Content != "Hello, world." || got.FinishReason != "stop" || acc.Usage.TotalTokens != 7 {
			t.Errorf("%+v", acc.ChatCompletion)
		}
	}
	params.StreamOptions = openai.ChatCompletionStreamOptionsParam{}
	whole, err := c.Chat.Completions.New(ctx, params)
	check(t, err)
	if whole.Choices[0].Message.Content != "Hello, world." || s.model.Calls() != 1 {
		t.Errorf("%s after %d calls", whole.RawJSON(), s.model.Calls())
	}

	// An error in a stream is an error of the client's.
	s.model.Next(llmtest.Any, llmtest.Text("Half "), llmtest.Cut())
	params.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Other.")}
	stream := c.Chat.Completions.NewStreaming(ctx, params)
	for stream.Next() {
	}
	if stream.Err() == nil {
		t.Error("a cut answer looks whole")
	}
}

func TestOfficialClientPages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var want []string
	for range 5 {
		want = append(want, s.assistant())
	}
	slices.Reverse(want)
	c := s.official()
	pager := c.Beta.Assistants.ListAutoPaging(t.Context(), openai.BetaAssistantListParams{Limit: openai.Int(2)})
	var got []string
	for pager.Next() {
		got = append(got, pager.Current().ID)
	}
	check(t, pager.Err())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	models, err := c.Models.List(t.Context())
	check(t, err)
	if len(models.Data) != 5 || models.Data[0].OwnedBy != "deja" {
		t.Errorf("%s", models.RawJSON())
	}
}
