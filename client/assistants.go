package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Assistant is a chat assistant.
type Assistant struct {
	ID              string            `json:"id"`
	Object          string            `json:"object"`
	CreatedAt       int64             `json:"created_at"` // Unix seconds
	Name            string            `json:"name"`
	Description     string            `json:"description"`
	Model           string            `json:"model"`
	Instructions    string            `json:"instructions"`
	Tools           []json.RawMessage `json:"tools"`
	Metadata        map[string]string `json:"metadata"`
	Temperature     *float64          `json:"temperature"`
	TopP            *float64          `json:"top_p"`
	ReasoningEffort string            `json:"reasoning_effort"`
	Cache           CachePolicy       `json:"cache"`
}

// CachePolicy decides who may be given an answer that was made for another,
// and how long answers live. What is empty or nil is not sent and stays as it was.
type CachePolicy struct {
	Policy    string   `json:"policy,omitempty"`    // "off", "thread" (the default) or "assistant"
	TTL       *float64 `json:"ttl,omitempty"`       // lifetime of answers in whole seconds; nil: the server's
	Normalize *bool    `json:"normalize,omitempty"` // questions that differ only in case, white space or final punctuation share an answer
}

// AssistantParams make or change an assistant. What is nil is not sent: a new
// assistant takes the default, an existing one keeps what it has.
type AssistantParams struct {
	Model        *string           `json:"model,omitempty"` // required to create
	Name         *string           `json:"name,omitempty"`
	Description  *string           `json:"description,omitempty"`
	Instructions *string           `json:"instructions,omitempty"`
	Tools        []json.RawMessage `json:"tools,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	Temperature  *float64          `json:"temperature,omitempty"`
	TopP         *float64          `json:"top_p,omitempty"`
	Cache        *CachePolicy      `json:"cache,omitempty"`
}

// CreateAssistant makes an assistant.
func (c *Client) CreateAssistant(ctx context.Context, p AssistantParams) (*Assistant, error) {
	return one[Assistant](ctx, c, request{method: http.MethodPost, path: "/v1/assistants", body: p})
}

// Assistant gives an assistant.
func (c *Client) Assistant(ctx context.Context, id string) (*Assistant, error) {
	return at[Assistant](ctx, c, http.MethodGet, nil, "/v1/assistants/%s", id)
}

// ModifyAssistant changes an assistant. Its earlier answers are reachable no more.
func (c *Client) ModifyAssistant(ctx context.Context, id string, p AssistantParams) (*Assistant, error) {
	return at[Assistant](ctx, c, http.MethodPost, p, "/v1/assistants/%s", id)
}

// DeleteAssistant deletes an assistant with its data sources.
func (c *Client) DeleteAssistant(ctx context.Context, id string) error {
	_, err := at[struct{}](ctx, c, http.MethodDelete, nil, "/v1/assistants/%s", id)
	return err
}

// Assistants gives all assistants, the newest first, fetched page by page as
// the iteration goes on. An error is the last element.
func (c *Client) Assistants(ctx context.Context) iter.Seq2[Assistant, error] {
	return pages(ctx, c, "/v1/assistants", nil, func(a Assistant) string { return a.ID })
}

// one sends a request and gives the object that answers it.
func one[T any](ctx context.Context, c *Client, r request) (*T, error) {
	v := new(T)
	if _, err := c.call(ctx, r, v); err != nil {
		return nil, err
	}
	return v, nil
}

// at is one for a path with ids in it.
func at[T any](ctx context.Context, c *Client, method string, body any, pattern string, ids ...string) (*T, error) {
	p, err := path(pattern, ids...)
	if err != nil {
		return nil, err
	}
	return one[T](ctx, c, request{method: method, path: p, body: body})
}

// pageSize is the most that the API gives at once.
const pageSize = 100

// pages gives the items of a listing.
func pages[T any](ctx context.Context, c *Client, path string, query url.Values, id func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		q := url.Values{"limit": {strconv.Itoa(pageSize)}}
		for name, values := range query {
			q[name] = values
		}
		for {
			page, err := one[struct {
				Data    []T  `json:"data"`
				HasMore bool `json:"has_more"`
			}](ctx, c, request{method: http.MethodGet, path: path, query: q})
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Data {
				if !yield(item, nil) {
					return
				}
			}
			if !page.HasMore || len(page.Data) == 0 {
				return
			}
			q.Set("after", id(page.Data[len(page.Data)-1]))
		}
	}
}

// failed gives a listing that is an error.
func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}
