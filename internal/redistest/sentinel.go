package redistest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
)

// Sentinel is a master, two replicas, and three sentinels that watch them and
// agree by two. A master that is silent for a second is replaced.
type Sentinel struct {
	Nodes     []*Server // the first one begins as master
	Sentinels []*Server
	tb        TB
}

// masterName is what the sentinels call the group.
const masterName = "deja"

// StartSentinel starts a group under sentinels and waits until it can fail
// over. Credentials and TLS hold for nodes and sentinels alike.
func StartSentinel(tb TB, opts ...Option) *Sentinel {
	tb.Helper()
	g, err := startSentinel(tb, opts)
	if err != nil {
		tb.Fatalf("redistest: sentinel: %v", err)
	}
	g.WaitReady()
	return g
}

func startSentinel(tb TB, opts []Option) (*Sentinel, error) {
	cfg, err := newConfig(tb, opts)
	if err != nil {
		return nil, err
	}
	master, err := launch(tb, cfg)
	if err != nil {
		return nil, err
	}
	replicas, err := launchAll(tb, 2, func(int) config {
		return cfg.after(directive{"replicaof", []string{"127.0.0.1", master.port.String()}})
	})
	if err != nil {
		return nil, err
	}
	g := &Sentinel{Nodes: append([]*Server{master}, replicas...), tb: tb}

	ids := make([]string, 3)
	for i := range ids {
		s, err := newServer(tb, cfg, "--sentinel")
		if err != nil {
			return nil, err
		}
		s.started = s.hasten
		g.Sentinels = append(g.Sentinels, s)
		ids[i] = newRunID()
	}
	for i := range ids {
		if err := g.Sentinels[i].launch(g.sentinelConfig(cfg, i, ids)); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// hasten makes a sentinel talk more often, so that a failover takes a second
// less and a returned master becomes a replica in one second, not ten. How a
// dead master is found stays as configured. A sentinel that is starved by other
// tests must not take that for a jump of the clock and go into TILT, either.
// The settings end with the process.
func (s *Server) hasten() error {
	_, err := s.Do("SENTINEL", "DEBUG",
		"INFO-PERIOD", "300", "PUBLISH-PERIOD", "200", "ASK-PERIOD", "300", "TILT-TRIGGER", "60000")
	return err
}

// newRunID makes a random id of the form that Redis gives to its servers.
func newRunID() string {
	var b [20]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// sentinelConfig gives sentinel i's configuration. It names the replicas and
// the other sentinels, which would else be found only after some seconds.
func (g *Sentinel) sentinelConfig(cfg config, i int, ids []string) []directive {
	s := g.Sentinels[i]
	ds := append(cfg.listening(s.port), cfg.users()...)
	add := func(values ...string) { ds = append(ds, directive{"sentinel", values}) }
	ds = append(ds, directive{"dir", []string{s.data}})
	add("myid", ids[i])
	if cfg.password != "" {
		add("sentinel-pass", cfg.password)
	}
	if cfg.username != "" {
		add("sentinel-user", cfg.username)
	}
	add("monitor", masterName, "127.0.0.1", g.Nodes[0].port.String(), "2")
	if cfg.password != "" {
		add("auth-pass", masterName, cfg.password)
	}
	if cfg.username != "" {
		add("auth-user", masterName, cfg.username)
	}
	add("down-after-milliseconds", masterName, "1000")
	// Also how long after a failover the next one must wait, doubled.
	add("failover-timeout", masterName, "3000")
	for _, r := range g.Nodes[1:] {
		add("known-replica", masterName, "127.0.0.1", r.port.String())
	}
	for j, other := range g.Sentinels {
		if j != i {
			add("known-sentinel", masterName, "127.0.0.1", other.port.String(), ids[j])
		}
	}
	return ds
}

// MasterName is the name under which clients ask the sentinels for the master.
func (g *Sentinel) MasterName() string { return masterName }

// Addrs gives the sentinels' addresses.
func (g *Sentinel) Addrs() []string { return addrs(g.Sentinels) }

// Master gives the node that the sentinels call master, once they agree.
func (g *Sentinel) Master() *Server {
	g.tb.Helper()
	var master *Server
	err := waitUntil(func() (err error) {
		master, err = g.agreedMaster()
		return err
	})
	if err != nil {
		g.tb.Fatalf("redistest: sentinel: %v", err)
	}
	return master
}

func (g *Sentinel) agreedMaster() (*Server, error) {
	agreed := ""
	for _, s := range running(g.Sentinels) {
		msg, err := s.Do("SENTINEL", "get-master-addr-by-name", masterName)
		if err != nil {
			return nil, err
		}
		parts, err := msg.AsStrSlice()
		if err != nil {
			return nil, err
		}
		if len(parts) != 2 {
			return nil, fmt.Errorf("sentinel %s names the master %q", s.Addr(), parts)
		}
		addr := net.JoinHostPort(parts[0], parts[1])
		if agreed != "" && agreed != addr {
			return nil, fmt.Errorf("sentinels name both %s and %s as master", agreed, addr)
		}
		agreed = addr
	}
	return withAddr(g.Nodes, agreed)
}

// WaitReady waits until the running sentinels agree on a running master, every
// other running node replicates it, and a failover could begin.
func (g *Sentinel) WaitReady() {
	g.tb.Helper()
	if err := waitUntil(g.ready); err != nil {
		g.tb.Fatalf("redistest: sentinel: %v", err)
	}
}

func (g *Sentinel) ready() error {
	master, err := g.agreedMaster()
	if err != nil {
		return err
	}
	role, err := master.Info("replication", "role")
	if err != nil {
		return err
	}
	if role != "master" {
		return fmt.Errorf("the master at %s has role:%s", master.Addr(), role)
	}
	replicas := others(running(g.Nodes), master)
	for _, r := range replicas {
		if err := r.replicates(); err != nil {
			return err
		}
		port, err := r.Info("replication", "master_port")
		if err != nil {
			return err
		}
		if port != master.port.String() {
			return fmt.Errorf("the replica at %s follows port %s, not %s", r.Addr(), port, master.port)
		}
	}
	for _, s := range running(g.Sentinels) {
		if err := g.canFailOver(s, len(running(g.Sentinels))-1, len(replicas)); err != nil {
			return fmt.Errorf("sentinel %s: %w", s.Addr(), err)
		}
	}
	return nil
}

// canFailOver asks a sentinel whether it sees its peers and the replicas.
func (g *Sentinel) canFailOver(s *Server, peers, replicas int) error {
	if _, err := s.Do("SENTINEL", "ckquorum", masterName); err != nil {
		return err
	}
	for _, want := range []struct {
		what, flags string
		n           int
	}{{"sentinels", "sentinel", peers}, {"replicas", "slave", replicas}} {
		msg, err := s.Do("SENTINEL", want.what, masterName)
		if err != nil {
			return err
		}
		entries, err := msg.ToArray()
		if err != nil {
			return err
		}
		alive := 0
		for _, e := range entries {
			if fields, err := e.AsStrMap(); err == nil && fields["flags"] == want.flags {
				alive++
			}
		}
		if alive < want.n {
			return fmt.Errorf("sees %d of %d %s", alive, want.n, want.what)
		}
	}
	return nil
}

// KillMaster kills the master, once the replicas are whole, and waits until
// another node has taken its place. It gives the killed one, which Restart
// brings back as a replica. What the master acknowledged last may be lost, as
// in life; WAIT prevents that.
func (g *Sentinel) KillMaster() *Server {
	g.tb.Helper()
	g.WaitReady()
	old := g.Master()
	old.Kill()
	g.waitReplaced(old, func() error { return nil }) // the sentinels go on trying
	return old
}

// FailMaster makes the sentinels replace a healthy master, and waits until they
// have. It gives the former master.
func (g *Sentinel) FailMaster() *Server {
	g.tb.Helper()
	g.WaitReady()
	old := g.Master()
	// Refused while the last failover is too young; given up when a replica
	// doesn't answer in time, and then nobody tries again by itself.
	again := func() error {
		_, err := g.Sentinels[0].Do("SENTINEL", "failover", masterName)
		return err
	}
	if err := waitUntil(again); err != nil {
		g.tb.Fatalf("redistest: sentinel: %v", err)
	}
	g.waitReplaced(old, again)
	return old
}

func (g *Sentinel) waitReplaced(old *Server, again func() error) {
	g.tb.Helper()
	err := waitUntil(func() error {
		master, err := g.agreedMaster()
		if err != nil {
			return err
		}
		if master == old {
			_ = again()
			return fmt.Errorf("the master at %s has not been replaced", old.Addr())
		}
		return g.ready()
	})
	if err != nil {
		g.tb.Fatalf("redistest: sentinel: %v", err)
	}
}
