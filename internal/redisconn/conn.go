package redisconn

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// How fast a dead connection is noticed: an idle connection is pinged every
// pingEvery to twice that, and given up when an answer takes longer than
// answerWithin. That is within the two seconds that the cache promises.
const (
	dialWithin   = time.Second
	pingEvery    = 300 * time.Millisecond
	answerWithin = time.Second
	minBackoff   = 50 * time.Millisecond
	maxBackoff   = time.Second
)

// ErrAway is what Ping gives while there is no connection yet.
var ErrAway = errors.New("redis: not connected")

// Hooks tell about a connection. They may run on any goroutine, and must be
// fast.
type Hooks struct {
	// Invalidated turns on client tracking (RESP3, NOLOOP) and is told the
	// keys that the server no longer vouches for; nil means all of them: a
	// connection was lost, or the database flushed. It runs on the goroutine
	// that reads the connection: replies behind it wait.
	Invalidated func(keys []rueidis.RedisMessage)
	// Up is told once the server has answered, at first and after each Down.
	Up func(rueidis.Client)
	// Down is told when the server stops answering.
	Down func(error)
}

// Conn is a client of one Redis (server, sentinel group or cluster) that
// dials in the background and again whenever the connection is lost. It is
// safe for concurrent use.
type Conn struct {
	patience time.Duration // Options.AnswerWithin

	option rueidis.ClientOption
	guard  Secrecy
	hooks  Hooks
	cancel context.CancelFunc
	done   chan struct{}
	up     chan struct{} // closed at the first contact

	// now is what Client tells, for each command of every caller: without the
	// lock. It is set under it.
	now atomic.Pointer[contact]

	mu     sync.Mutex
	client *roomy
	alive  bool
	err    error
}

// contact is a client, and whether the server answered when last asked.
type contact struct {
	client rueidis.Client
	alive  bool
}

// tell brings up to date what Client tells; the caller holds the lock.
func (c *Conn) tell() {
	now := &contact{alive: c.alive}
	if c.client != nil {
		now.client = c.client
	}
	c.now.Store(now)
}

// Open checks the options and starts dialling; it doesn't wait. An unreachable
// server is not an error: Client says when it is there.
func Open(o Options) (*Conn, error) { return OpenWith(o, Hooks{}) }

// OpenWith is Open with hooks.
func OpenWith(o Options, h Hooks) (*Conn, error) {
	t, err := o.resolve()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &Conn{
		patience: cmp.Or(o.AnswerWithin, answerWithin),

		option: clientOption(o, t, h),
		guard:  t.secrecy(),
		hooks:  h,
		cancel: cancel,
		done:   make(chan struct{}),
		up:     make(chan struct{}),
		err:    ErrAway,
	}
	go c.run(ctx)
	return c, nil
}

func clientOption(o Options, t target, h Hooks) rueidis.ClientOption {
	dialer := net.Dialer{Timeout: dialWithin, KeepAlive: pingEvery}
	opt := rueidis.ClientOption{
		InitAddress:      t.addrs,
		Username:         t.username,
		Password:         t.password,
		SelectDB:         t.db,
		TLSConfig:        t.tls,
		ClientName:       o.Name,
		Dialer:           dialer,
		ConnWriteTimeout: cmp.Or(o.AnswerWithin, answerWithin),
		// One connection per server. With more, rueidis picks one at random
		// for each command, and a key read on one connection and written on
		// another breaks the order in which replies and pushes arrive.
		PipelineMultiplex: -1,
		// Measured: up to a third more throughput at many callers, nothing
		// lost at one.
		MaxFlushDelay: 20 * time.Microsecond,
		// A failed read is an answer: who asked has a deadline and a source.
		DisableRetry: true,
		DisableCache: h.Invalidated == nil,
		ClusterOption: rueidis.ClusterOption{
			ShardsRefreshInterval: 5 * time.Second,
		},
	}
	if o.Dial != nil {
		opt.DialCtxFn = func(ctx context.Context, addr string, d *net.Dialer, over *tls.Config) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, d.Timeout)
			defer cancel()
			return secured(ctx, o.Dial, addr, over)
		}
	}
	if t.network == "unix" {
		opt.DialCtxFn = func(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		}
	}
	if h.Invalidated != nil {
		opt.OnInvalidations = h.Invalidated
		opt.ClientTrackingOptions = []string{"NOLOOP"}
	}
	if o.Master != "" {
		opt.Sentinel = rueidis.SentinelOption{
			MasterSet:               o.Master,
			Username:                o.SentinelUsername,
			Password:                o.SentinelPassword,
			Dialer:                  dialer,
			TLSConfig:               t.tls,
			TopologyRefreshInterval: 5 * time.Second,
		}
	}
	return opt
}

