package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strings"
)

// Thread is a conversation.
type Thread struct {
	ID        string            `json:"id"`
	Object    string            `json:"object"`
	CreatedAt int64             `json:"created_at"` // Unix seconds
	Metadata  map[string]string `json:"metadata"`
}

// Message is one message of a thread.
type Message struct {
	ID          string            `json:"id"`
	Object      string            `json:"object"`
	CreatedAt   int64             `json:"created_at"` // Unix seconds
	ThreadID    string            `json:"thread_id"`
	Role        string            `json:"role"` // "user" or "assistant"
	Content     []Content         `json:"content"`
	AssistantID string            `json:"assistant_id"`
	RunID       string            `json:"run_id"`
	Metadata    map[string]string `json:"metadata"`
}

// Content is a part of a message. Parts that are not text have a Type only.
type Content struct {
	Type string `json:"type"`
	Text struct {
		Value string `json:"value"`
	} `json:"text"`
}

// Text gives the text parts of the message, joined by line breaks.
func (m *Message) Text() string {
	var texts []string
	for _, c := range m.Content {
		if c.Type == "text" {
			texts = append(texts, c.Text.Value)
		}
	}
	return strings.Join(texts, "\n")
}

// CreateThread begins a conversation.
func (c *Client) CreateThread(ctx context.Context) (*Thread, error) {
	return one[Thread](ctx, c, request{method: http.MethodPost, path: "/v1/threads", body: struct{}{}})
}

// Thread gives a thread.
func (c *Client) Thread(ctx context.Context, id string) (*Thread, error) {
	return at[Thread](ctx, c, http.MethodGet, nil, "/v1/threads/%s", id)
}

// DeleteThread deletes a thread with its messages.
func (c *Client) DeleteThread(ctx context.Context, id string) error {
	_, err := at[struct{}](ctx, c, http.MethodDelete, nil, "/v1/threads/%s", id)
	return err
}

// AddMessage appends a user's message to a thread.
func (c *Client) AddMessage(ctx context.Context, threadID, text string) (*Message, error) {
	return at[Message](ctx, c, http.MethodPost, ChatMessage{Role: "user", Content: text}, "/v1/threads/%s/messages", threadID)
}

// Messages gives the messages of a thread, the oldest first.
func (c *Client) Messages(ctx context.Context, threadID string) iter.Seq2[Message, error] {
	p, err := path("/v1/threads/%s/messages", threadID)
	if err != nil {
		return failed[Message](err)
	}
	return pages(ctx, c, p, url.Values{"order": {"asc"}}, func(m Message) string { return m.ID })
}
