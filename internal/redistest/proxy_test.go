package redistest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo starts a server that sends every byte back.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return ln.Addr().String()
}

type caller struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, addr string) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &caller{t, conn, bufio.NewReader(conn)}
}

func (c *caller) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// hear gives the next line, waiting at most d.
func (c *caller) hear(d time.Duration) (string, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(d))
	line, err := c.in.ReadString('\n')
	if err != nil {
		return line, err
	}
	return line[:len(line)-1], nil
}

func (c *caller) mustHear(want string) {
	c.t.Helper()
	if got, err := c.hear(patience); err != nil || got != want {
		c.t.Fatalf("heard %q, %v; want %q", got, err, want)
	}
}

func (c *caller) mustHearNothing() {
	c.t.Helper()
	if got, err := c.hear(50 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("heard %q, %v; want silence", got, err)
	}
}

func (c *caller) mustBeCut() {
	c.t.Helper()
	if got, err := c.hear(patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("heard %q, %v; want an ended connection", got, err)
	}
}

func TestProxyPassesAndCuts(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echo(t))
	a, b := dial(t, p.Addr()), dial(t, p.Addr())
	a.say("1")
	a.mustHear("1")
	b.say("2")
	b.mustHear("2")
	if n := p.Connections(); n != 2 {
		t.Errorf("Connections = %d, want 2", n)
	}
	p.Cut()
	a.mustBeCut()
	b.mustBeCut()
	c := dial(t, p.Addr())
	c.say("3")
	c.mustHear("3")
	if n := p.Connections(); n != 1 {
		t.Errorf("Connections = %d, want 1", n)
	}
}

func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echo(t))
	a := dial(t, p.Addr())
	a.say("1")
	a.mustHear("1")
	p.Refuse()
	a.mustBeCut()
	if c, err := net.Dial("tcp", p.Addr()); err == nil {
		_ = c.Close()
		t.Fatal("a refusing proxy accepts")
	}
	p.Heal()
	b := dial(t, p.Addr())
	b.say("2")
	b.mustHear("2")
}

func TestProxyBlackholeLosesBytesAndKeepsConnectionsHalfOpen(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echo(t))
	old := dial(t, p.Addr())
	old.say("1")
	old.mustHear("1")
	idle := dial(t, p.Addr())
	idle.say("i")
	idle.mustHear("i")

	p.Blackhole()
	fresh := dial(t, p.Addr())
	old.say("lost")
	fresh.say("lost")
	old.mustHearNothing()
	fresh.mustHearNothing()

	p.Heal()
	old.mustBeCut()
	fresh.mustBeCut()
	idle.say("2") // lost nothing, so it goes on
	idle.mustHear("2")
}

func TestProxyBlackholeHidesTheEndOfAConnection(t *testing.T) {
	t.Parallel()
	s := Start(t)
	p := NewProxy(t, s.Addr())
	c := dial(t, p.Addr())
	c.say("PING")
	c.mustHear("+PONG\r")
	clients := func() string {
		t.Helper()
		n, err := s.Info("clients", "connected_clients") // this one is counted, too
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	p.Blackhole()
	_ = c.conn.Close()
	if n := clients(); n != "2" {
		t.Fatalf("the server has %s clients, want 2", n)
	}
	p.Heal()
	if err := waitUntil(func() error {
		if n := clients(); n != "1" {
			return errors.New("the server has " + n + " clients")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestProxyStallDeliversLate(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echo(t))
	old := dial(t, p.Addr())
	old.say("1")
	old.mustHear("1")
	p.Stall()
	fresh := dial(t, p.Addr())
	old.say("2")
	fresh.say("3")
	old.mustHearNothing()
	fresh.mustHearNothing()
	p.Heal()
	old.mustHear("2")
	fresh.mustHear("3")
}

func TestProxyDelays(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echo(t))
	c := dial(t, p.Addr())
	c.say("1")
	c.mustHear("1")
	p.Delay(40 * time.Millisecond)
	began := time.Now()
	for range 20 { // in one go: the delay is latency, not bandwidth
		c.say("2")
	}
	for range 20 {
		c.mustHear("2")
	}
	if took := time.Since(began); took < 80*time.Millisecond || took > 800*time.Millisecond {
		t.Errorf("20 lines there and back took %v, want about 80ms", took)
	}
}
