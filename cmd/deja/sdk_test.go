//lint:file-ignore SA1019 the retired API is what is tested

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// TestOfficialClient: the official Go client makes an assistant, a thread and
// a message, and follows a streamed run, unchanged.
func TestOfficialClient(t *testing.T) {
	t.Parallel()
	s, _ := startNode(t)
	ctx := t.Context()
	sdk := openai.NewClient(option.WithBaseURL(s.url+"/v1"), option.WithAPIKey("any"))

	a, err := sdk.Beta.Assistants.New(ctx, openai.BetaAssistantNewParams{
		Model: "gpt-4o-mini", Name: openai.String("Clerk"), Instructions: openai.String("Be helpful."),
	})
	if err != nil {
		t.Fatal(err)
	}
	thread, err := sdk.Beta.Threads.New(ctx, openai.BetaThreadNewParams{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sdk.Beta.Threads.Messages.New(ctx, thread.ID, openai.BetaThreadMessageNewParams{
		Role:    openai.BetaThreadMessageNewParamsRoleUser,
		Content: openai.BetaThreadMessageNewParamsContentUnion{OfString: openai.String("Hello!")},
	}); err != nil {
		t.Fatal(err)
	}
	stream := sdk.Beta.Threads.Runs.NewStreaming(ctx, thread.ID, openai.BetaThreadRunNewParams{AssistantID: a.ID})
	var events []string
	var text strings.Builder
	for stream.Next() {
		e := stream.Current()
		events = append(events, e.Event)
		if e.Event == "thread.message.delta" {
			for _, part := range e.AsThreadMessageDelta().Data.Delta.Content {
				text.WriteString(part.Text.Value)
			}
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	order := []string{
		"thread.run.created", "thread.run.queued", "thread.run.in_progress",
		"thread.run.step.created", "thread.run.step.in_progress",
		"thread.message.created", "thread.message.in_progress", "thread.message.delta",
		"thread.message.completed", "thread.run.step.completed", "thread.run.completed",
	}
	if got := slices.Compact(slices.Clone(events)); !slices.Equal(got, order) {
		t.Errorf("the events are %v", got)
	}
	page, err := sdk.Beta.Threads.Messages.List(ctx, thread.ID, openai.BetaThreadMessageListParams{})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Data) != 2 || page.Data[0].Content[0].Text.Value != text.String() || text.Len() == 0 {
		t.Errorf("the thread has %d messages; the answer was %q", len(page.Data), text.String())
	}
}
