package redistest

import (
	"net"
	"sync"
	"time"
)

// Proxy is a TCP proxy that can be made to misbehave as networks do. It begins
// by passing everything on; Heal brings it back to that. Its methods may be
// called from any goroutine.
type Proxy struct {
	tb     TB
	target string
	port   port
	links  sync.WaitGroup

	mu       sync.Mutex
	state    proxyState
	changed  chan struct{} // closed at each change of state
	delay    time.Duration
	listener net.Listener // nil while refusing
	open     map[*link]struct{}
}

type proxyState int

const (
	passing  proxyState = iota
	holding             // bytes wait
	dropping            // bytes vanish
)

// NewProxy starts a proxy to the target address. It ends with the test.
func NewProxy(tb TB, target string) *Proxy {
	tb.Helper()
	p := &Proxy{tb: tb, target: target, changed: make(chan struct{}), open: make(map[*link]struct{})}
	var err error
	if p.port, err = reservePort(); err != nil {
		tb.Fatalf("redistest: proxy: %v", err)
	}
	p.Heal()
	tb.Cleanup(func() {
		p.Refuse()
		p.links.Wait()
		p.port.release()
	})
	return p
}

// Addr gives the proxy's "127.0.0.1:port"; it never changes.
func (p *Proxy) Addr() string { return p.port.addr() }

// Connections gives the number of connections that clients have open through
// the proxy.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}

// Cut resets all connections. New ones are accepted.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.open {
		l.reset()
	}
}

// Refuse resets all connections and refuses new ones.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.mu.Unlock()
	p.Cut()
}

// Blackhole leaves connections open, accepts new ones, and makes every byte
// vanish in both directions, the end of a connection included: what remains
// is half-open. Heal resets the connections that have lost something.
func (p *Proxy) Blackhole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setState(dropping)
}

// Stall holds every byte back, and new connections too, until Heal delivers
// them in order: a partition that heals before anyone gives up.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setState(holding)
}

// Delay makes each byte arrive d later, in each direction, without making the
// connection narrower.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Heal ends Refuse, Blackhole, Stall and Delay.
func (p *Proxy) Heal() {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.open {
		if l.spoiled {
			l.reset()
		}
	}
	p.delay = 0
	p.setState(passing)
	if p.listener != nil {
		return
	}
	ln, err := net.Listen("tcp", p.port.addr())
	if err != nil {
		p.tb.Fatalf("redistest: proxy: %v", err)
	}
	p.listener = ln
	p.links.Go(func() { p.accept(ln) })
}

// setState must be called with the lock held.
func (p *Proxy) setState(s proxyState) {
	p.state = s
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		l := &link{proxy: p, client: conn, done: make(chan struct{})}
		p.mu.Lock()
		if p.listener != ln { // Refuse came between
			p.mu.Unlock()
			_ = conn.Close()
			return
		}
		p.open[l] = struct{}{}
		p.mu.Unlock()
		p.links.Go(l.serve)
	}
}

func (p *Proxy) latency() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}
