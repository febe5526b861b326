package llm

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dejahq/deja"
)

// Defaults of Options.
const (
	DefaultBaseURL           = "https://api.openai.com/v1"
	DefaultTimeout           = 10 * time.Minute
	DefaultFirstTokenTimeout = 2 * time.Minute
	DefaultIdleTimeout       = time.Minute
	DefaultMaxRetries        = 2
	DefaultMaxRetryDelay     = 10 * time.Second
)

// Options configure a Client. For every duration and for MaxRetries, 0 means
// the default and a negative value means none.
type Options struct {
	BaseURL string      // as OPENAI_BASE_URL, with the /v1; default DefaultBaseURL
	APIKey  deja.Secret // may be empty: many local servers want none

	Timeout           time.Duration // of a whole call, retries and all
	FirstTokenTimeout time.Duration // of one attempt, from sending to the first token; role chunks and comments do not count
	IdleTimeout       time.Duration // between chunks, after the first token

	// MaxRetries is how often a failed attempt is repeated, before the first
	// token only. A server that asks for a longer wait than MaxRetryDelay is
	// not asked again: the caller is told how long to wait.
	MaxRetries    int
	MaxRetryDelay time.Duration

	HTTPClient *http.Client // default: one of its own, with a pool of connections

	// Wrap is put around the transport of the default HTTPClient, for traces.
	// nil: nothing is.
	Wrap func(http.RoundTripper) http.RoundTripper

	Logger *slog.Logger // default discards
}

// maxIdleConns is the number of connections that a client keeps for reuse.
const maxIdleConns = 128

func (o Options) withDefaults() (Options, error) {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	u, err := url.Parse(o.BaseURL)
	switch {
	case err != nil:
		// The parser's error repeats the text, which may have a password.
		return o, deja.Errorf(deja.CodeInvalid, "the model's base URL is not a URL").WithParam("BaseURL")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return o, deja.Errorf(deja.CodeInvalid, "the model's base URL must begin with http:// or https:// and a host").WithParam("BaseURL")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return o, deja.Errorf(deja.CodeInvalid, "the model's base URL must have no credentials, query or fragment; the key is a setting of its own").WithParam("BaseURL")
	}
	if key := o.APIKey.Reveal(); key != strings.TrimSpace(key) || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return o, deja.Errorf(deja.CodeInvalid, "the model's API key has characters that no key has").WithParam("APIKey")
	}
	setDefault(&o.Timeout, DefaultTimeout)
	setDefault(&o.FirstTokenTimeout, DefaultFirstTokenTimeout)
	setDefault(&o.IdleTimeout, DefaultIdleTimeout)
	setDefault(&o.MaxRetries, DefaultMaxRetries)
	setDefault(&o.MaxRetryDelay, DefaultMaxRetryDelay)
	o.MaxRetries = max(o.MaxRetries, 0)
	if o.HTTPClient == nil {
		o.HTTPClient = newHTTPClient()
		if o.Wrap != nil {
			o.HTTPClient.Transport = o.Wrap(o.HTTPClient.Transport)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// newHTTPClient has no timeouts of its own, because answers stream for
// minutes, and asks for no compression, because proxies that compress a stream
// hold it back.
func newHTTPClient() *http.Client {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	if d, ok := http.DefaultTransport.(*http.Transport); ok {
		t = d.Clone()
	}
	t.MaxIdleConns, t.MaxIdleConnsPerHost = maxIdleConns, maxIdleConns
	t.DisableCompression = true
	return &http.Client{Transport: t}
}
