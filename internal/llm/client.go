package llm

import (
	"context"
	"iter"
	"net/url"
	"sync"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/dejahq/deja"
)

// Client asks one server. It is safe for concurrent use.
type Client struct {
	o    Options
	key  deja.Secret
	host string
	sdk  openai.Client

	mu      sync.Mutex
	dialect dialect // learnt from refusals, kept as long as the client
}

// New makes a client. It does not connect.
func New(o Options) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(o.BaseURL)
	if err != nil {
		return nil, err
	}
	opts := []option.RequestOption{
		option.WithBaseURL(o.BaseURL),
		option.WithHTTPClient(o.HTTPClient),
		option.WithMaxRetryDelay(max(o.MaxRetryDelay, 1)), // the SDK takes 0 for its own default
		option.WithHeader("User-Agent", "deja"),
		option.WithHeader("Accept", "text/event-stream"),
	}
	if !o.APIKey.IsZero() {
		opts = append(opts, option.WithAPIKey(o.APIKey.Reveal()))
	}
	// Not openai.NewClient: that would read OPENAI_* variables behind the back
	// of our own configuration.
	return &Client{o: o, key: o.APIKey, host: u.Host, sdk: openai.Client{Options: opts}}, nil
}

// Name says what answers.
func (c *Client) Name() string { return "openai-compatible" }

// Host is the server's name and port, for humans.
func (c *Client) Host() string { return c.host }

// Stream asks the model. It yields any number of deltas, of which the last has
// the finish reason and, where the server tells, the usage; or an error, as
// the last element, that is a [deja.Error]:
//
//   - CodeInvalid, CodeTooLarge, CodeUnsupported: the request cannot be answered;
//   - CodeRateLimited, with RetryAfter where the server told;
//   - CodeCancelled: ctx was cancelled;
//   - CodeUpstream: everything else, timeouts and broken streams included.
//
// Failed attempts are repeated before the first token and never after it.
// Ending the iteration or cancelling ctx closes the connection at once.
func (c *Client) Stream(ctx context.Context, req *deja.ModelRequest) iter.Seq2[deja.Delta, error] {
	return func(yield func(deja.Delta, error) bool) {
		k := call{c: c, req: req, parent: ctx, dialect: c.speaks(), yield: yield}
		k.run()
	}
}

// speaks gives what is known of the server's dialect.
func (c *Client) speaks() dialect {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dialect
}

// learn keeps a dialect that the server has understood.
func (c *Client) learn(d dialect) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialect = d
}
