package cachetest

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/dejahq/deja/internal/redistest"
)

// network is one node's way to the servers, whichever they are: a proxy for
// each. What befalls it befalls all of them.
type network struct {
	tb TB

	mu      sync.Mutex
	proxies map[string]*redistest.Proxy
	spoiled func(*redistest.Proxy) // nil: nothing is
}

func newNetwork(tb TB) *network {
	return &network{tb: tb, proxies: make(map[string]*redistest.Proxy)}
}

// dial is what the node's engine connects with.
func (n *network) dial(ctx context.Context, addr string) (net.Conn, error) {
	n.mu.Lock()
	p, known := n.proxies[addr]
	if !known {
		p = redistest.NewProxy(n.tb, addr)
		if n.spoiled != nil {
			n.spoiled(p)
		}
		n.proxies[addr] = p
	}
	n.mu.Unlock()
	var d net.Dialer
	return d.DialContext(ctx, "tcp", p.Addr())
}

// spoil does something to the node's connections, and to those to come.
func (n *network) spoil(f func(*redistest.Proxy)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.spoiled = f
	for _, p := range n.proxies {
		f(p)
	}
}

// spoilFor does something, and undoes it after a while.
func (n *network) spoilFor(ctx context.Context, d time.Duration, f func(*redistest.Proxy)) {
	n.spoil(f)
	pause(ctx, d)
	n.spoil((*redistest.Proxy).Heal)
}

// cut resets the connections that there are.
func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.proxies {
		p.Cut()
	}
}