// secured dials, and puts TLS on top if there is to be any.
func secured(ctx context.Context, dial func(context.Context, string) (net.Conn, error), addr string, over *tls.Config) (net.Conn, error) {
	conn, err := dial(ctx, addr)
	if err != nil || over == nil {
		return conn, err
	}
	if over.ServerName == "" {
		over = over.Clone()
		over.ServerName, _, _ = net.SplitHostPort(addr)
	}
	tlsConn := tls.Client(conn, over)
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return tlsConn, nil
}

// run dials until it succeeds, then pings for as long as the Conn is open.
// The pings also make rueidis dial again after a loss, so that Up comes
// without waiting for traffic.
func (c *Conn) run(ctx context.Context) {
	defer close(c.done)
	backoff := minBackoff
	for {
		err := c.contact(ctx)
		wait := pingEvery
		if err != nil {
			wait = backoff/2 + rand.N(backoff)
			backoff = min(2*backoff, maxBackoff)
		} else {
			backoff = minBackoff
		}
		if ctx.Err() == nil {
			c.report(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (c *Conn) contact(ctx context.Context) error {
	client, ok := c.dialled()
	if !ok {
		fresh, err := rueidis.NewClient(c.option)
		if err != nil {
			return err
		}
		client = &roomy{fresh, newRoom()}
		c.mu.Lock()
		c.client = client
		c.tell()
		c.mu.Unlock()
	}
	// Twice: an answer that seems late may have been there for long, in a
	// process with so much to do that nobody has read it. A connection that is
	// dead is given up meanwhile by the client, which has pings of its own.
	err := c.ping(ctx, client)
	if errors.Is(err, context.DeadlineExceeded) {
		err = c.ping(ctx, client)
	}
	return err
}

// ping goes past the room: it may be this one that gives places back.
func (c *Conn) ping(ctx context.Context, client *roomy) error {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	left := client.room.left.Load()
	err := Ping(ctx, client.Client)
	if err == nil {
		client.room.heard(left)
	}
	return err
}

// Ping asks whether the server answers; of a cluster, whether any node does.
func Ping(ctx context.Context, c rueidis.Client) error {
	return Any(c, func(node rueidis.Client) error { return node.Do(ctx, node.B().Ping().Build()).Error() })
}

// Any asks a server what every server can answer: of a cluster, one node
// after the other until one does, because a client picks a node at random
// for commands without a key, be it a dead one.
func Any(c rueidis.Client, ask func(rueidis.Client) error) error {
	if c.Mode() != rueidis.ClientModeCluster {
		return ask(c)
	}
	err := ErrAway
	for _, node := range c.Nodes() {
		if err = ask(node); err == nil {
			return nil
		}
	}
	return err
}

// report tells the hooks of a change.
func (c *Conn) report(err error) {
	c.mu.Lock()
	was, client := c.alive, c.client
	c.alive, c.err = err == nil, err
	c.tell()
	first := err == nil && !isClosed(c.up)
	if first {
		close(c.up)
	}
	c.mu.Unlock()
	switch {
	case err == nil && !was && c.hooks.Up != nil:
		c.hooks.Up(client)
	case err != nil && was && c.hooks.Down != nil:
		c.hooks.Down(err)
	}
}

func isClosed(ch chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func (c *Conn) dialled() (*roomy, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.client, c.client != nil
}

// Client gives the client, once there has been contact, and whether the
// server answered when it was last asked. Its Do and DoMulti return when their
// context ends, also while the server hangs and however many call them.
func (c *Conn) Client() (rueidis.Client, bool) {
	if now := c.now.Load(); now != nil {
		return now.client, now.alive
	}
	return nil, false
}

// Secrecy says how the connection is guarded.
func (c *Conn) Secrecy() Secrecy { return c.guard }

// Database gives the number of the database.
func (c *Conn) Database() int { return c.option.SelectDB }

// Err says why the server was not reached at the last try; nil when it was.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Wait waits for the first contact, or for ctx.
func (c *Conn) Wait(ctx context.Context) error {
	select {
	case <-c.up:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close hangs up and waits until nothing runs any more. It is idempotent.
func (c *Conn) Close() error {
	c.cancel()
	<-c.done
	c.mu.Lock()
	client := c.client
	c.client, c.alive, c.err = nil, false, rueidis.ErrClosing
	c.tell()
	c.mu.Unlock()
	if client != nil {
		client.Close()
	}
	return nil
}
