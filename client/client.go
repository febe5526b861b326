package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Options configure a Client.
type Options struct {
	// BaseURL is the server's address, such as http://127.0.0.1:8787. It may
	// have a path, for a server behind a proxy. Required.
	BaseURL string

	// APIKey is sent as a bearer token when it is not empty.
	APIKey string

	// HTTPClient sends the requests. Default is one without a time limit, of
	// http.DefaultTransport.
	HTTPClient *http.Client

	// Retries is how often a GET is tried again (see the package's text).
	// Default 2; negative means never.
	Retries int

	// UserAgent defaults to "deja-client".
	UserAgent string
}

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base    string
	key     string
	agent   string
	retries int
	http    *http.Client
}

// New checks the options. It does not connect.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.BaseURL)
	switch {
	case err != nil:
		return nil, errors.New("client: the base URL cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("client: the base URL must begin with http:// or https://")
	case u.Host == "":
		return nil, errors.New("client: the base URL names no host")
	case u.User != nil:
		return nil, errors.New("client: the base URL must not hold credentials; use APIKey")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("client: the base URL must not have a query or a fragment")
	case strings.ContainsAny(o.APIKey, "\r\n\x00"):
		return nil, errors.New("client: the API key has a character that no header can carry")
	}
	c := &Client{
		base:    strings.TrimRight(u.String(), "/"),
		key:     o.APIKey,
		agent:   o.UserAgent,
		retries: o.Retries,
		http:    o.HTTPClient,
	}
	if c.agent == "" {
		c.agent = "deja-client"
	}
	if c.retries == 0 {
		c.retries = 2
	}
	if c.http == nil {
		c.http = &http.Client{}
	}
	return c, nil
}

// BaseURL gives the address of the server.
func (c *Client) BaseURL() string { return c.base }

// maxBody bounds what is read of an answer that isn't a stream.
const maxBody = 64 << 20

// request is one call of the API.
type request struct {
	method string
	path   string
	query  url.Values
	header http.Header
	body   any // encoded as JSON; nil: none

	// accept lets a status that is not a success through to the caller.
	accept func(status int) bool
}

// call sends a request, decodes the answer into out, unless that is nil, and
// gives the answer's headers.
func (c *Client) call(ctx context.Context, r request, out any) (http.Header, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return resp.Header, decode(resp, out)
}

func decode(resp *http.Response, out any) error {
	body := io.LimitReader(resp.Body, maxBody)
	if out == nil {
		_, err := io.Copy(io.Discard, body)
		return err
	}
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("client: the answer to %s %s cannot be read: %w", resp.Request.Method, resp.Request.URL.Path, err)
	}
	return nil
}

// send sends a request, as often as it may. The answer is a success, or one
// that the request accepts; the caller closes its body.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("client: the request cannot be encoded: %w", err)
		}
	}
	for attempt := 0; ; attempt++ {
		resp, err := c.once(ctx, r, body)
		if err == nil && (resp.StatusCode/100 == 2 || r.accept != nil && r.accept(resp.StatusCode)) {
			return resp, nil
		}
		if err == nil {
			err = readError(resp)
		}
		wait, again := c.again(ctx, r.method, attempt, err)
		if !again || !pause(ctx, wait) {
			return nil, err
		}
	}
}

func (c *Client) once(ctx context.Context, r request, body []byte) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := c.newRequest(ctx, r, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.http.Do(req)
}

func (c *Client) newRequest(ctx context.Context, r request, body io.Reader) (*http.Request, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, err
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	req.Header.Set("User-Agent", c.agent)
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	return req, nil
}

// path puts ids into the %s of a pattern, escaped.
func path(pattern string, ids ...string) (string, error) {
	escaped := make([]any, len(ids))
	for i, id := range ids {
		// Dot segments would be resolved away on the way, and address
		// something else.
		if id == "" || id == "." || id == ".." {
			return "", fmt.Errorf("client: %q is not an id", id)
		}
		escaped[i] = url.PathEscape(id)
	}
	return fmt.Sprintf(pattern, escaped...), nil
}
