package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// CallOption steers one question or run.
type CallOption func(*callOptions)

type callOptions struct {
	cacheControl string
	history      []ChatMessage
}

// CacheControl sends a Cache-Control header: "no-cache" asks the model anew and
// caches the answer, "no-store" leaves the cache alone, "max-age=60" takes no answer that is
// older than a minute, "only-if-cached" would rather have none (the error's Status is 504).
func CacheControl(directives string) CallOption {
	return func(o *callOptions) { o.cacheControl = directives }
}

// History puts earlier messages of a conversation before the question of Ask.
// Runs have their thread's, and ignore it.
func History(messages ...ChatMessage) CallOption {
	return func(o *callOptions) { o.history = append(o.history, messages...) }
}

func collect(opts []CallOption) *callOptions {
	o := new(callOptions)
	for _, set := range opts {
		set(o)
	}
	return o
}

// ChatMessage is one message of a conversation.
type ChatMessage struct {
	Role    string `json:"role"` // "user" or "assistant"
	Content string `json:"content"`
}

type chatRequest struct {
	Model         string        `json:"model"`
	Messages      []ChatMessage `json:"messages"`
	Stream        bool          `json:"stream"`
	StreamOptions streamOptions `json:"stream_options"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// Ask asks an assistant a question, outside of any thread, and streams the
// answer. It returns when the answer begins.
func (c *Client) Ask(ctx context.Context, assistantID, question string, opts ...CallOption) (*Stream, error) {
	o := collect(opts)
	return c.stream(ctx, "/v1/chat/completions", chatRequest{
		Model:         assistantID,
		Messages:      append(o.history, ChatMessage{Role: "user", Content: question}),
		Stream:        true,
		StreamOptions: streamOptions{IncludeUsage: true},
	}, o, decodeChat)
}

const chatEvent = "chat.completion.chunk"

// endOfStream is the data of the last event of every stream.
var endOfStream = []byte("[DONE]")

func decodeChat(ev sseEvent, a *Answer) (Event, bool, error) {
	if bytes.Equal(ev.data, endOfStream) {
		return Event{}, true, nil
	}
	if ev.name == "error" {
		return Event{}, false, streamError(ev.data)
	}
	var chunk struct {
		Model   string `json:"model"`
		Choices []struct {
			Delta struct {
				Content string `json:"content"`
				Refusal string `json:"refusal"`
			} `json:"delta"`
			FinishReason string `json:"finish_reason"`
		} `json:"choices"`
		Usage *Usage          `json:"usage"`
		Deja  *Bill           `json:"deja"`
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(ev.data, &chunk); err != nil {
		return Event{}, false, fmt.Errorf("client: an event of the answer cannot be read: %w", err)
	}
	if len(chunk.Error) > 0 && string(chunk.Error) != "null" {
		return Event{}, false, streamError(ev.data)
	}
	out := Event{Name: chatEvent, Data: bytes.Clone(ev.data)}
	for _, choice := range chunk.Choices {
		out.Text += choice.Delta.Content + choice.Delta.Refusal
		if choice.FinishReason != "" {
			a.FinishReason = choice.FinishReason
		}
	}
	if chunk.Model != "" {
		a.Model = chunk.Model
	}
	if chunk.Usage != nil {
		a.Usage = *chunk.Usage
	}
	if chunk.Deja != nil {
		a.Bill = *chunk.Deja
	}
	return out, false, nil
}
