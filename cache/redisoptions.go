package cache

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/dejahq/deja/internal/redisconn"
)

// RedisOptions say where Redis is and how to get in. The zero value is the
// server on localhost:6379, without credentials. They print without their
// secrets: with fmt, log/slog and encoding/json.
type RedisOptions struct {
	// URL is redis://, rediss:// (TLS) or unix://, and may hold credentials
	// and the database: redis://user:secret@host:6379/0. The fields below win
	// over what the URL says.
	URL string

	// Addrs are host:port pairs, instead of a URL: the sentinels when Master
	// is set, else one server or the seeds of a cluster.
	Addrs []string
	// Master is the name under which sentinels know the server.
	Master           string
	SentinelUsername string // for the sentinels themselves
	SentinelPassword string

	Username string // of an ACL user; needs a Password
	Password string
	DB       int // number of the database; a cluster has 0 only

	// TLS turns TLS on, and configures it; nil: by the URL.
	TLS *tls.Config

	// Name is shown by CLIENT LIST; it must not hold white space. Default
	// "deja:" and Options.Node.
	Name string

	// AnswerWithin is how long the server may take to answer before the
	// connection counts as lost. A dead connection is noticed within this and
	// 600 ms. Default 1 s.
	AnswerWithin time.Duration

	// Dial makes the connections, of TCP, to servers and sentinels: through a
	// tunnel, say. TLS is put on top of it. Default: a net.Dialer.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
}

// connection gives the options as the package has them that connects. The
// compiler sees to it that none is missing.
func (o RedisOptions) connection() redisconn.Options { return redisconn.Options(o) }

// String shows the options without their secrets.
func (o RedisOptions) String() string { return o.connection().String() }

// GoString keeps secrets out of %#v too.
func (o RedisOptions) GoString() string { return "cache.RedisOptions(" + o.String() + ")" }

// LogValue keeps secrets out of structured logs.
func (o RedisOptions) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalText keeps secrets out of JSON.
func (o RedisOptions) MarshalText() ([]byte, error) { return []byte(o.String()), nil }
