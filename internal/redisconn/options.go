// Package redisconn opens connections to Redis as deja wants them: checked
// settings that never show their secrets, dialling in the background, and a
// word when the server comes and goes.
package redisconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options say where Redis is and how to get in. The zero value is the server
// on localhost:6379 without credentials. Options print without their secrets.
type Options struct {
	// URL is redis://, rediss:// (TLS) or unix://, and may hold credentials
	// and the database: redis://user:secret@host:6379/0. The fields below win
	// over what the URL says.
	URL string

	// Addrs are host:port pairs, instead of a URL: the sentinels when Master
	// is set, else one server or the seeds of a cluster.
	Addrs []string
	// Master is the name under which sentinels know the server.
	Master           string
	SentinelUsername string
	SentinelPassword string

	Username string
	Password string
	DB       int

	// TLS turns TLS on, and configures it.
	TLS *tls.Config

	// Name is shown by CLIENT LIST; it must not hold spaces.
	Name string

	// AnswerWithin is how long the server may take to answer before the
	// connection counts as lost. A dead connection is noticed within this and
	// 600 ms. Default 1 s.
	AnswerWithin time.Duration

	// Dial makes the connections, of TCP, to servers and sentinels: through a
	// tunnel, say. TLS is put on top of it. Default: a net.Dialer.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
}

// Errors that Parse and Open wrap. Their text never holds a secret.
var (
	ErrURL     = errors.New("redis: the URL must look like redis://host:6379/0, rediss://... or unix:///path")
	ErrOptions = errors.New("redis: invalid options")
)

// Parse checks a URL and gives the options that it means. An error doesn't
// repeat the URL, which may hold a password.
func Parse(rawURL string) (Options, error) {
	o := Options{URL: rawURL}
	if _, err := o.resolve(); err != nil {
		return Options{}, err
	}
	return o, nil
}

// target is what Options come to once the URL has been taken apart.
type target struct {
	network  string // tcp or unix
	addrs    []string
	username string
	password string
	db       int
	tls      *tls.Config
}

func (o Options) resolve() (target, error) {
	t := target{network: "tcp"}
	if o.URL != "" {
		if len(o.Addrs) > 0 {
			return target{}, fmt.Errorf("%w: give a URL or addresses, not both", ErrOptions)
		}
		if err := t.fromURL(o.URL); err != nil {
			return target{}, err
		}
	}
	if len(o.Addrs) > 0 {
		t.addrs = slices.Clone(o.Addrs)
	}
	if len(t.addrs) == 0 {
		t.addrs = []string{"localhost:6379"}
	}
	if t.network == "tcp" {
		for i, a := range t.addrs {
			if _, port, err := net.SplitHostPort(a); err != nil || port == "" { // it may be a URL, with a password
				return target{}, fmt.Errorf("%w: address %d of %d is not host:port", ErrOptions, i+1, len(t.addrs))
			}
		}
	}
	if o.Username != "" {
		t.username = o.Username
	}
	if o.Password != "" {
		t.password = o.Password
	}
	if o.DB != 0 {
		t.db = o.DB
	}
	if o.TLS != nil {
		t.tls = o.TLS.Clone()
	}
	switch {
	case o.AnswerWithin < 0:
		return target{}, fmt.Errorf("%w: AnswerWithin is negative", ErrOptions)
	case t.db < 0:
		return target{}, fmt.Errorf("%w: database %d is negative", ErrOptions, t.db)
	case t.username != "" && t.password == "":
		return target{}, fmt.Errorf("%w: a user name needs a password", ErrOptions)
	case strings.ContainsAny(o.Name, " \n\r\t"):
		return target{}, fmt.Errorf("%w: the client name holds white space", ErrOptions)
	case o.Master != "" && t.network == "unix":
		return target{}, fmt.Errorf("%w: sentinels are reached over TCP", ErrOptions)
	case o.Master == "" && (o.SentinelUsername != "" || o.SentinelPassword != ""):
		return target{}, fmt.Errorf("%w: sentinel credentials without the name of a master", ErrOptions)
	}
	return t, nil
}

func (t *target) fromURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return ErrURL // the cause would repeat the URL
	}
	if u.User != nil {
		t.username = u.User.Username()
		t.password, _ = u.User.Password()
	}
	db := strings.Trim(u.Path, "/")
	switch u.Scheme {
	case "unix":
		if u.Path == "" || u.Path == "/" {
			return ErrURL
		}
		t.network, t.addrs = "unix", []string{u.Path}
		db = ""
	case "rediss":
		t.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
		fallthrough
	case "redis":
		host, port := u.Hostname(), u.Port()
		if host == "" {
			host = "localhost"
		}
		if port == "" {
			port = "6379"
		}
		t.addrs = []string{net.JoinHostPort(host, port)}
	default:
		return ErrURL
	}
	if q := u.Query().Get("db"); q != "" {
		db = q
	}
	if db == "" {
		return nil
	}
	if t.db, err = strconv.Atoi(db); err != nil {
		return fmt.Errorf("%w: the database must be a number", ErrURL)
	}
	return nil
}

// String shows the options without their secrets.
func (o Options) String() string {
	t, err := o.resolve()
	if err != nil {
		return "redis(invalid)"
	}
	var b strings.Builder
	b.WriteString("redis")
	if t.tls != nil {
		b.WriteByte('s')
	}
	b.WriteString("://")
	if t.username != "" || t.password != "" {
		b.WriteString(t.username + ":***@")
	}
	b.WriteString(strings.Join(t.addrs, ","))
	b.WriteString("/" + strconv.Itoa(t.db))
	if o.Master != "" {
		b.WriteString(" master=" + o.Master)
	}
	return b.String()
}

// GoString keeps secrets out of %#v too.
func (o Options) GoString() string { return "redisconn.Options(" + o.String() + ")" }

// LogValue keeps secrets out of structured logs.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalText keeps secrets out of JSON.
func (o Options) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Secrecy says how a connection is guarded.
type Secrecy struct {
	Auth     bool // it gives a password
	TLS      bool // it is encrypted
	Loopback bool // it doesn't leave this machine: every address given is a loopback one, or a unix socket
}

func (t *target) secrecy() Secrecy {
	s := Secrecy{Auth: t.password != "", TLS: t.tls != nil, Loopback: true}
	if t.network == "unix" {
		return s
	}
	for _, addr := range t.addrs {
		host, _, _ := net.SplitHostPort(addr)
		ip := net.ParseIP(host)
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			s.Loopback = false
		}
	}
	return s
}
