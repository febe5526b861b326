package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// CacheEvent is something that happened to the cache: an invalidation, a
// breaker that opened, a failover of Redis.
type CacheEvent struct {
	Seq     uint64    `json:"seq"`
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"` // "invalidation", "breaker", "failover", "epoch", "node", "push", "warmup" or "reset"
	Node    string    `json:"node"`
	Message string    `json:"message"`
	Key     string    `json:"key"`               // what it was about; may be empty
	Receipt *Receipt  `json:"receipt,omitempty"` // of invalidations
}

// CacheEvents gives what happened after the event numbered after (0: all that
// the node still has), the oldest first.
func (c *Client) CacheEvents(ctx context.Context, after uint64) ([]CacheEvent, error) {
	var q url.Values
	if after > 0 {
		q = url.Values{"after": {strconv.FormatUint(after, 10)}}
	}
	page, err := one[struct {
		Events []CacheEvent `json:"events"`
	}](ctx, c, request{method: http.MethodGet, path: "/api/cache/events", query: q})
	if err != nil {
		return nil, err
	}
	return page.Events, nil
}

// Update is one piece of news from Live: either Metrics or Event is set.
type Update struct {
	Metrics *Metrics
	Event   *CacheEvent
}

// Live gives the metrics of a scope every second, and events as they happen,
// until the loop is left or ctx ends. An error is the last element; it is
// io.ErrUnexpectedEOF when the server ended the stream.
func (c *Client) Live(ctx context.Context, s Scope) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		body, err := c.live(ctx, s)
		if err != nil {
			yield(Update{}, err)
			return
		}
		defer body.Close()
		for events := newSSEReader(body); ; {
			ev, err := events.next()
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			var u Update
			if err == nil {
				u, err = readUpdate(ev)
			}
			if err != nil {
				yield(Update{}, err)
				return
			}
			if u != (Update{}) && !yield(u, nil) {
				return
			}
		}
	}
}

func (c *Client) live(ctx context.Context, s Scope) (io.ReadCloser, error) {
	resp, err := c.send(ctx, request{
		method: http.MethodGet, path: "/api/cache/live", query: s.query(),
		header: http.Header{"Accept": {"text/event-stream"}},
	})
	if err != nil {
		return nil, err
	}
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media != "text/event-stream" {
		resp.Body.Close()
		return nil, fmt.Errorf("client: the answer to GET /api/cache/live is not a stream of events but %q", media)
	}
	return resp.Body, nil
}

// readUpdate passes over events that it doesn't know.
func readUpdate(ev sseEvent) (Update, error) {
	var u Update
	var err error
	switch ev.name {
	case "metrics":
		u.Metrics = new(Metrics)
		err = json.Unmarshal(ev.data, u.Metrics)
	case "event":
		u.Event = new(CacheEvent)
		err = json.Unmarshal(ev.data, u.Event)
	}
	if err != nil {
		return Update{}, fmt.Errorf("client: the event %s cannot be read: %w", ev.name, err)
	}
	return u, nil
}
