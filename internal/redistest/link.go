package redistest

import (
	"net"
	"sync"
	"time"
)

// link is one client's connection through a proxy.
type link struct {
	proxy  *Proxy
	client net.Conn
	done   chan struct{} // closed with the link

	// under the proxy's lock:
	server  net.Conn // nil until dialled
	spoiled bool     // has lost bytes, so that it cannot go on
	closed  bool
}

// serve copies in both directions until either side ends.
func (l *link) serve() {
	defer l.end()
	if !l.passes() {
		l.swallow()
		return
	}
	server, err := net.Dial("tcp", l.proxy.target)
	if err != nil || !l.join(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.copy(server, l.client) })
	both.Go(func() { l.copy(l.client, server) })
	both.Wait()
}

// join makes server the other side, unless the link is closed by now.
func (l *link) join(server net.Conn) bool {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	if l.closed {
		_ = server.Close()
		return false
	}
	l.server = server
	return true
}

// passes waits while the proxy holds, and reports whether the link's bytes go
// through now; otherwise they are lost.
func (l *link) passes() bool {
	for {
		state, changed := l.look()
		if state != holding {
			return state == passing
		}
		select {
		case <-changed:
		case <-l.done:
			return false
		}
	}
}

// look gives the proxy's state and what will be closed when it changes.
func (l *link) look() (proxyState, <-chan struct{}) {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	if l.proxy.state == dropping {
		l.spoiled = true
	}
	return l.proxy.state, l.proxy.changed
}

// swallow reads what the client sends to nobody.
func (l *link) swallow() {
	buf := make([]byte, 4096)
	for {
		if _, err := l.client.Read(buf); err != nil {
			return
		}
	}
}

// chunk is a piece of a stream, due at a time.
type chunk struct {
	bytes []byte
	due   time.Time
}

// copy passes src's bytes on to dst, each when it is due, and then the end.
func (l *link) copy(dst, src net.Conn) {
	defer l.end()
	var writer sync.WaitGroup
	defer writer.Wait()
	queue := make(chan chunk, 1024)
	defer close(queue)
	writer.Go(func() { l.write(dst, queue) })
	for {
		buf := make([]byte, 32<<10)
		n, err := src.Read(buf)
		if n > 0 {
			select {
			case queue <- chunk{buf[:n], time.Now().Add(l.proxy.latency())}:
			case <-l.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (l *link) write(dst net.Conn, queue <-chan chunk) {
	for c := range queue {
		if wait := time.Until(c.due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-l.done:
				return
			}
		}
		if !l.passes() {
			continue
		}
		if _, err := dst.Write(c.bytes); err != nil {
			l.end()
			return
		}
	}
}

// end closes both sides, once the proxy lets the one learn that the other has
// gone.
func (l *link) end() {
	for {
		state, changed := l.look()
		if state == passing {
			break
		}
		select {
		case <-changed:
		case <-l.done:
			return
		}
	}
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	l.close()
}

// reset closes both sides abruptly. The caller holds the proxy's lock.
func (l *link) reset() {
	for _, c := range []net.Conn{l.client, l.server} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	l.close()
}

// close closes both sides. The caller holds the proxy's lock.
func (l *link) close() {
	if l.closed {
		return
	}
	l.closed = true
	close(l.done)
	delete(l.proxy.open, l)
	_ = l.client.Close()
	if l.server != nil {
		_ = l.server.Close()
	}
}
