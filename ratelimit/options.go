package ratelimit

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/dejahq/deja/internal/redisconn"
)

// Errors that the package gives, wrapped.
var (
	// ErrOptions is given for options that make no sense.
	ErrOptions = errors.New("ratelimit: invalid options")
	// ErrCost is given for a cost that no window can bear: less than 1, or
	// more than the limit. Waiting doesn't help.
	ErrCost = errors.New("ratelimit: impossible cost")
	// ErrIdentifier is given for an empty identifier.
	ErrIdentifier = errors.New("ratelimit: empty identifier")
)

// RedisOptions say where Redis is. They print without their secrets.
type RedisOptions = redisconn.Options

// Options configure a Limiter. Only Limit must be given.
type Options struct {
	Redis  *RedisOptions // nil: this process limits by itself
	Prefix string        // before every key in Redis; may be empty

	Limit  int64         // what each client may spend in a window; at most 1e12
	Window time.Duration // default 1 min; whole milliseconds, at most 31 days

	// Timeout is how long a request waits for Redis before it is decided
	// without. Default 100 ms.
	Timeout time.Duration
	// LocalClients is how many clients are remembered in memory, against
	// Redis being away; about 150 bytes each. When there are more, those that
	// have spent least are forgotten first. Default 65536.
	LocalClients int
	Logger       *slog.Logger // default discards
}

const (
	defaultWindow       = time.Minute
	defaultTimeout      = 100 * time.Millisecond
	defaultLocalClients = 1 << 16
	maxLimit            = 1e12 // far below 2^53, up to which Lua counts exactly
	maxWindow           = 31 * 24 * time.Hour
	maxPrefix           = 128
)

func (o Options) resolve() (Options, error) {
	if o.Window == 0 {
		o.Window = defaultWindow
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.LocalClients == 0 {
		o.LocalClients = defaultLocalClients
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Limit < 1 || o.Limit > maxLimit:
		return o, fmt.Errorf("%w: Limit %d", ErrOptions, o.Limit)
	case o.Window < time.Millisecond || o.Window > maxWindow || o.Window%time.Millisecond != 0:
		return o, fmt.Errorf("%w: Window %v", ErrOptions, o.Window)
	case o.Timeout < 0:
		return o, fmt.Errorf("%w: Timeout %v", ErrOptions, o.Timeout)
	case o.LocalClients < 0:
		return o, fmt.Errorf("%w: LocalClients %d", ErrOptions, o.LocalClients)
	// Braces would choose the slot in a Redis Cluster: all clients in one.
	case len(o.Prefix) > maxPrefix || strings.ContainsFunc(o.Prefix, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '{' || r == '}' }):
		return o, fmt.Errorf("%w: Prefix is too long, or holds white space, control characters or braces", ErrOptions)
	}
	return o, nil
}
