package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/joho/godotenv"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redisconn"
)

// config is everything that a server can be told, by flags and environment.
type config struct {
	Listen  string `help:"Address to listen on; port 0 picks one and prints it." env:"DEJA_LISTEN" default:"127.0.0.1:8787"`
	DataDir string `help:"Folder of the embedded store, used without a MongoDB URI." env:"DEJA_DATA_DIR" default:"deja-data" type:"path"`

	MongoDBURI  deja.Secret `name:"mongodb-uri" help:"MongoDB to keep everything in; without it, an embedded SQLite store." env:"MONGODB_URI" placeholder:"mongodb://..." group:"store"`
	MongoDBName string      `name:"mongodb-database" help:"Database in MongoDB, when the URI names none." env:"MONGODB_DATABASE" default:"deja" group:"store"`

	Caching       string      `name:"cache" help:"on, or off to find out what caching is worth: then everything is read from the store, and every question goes to the model." env:"DEJA_CACHE" enum:"on,off" default:"on" group:"cache"`
	RedisURL      deja.Secret `name:"redis-url" help:"Redis or Valkey 7+, shared by all nodes; without it, memory only. redis://, rediss:// (TLS) or unix://." env:"REDIS_URL" placeholder:"redis://..." group:"cache"`
	RedisPassword deja.Secret `name:"redis-password" help:"Password for Redis, if it is not in the URL." env:"REDIS_PASSWORD" placeholder:"..." group:"cache"`
	RedisDB       int         `name:"redis-db" help:"Database number in Redis, if it is not in the URL." env:"REDIS_DB" default:"0" group:"cache"`
	Prefix        string      `name:"redis-prefix" help:"Stands before every key in Redis." env:"DEJA_REDIS_PREFIX" group:"cache"`
	Memory        byteSize    `name:"memory" help:"Budget of the memory cache, for all layers together." env:"DEJA_MEMORY" default:"64MiB" group:"cache"`
	AssistantTTL  seconds     `name:"ttl-assistant" help:"Lifetime of assistant data, in seconds or as 30m." env:"DEJA_TTL_ASSISTANT" default:"1800" group:"cache"`
	SchemaTTL     seconds     `name:"ttl-schema" help:"Lifetime of schema info." env:"DEJA_TTL_SCHEMA" default:"3600" group:"cache"`
	ContextTTL    seconds     `name:"ttl-context" help:"Lifetime of thread contexts." env:"DEJA_TTL_CONTEXT" default:"7200" group:"cache"`
	AnswerTTL     seconds     `name:"ttl-answer" help:"Lifetime of message responses." env:"DEJA_TTL_ANSWER" default:"86400" group:"cache"`

	OpenAIKey     deja.Secret `name:"openai-api-key" help:"Key for the model server. Without a key and a base URL, the built-in local model answers." env:"OPENAI_API_KEY" placeholder:"..." group:"model"`
	OpenAIBaseURL string      `name:"openai-base-url" help:"A server that speaks the OpenAI API, up to and with /v1." env:"OPENAI_BASE_URL" placeholder:"URL" group:"model"`
	ModelTimeout  seconds     `name:"model-timeout" help:"How long a whole answer may take." env:"DEJA_MODEL_TIMEOUT" default:"600" group:"model"`

	FirstTokenTimeout seconds `name:"first-token-timeout" help:"How long one attempt may take to its first token, before another attempt or a fallback." env:"DEJA_FIRST_TOKEN_TIMEOUT" default:"120" group:"model"`
	Upstreams         string  `name:"upstreams" help:"Further model servers, which assistants may name as fallbacks: NAME=URL,... or a JSON file; keys in DEJA_UPSTREAM_NAME_KEY." env:"DEJA_UPSTREAMS" placeholder:"NAME=URL" group:"model"`
	StaleIfError      spell   `name:"stale-if-error" help:"How long answers are kept past their lifetime, for when no model answers; 0: not at all." env:"DEJA_STALE_IF_ERROR" default:"0" group:"model"`
	ReplayRate        float64 `name:"replay-rate" help:"Pieces a second in which cached answers are streamed; 0: all at once." env:"DEJA_REPLAY_RATE" default:"0" group:"model"`

	Prices string `name:"prices" help:"File with the prices of models' tokens, read again when it changes; without it, amounts of money are not known." env:"DEJA_PRICES" placeholder:"FILE" type:"path" group:"model"`

	APIKeys        []deja.Secret `name:"api-keys" help:"Keys that clients must send as a bearer token; none: everybody is let in." env:"DEJA_API_KEYS" placeholder:"KEY" group:"clients"`
	RateLimit      int64         `name:"rate-limit" help:"Requests per client and window; 0: no limit." env:"DEJA_RATE_LIMIT" default:"600" group:"clients"`
	RateWindow     seconds       `name:"rate-window" help:"The window of the rate limit." env:"DEJA_RATE_WINDOW" default:"60" group:"clients"`
	RateLoopback   bool          `name:"rate-limit-loopback" help:"Limit clients on loopback as well." env:"DEJA_RATE_LIMIT_LOOPBACK" group:"clients"`
	TrustedProxies []string      `name:"trusted-proxies" help:"Networks whose X-Forwarded-For is believed." env:"DEJA_TRUSTED_PROXIES" placeholder:"CIDR" group:"clients"`
	Hosts          []string      `name:"hosts" help:"Host names, besides localhost and addresses, under which clients on this machine reach the server." env:"DEJA_HOSTS" placeholder:"NAME" group:"clients"`
	MaxUpload      byteSize      `name:"max-upload" help:"Size limit of an uploaded file." env:"DEJA_MAX_UPLOAD" default:"64MiB" group:"clients"`
	MaxRows        int64         `name:"max-rows" help:"Row limit of an uploaded file." env:"DEJA_MAX_ROWS" default:"1000000" group:"clients"`

	// Silent keeps telemetry on this machine, whatever the OTEL_ variables say.
	Silent bool `kong:"-"`

	LogLevel  string  `help:"debug, info, warn or error; debug logs each cache hit and miss." env:"DEJA_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" group:"log"`
	LogFormat string  `help:"text or json." env:"DEJA_LOG_FORMAT" default:"text" enum:"text,json" group:"log"`
	Drain     seconds `name:"drain" help:"How long open streams may go on after Ctrl-C." env:"DEJA_DRAIN" default:"10"`
}

