package redistest

import (
	"fmt"
	"slices"
	"strings"
)

// Option changes how servers are started.
type Option func(*config)

type config struct {
	username, password string
	tls                bool
	certs              *certificates // with tls; made once for a group of servers
	extra              []directive
}

// directive is a line of redis.conf.
type directive struct {
	name   string
	values []string
}

// WithPassword makes clients authenticate as the default user.
func WithPassword(password string) Option {
	return func(c *config) { c.password = password }
}

// WithUser adds a user who may do everything, and disables the default user.
func WithUser(name, password string) Option {
	return func(c *config) { c.username, c.password = name, password }
}

// WithTLS makes the server speak TLS only, with a certificate for 127.0.0.1 and
// localhost from an authority made for this test.
func WithTLS() Option {
	return func(c *config) { c.tls = true }
}

// WithMaxMemory limits the server's memory (in redis.conf's units, such as
// "4mb") and says what is evicted then.
func WithMaxMemory(limit, policy string) Option {
	return func(c *config) {
		c.extra = append(c.extra, directive{"maxmemory", []string{limit}}, directive{"maxmemory-policy", []string{policy}})
	}
}

// WithConfig sets any other directive of redis.conf.
func WithConfig(name string, values ...string) Option {
	return func(c *config) { c.extra = append(c.extra, directive{name, values}) }
}

func newConfig(tb TB, opts []Option) (config, error) {
	var c config
	for _, o := range opts {
		o(&c)
	}
	if !c.tls {
		return c, nil
	}
	certs, err := makeCertificates(tb.TempDir())
	c.certs = certs
	return c, err
}

// after gives a copy that has further directives before the caller's own, which
// therefore win.
func (c config) after(more ...directive) config {
	c.extra = slices.Concat(more, c.extra)
	return c
}

// listening gives the directives that a server and a sentinel share.
func (c config) listening(p port) []directive {
	ds := []directive{
		{"bind", []string{"127.0.0.1"}},
		{"protected-mode", []string{"yes"}},
	}
	if c.certs == nil {
		return append(ds, directive{"port", []string{p.String()}})
	}
	return append(ds,
		directive{"port", []string{"0"}},
		directive{"tls-port", []string{p.String()}},
		directive{"tls-cert-file", []string{c.certs.certFile}},
		directive{"tls-key-file", []string{c.certs.keyFile}},
		directive{"tls-ca-cert-file", []string{c.certs.caFile}},
		directive{"tls-auth-clients", []string{"no"}},
		directive{"tls-replication", []string{"yes"}},
	)
}

// users gives the directives that say who may log in.
func (c config) users() []directive {
	switch {
	case c.username != "":
		return []directive{
			{"user", []string{"default", "off"}},
			{"user", []string{c.username, "on", ">" + c.password, "~*", "&*", "+@all"}},
		}
	case c.password != "":
		return []directive{{"requirepass", []string{c.password}}}
	}
	return nil
}

// replication gives the directives with which a replica logs in to its master.
func (c config) replication() []directive {
	var ds []directive
	if c.username != "" {
		ds = append(ds, directive{"masteruser", []string{c.username}})
	}
	if c.password != "" {
		ds = append(ds, directive{"masterauth", []string{c.password}})
	}
	return ds
}

// server gives the whole configuration of a redis-server.
func (c config) server(dataDir string, p port) []directive {
	return slices.Concat(
		c.listening(p),
		[]directive{
			{"dir", []string{dataDir}},
			{"save", []string{""}},
			{"appendonly", []string{"no"}},
			// Without this a replica waits 5 s for others before it copies its master.
			{"repl-diskless-sync-delay", []string{"0"}},
		},
		c.users(), c.replication(), c.extra,
	)
}

// render writes directives as redis.conf.
func render(ds []directive) []byte {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.name)
		for _, v := range d.values {
			b.WriteByte(' ')
			b.WriteString(quote(v))
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// quote writes a value as redis.conf reads it back, byte for byte.
func quote(v string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(v) {
		if c := v[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
