package mongo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
)

// fate is what happens to a command on its way.
type fate int

const (
	arrives fate = iota
	getsLost
	losesItsAnswer // the server executes it, and nobody learns what came of it
	getsNoAnswer   // it vanishes, and the connection stays
	arrivesLate    // its sender has given up when the server gets it, at deliver
)

func (f fate) String() string {
	return [...]string{"arrives", "gets lost", "loses its answer", "gets no answer", "arrives late"}[f]
}

// faultyNet is a network that can be told to fail at a certain command, which
// is deterministic where cutting connections at random is not.
type faultyNet struct {
	mu   sync.Mutex
	next int // commands until the fault; 0: none
	fate fate
	seen []string
	late func() error
}

// failAt makes the nth command from now meet its fate, and forgets what was
// seen before.
func (f *faultyNet) failAt(n int, meets fate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.fate, f.seen = n, meets, nil
}

// commands gives what was sent since failAt.
func (f *faultyNet) commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// pending reports whether the fault has not come about.
func (f *faultyNet) pending() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next > 0
}

// deliver hands the command that arrivesLate to the server, and waits until it
// is executed.
func (f *faultyNet) deliver() error {
	f.mu.Lock()
	late := f.late
	f.late = nil
	f.mu.Unlock()
	if late == nil {
		return nil
	}
	return late()
}

func (f *faultyNet) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &faultyConn{Conn: c, net: f}, nil
}

func (f *faultyNet) meets(command string) fate {
	switch command {
	case "find", "aggregate", "insert", "update", "delete", "findAndModify", "drop":
	default:
		return arrives
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, command)
	if f.next == 0 {
		return arrives
	}
	f.next--
	if f.next > 0 {
		return arrives
	}
	return f.fate
}

var errCut = errors.New("the connection is cut")

type faultyConn struct {
	net.Conn
	net  *faultyNet
	lost bool // the next answer
	late bool // the command: the server's end stays open
}

func (c *faultyConn) Write(p []byte) (int, error) {
	switch c.net.meets(commandOf(p)) {
	case getsLost:
		c.Conn.Close()
		return 0, errCut
	case losesItsAnswer:
		c.lost = true
	case getsNoAnswer:
		return len(p), nil
	case arrivesLate:
		c.postpone(bytes.Clone(p))
		return 0, errCut
	}
	return c.Conn.Write(p)
}

// postpone gives the connection to the network, for the time when deliver
// is called: the client's end is closed, the server's is not.
func (c *faultyConn) postpone(message []byte) {
	conn := c.Conn
	c.late = true
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.net.late = func() error {
		defer conn.Close()
		if _, err := conn.Write(message); err != nil {
			return err
		}
		_, err := conn.Read(make([]byte, 1))
		return err
	}
}

func (c *faultyConn) Close() error {
	if c.late {
		return nil
	}
	return c.Conn.Close()
}

func (c *faultyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.lost { // the command has been executed by now
		c.Conn.Close()
		return 0, errCut
	}
	return n, err
}

// commandOf gives the name of the command in an OP_MSG message: the name of
// the first element of its first section.
func commandOf(p []byte) string {
	const opMsg, first = 2013, 16 + 4 + 1 + 4 + 1
	if len(p) < first || binary.LittleEndian.Uint32(p[12:]) != opMsg {
		return ""
	}
	name, _, _ := bytes.Cut(p[first:], []byte{0})
	return string(name)
}