// Validate checks what the types alone don't. kong calls it; its error is one
// line, and never holds a secret.
func (c *config) Validate() error {
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		return fmt.Errorf("--listen: %q is not HOST:PORT", c.Listen)
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("--listen: %q is not a port", port)
	}
	if uri := c.MongoDBURI.Reveal(); uri != "" && !strings.HasPrefix(uri, "mongodb://") && !strings.HasPrefix(uri, "mongodb+srv://") {
		return errors.New("MONGODB_URI: it must begin with mongodb:// or mongodb+srv://")
	}
	if !c.RedisURL.IsZero() {
		if _, err := redisconn.Parse(c.RedisURL.Reveal()); err != nil {
			return fmt.Errorf("REDIS_URL: %w", err)
		}
	}
	if c.RedisDB < 0 {
		return errors.New("REDIS_DB: it cannot be negative")
	}
	if c.OpenAIBaseURL != "" {
		u, err := url.Parse(c.OpenAIBaseURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return errors.New("OPENAI_BASE_URL: it must be an http:// or https:// address")
		}
	}
	for _, cidr := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			return fmt.Errorf("--trusted-proxies: %q is not a network such as 10.0.0.0/8", cidr)
		}
	}
	switch {
	case c.RateLimit < 0:
		return errors.New("--rate-limit: it cannot be negative")
	case time.Duration(c.AnswerTTL)+time.Duration(c.StaleIfError) > 30*24*time.Hour:
		return errors.New("--ttl-answer and --stale-if-error: together they cannot be more than 30 days")
	case c.ReplayRate < 0 || c.ReplayRate > 10_000:
		return errors.New("--replay-rate: it must be from 0 to 10000 pieces a second")
	case c.MaxRows <= 0:
		return errors.New("--max-rows: it must be positive")
	}
	return nil
}

// redis gives the Redis options, or nil when none is configured.
func (c *config) redis() *cache.RedisOptions {
	if c.RedisURL.IsZero() {
		return nil
	}
	return &cache.RedisOptions{URL: c.RedisURL.Reveal(), Password: c.RedisPassword.Reveal(), DB: c.RedisDB}
}

// proxies gives the trusted networks, which Validate has checked.
func (c *config) proxies() []netip.Prefix {
	var proxies []netip.Prefix
	for _, cidr := range c.TrustedProxies {
		if p, err := netip.ParsePrefix(cidr); err == nil {
			proxies = append(proxies, p)
		}
	}
	return proxies
}

// localModel reports whether the built-in model answers.
func (c *config) localModel() bool { return c.OpenAIKey.IsZero() && c.OpenAIBaseURL == "" }

func (c *config) logLevel() slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(c.LogLevel)) // kong has checked it
	return l
}

// loadEnvFiles sets what the files say and the environment does not; of two
// files the first wins. Files that don't exist are passed over.
func loadEnvFiles(names ...string) error {
	for _, name := range names {
		if err := godotenv.Load(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			// The parser's error quotes the file, which holds secrets.
			return fmt.Errorf("%s: it cannot be read as lines of NAME=value", name)
		}
	}
	return nil
}

// seconds is a time, written as a number of seconds or as Go writes durations.
type seconds time.Duration

// UnmarshalText reads it; it must be positive.
func (s *seconds) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if n, e := strconv.ParseFloat(string(text), 64); e == nil {
		d, err = time.Duration(n*float64(time.Second)), nil
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a time: write seconds (1800) or a duration (30m), above zero", text)
	}
	*s = seconds(d)
	return nil
}

// spell is a time as seconds, or none.
type spell time.Duration

// UnmarshalText reads it.
func (s *spell) UnmarshalText(text []byte) error {
	if string(text) == "0" {
		*s = 0
		return nil
	}
	return (*seconds)(s).UnmarshalText(text)
}

// byteSize is a size, written as a number of bytes or with KiB, MiB, GiB.
type byteSize int64

// UnmarshalText reads it; it must be positive.
func (s *byteSize) UnmarshalText(text []byte) error {
	number, unit := strings.TrimSpace(string(text)), int64(1)
	for _, u := range []struct {
		suffix string
		bytes  int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > (1<<50)/unit {
		return fmt.Errorf("%q is not a size: write bytes or 64MiB, above zero", text)
	}
	*s = byteSize(n * unit)
	return nil
}
