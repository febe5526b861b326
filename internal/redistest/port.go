package redistest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
)

const (
	firstPort = 10240
	portCount = 10000
	busOffset = 10000 // a cluster node's bus listens here above its port
)

// port is a TCP port that no other user of this package has until it is
// released.
type port struct {
	number int
	held   io.Closer
}

func (p port) String() string { return strconv.Itoa(p.number) }
func (p port) addr() string   { return net.JoinHostPort("127.0.0.1", p.String()) }
func (p port) release()       { _ = p.held.Close() }

// reservePort finds a port on which nothing listens, nor on its bus port.
func reservePort() (port, error) {
	var last error
	for range 200 {
		n := firstPort + rand.IntN(portCount)
		held, err := holdPort(n)
		if err != nil {
			last = err
			continue
		}
		if err := probePorts(n, n+busOffset); err != nil {
			_ = held.Close()
			last = err
			continue
		}
		return port{number: n, held: held}, nil
	}
	return port{}, fmt.Errorf("no free port: %w", last)
}

// probePorts listens on each port for a moment.
func probePorts(numbers ...int) error {
	for _, n := range numbers {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n)))
		if err != nil {
			return err
		}
		if err := ln.Close(); err != nil {
			return err
		}
	}
	return nil
}
