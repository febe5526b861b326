package client

import (
	"context"
	"net/http"
	"time"
)

// Receipt says how far an invalidation has come.
type Receipt struct {
	Version       int64   `json:"version"`
	Nodes         int     `json:"nodes"`        // live nodes
	Acknowledged  int     `json:"acknowledged"` // of them, those known to serve the old value no more
	Remote        bool    `json:"remote"`       // Redis has it; false: there is none, or it is away and will be told on its return
	ElapsedMillis float64 `json:"elapsedMs"`
}

// Invalidation is the outcome of an invalidation.
type Invalidation struct {
	Type      string    `json:"type"`
	Message   string    `json:"message"`
	Timestamp time.Time `json:"timestamp"`
	Receipt   Receipt   `json:"receipt"`
}

// InvalidateAssistant drops all that is cached for an assistant: its data,
// schema and answers.
func (c *Client) InvalidateAssistant(ctx context.Context, assistantID string) (*Invalidation, error) {
	return c.invalidate(ctx, map[string]string{"type": "assistant", "assistantId": assistantID})
}

// InvalidateThread drops a thread's cached context and answers.
func (c *Client) InvalidateThread(ctx context.Context, threadID string) (*Invalidation, error) {
	return c.invalidate(ctx, map[string]string{"type": "thread", "threadId": threadID})
}

// InvalidateAll drops everything that deja has cached, and nothing else.
func (c *Client) InvalidateAll(ctx context.Context) (*Invalidation, error) {
	return c.invalidate(ctx, map[string]string{"type": "all"})
}

func (c *Client) invalidate(ctx context.Context, what map[string]string) (*Invalidation, error) {
	done := new(Invalidation)
	if _, err := c.call(ctx, request{method: http.MethodPost, path: "/api/cache/invalidate", body: what}, done); err != nil {
		return nil, err
	}
	return done, nil
}
