package redistest

import (
	"fmt"
	"slices"
	"strconv"
)

// Cluster is a Redis Cluster of three masters with a replica each. A master
// that is silent for a second is replaced.
type Cluster struct {
	Nodes []*Server // the first three begin as masters
	tb    TB
}

const (
	clusterMasters = 3
	clusterSlots   = 16384
)

// StartCluster starts six nodes, joins them, and waits until all of them agree
// on who serves what and every replica is whole.
func StartCluster(tb TB, opts ...Option) *Cluster {
	tb.Helper()
	c, err := startCluster(tb, opts)
	if err != nil {
		tb.Fatalf("redistest: cluster: %v", err)
	}
	c.WaitReady()
	return c
}

func startCluster(tb TB, opts []Option) (*Cluster, error) {
	cfg, err := newConfig(tb, opts)
	if err != nil {
		return nil, err
	}
	cfg = cfg.after(
		directive{"cluster-enabled", []string{"yes"}},
		directive{"cluster-config-file", []string{"nodes.conf"}},
		directive{"cluster-node-timeout", []string{"1000"}},
	)
	if cfg.tls {
		cfg = cfg.after(directive{"tls-cluster", []string{"yes"}})
	}
	nodes, err := launchAll(tb, 2*clusterMasters, func(int) config { return cfg })
	if err != nil {
		return nil, err
	}
	c := &Cluster{Nodes: nodes, tb: tb}
	return c, c.join()
}

// join gives out the slots, makes the nodes know each other, and makes the
// second three replicas of the first three.
func (c *Cluster) join() error {
	ids := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		id, err := n.text("CLUSTER", "MYID")
		if err != nil {
			return err
		}
		ids[i] = id
		commands := [][]string{{"CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i + 1)}}
		if i < clusterMasters {
			first, last := i*clusterSlots/clusterMasters, (i+1)*clusterSlots/clusterMasters-1
			commands = append(commands, []string{"CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last)})
		}
		for _, other := range c.Nodes[:i] {
			commands = append(commands, []string{"CLUSTER", "MEET", "127.0.0.1", other.port.String()})
		}
		for _, command := range commands {
			if _, err := n.Do(command...); err != nil {
				return fmt.Errorf("%v: %w", command, err)
			}
		}
	}
	for i, n := range c.Nodes[clusterMasters:] {
		// Refused until the replica has heard of its master.
		if err := waitUntil(func() error {
			_, err := n.Do("CLUSTER", "REPLICATE", ids[i])
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// Addrs gives the nodes' addresses.
func (c *Cluster) Addrs() []string { return addrs(c.Nodes) }

// WaitReady waits until the running nodes agree on who serves what, all slots
// are served, and every running replica is whole.
func (c *Cluster) WaitReady() {
	c.tb.Helper()
	if err := waitUntil(c.ready); err != nil {
		c.tb.Fatalf("redistest: cluster: %v", err)
	}
}

func (c *Cluster) ready() error {
	var agreed []clusterNode
	alive := running(c.Nodes)
	for i, s := range alive {
		state, err := s.clusterInfo("cluster_state")
		if err != nil {
			return err
		}
		if state != "ok" {
			return fmt.Errorf("the node at %s has cluster_state:%s", s.Addr(), state)
		}
		view, err := s.clusterView()
		if err != nil {
			return err
		}
		if i > 0 && !slices.Equal(view, agreed) {
			return fmt.Errorf("the nodes at %s and %s disagree: %v, %v", alive[0].Addr(), s.Addr(), agreed, view)
		}
		agreed = view
	}
	if len(agreed) != len(alive) {
		return fmt.Errorf("%d nodes run, and %d are known to", len(alive), len(agreed))
	}
	for _, n := range agreed {
		if n.master == "" {
			continue
		}
		s, err := withAddr(c.Nodes, n.addr)
		if err != nil {
			return err
		}
		if err := s.replicates(); err != nil {
			return err
		}
	}
	return nil
}

// MasterOf gives the node that serves key.
func (c *Cluster) MasterOf(key string) *Server {
	c.tb.Helper()
	master, _, err := c.shard(key)
	if err != nil {
		c.tb.Fatalf("redistest: cluster: %v", err)
	}
	return master
}

// KillMaster kills the node that serves key, once its replica is whole, and
// waits until that has taken its place. It gives the killed one, which Restart
// brings back as a replica. What it acknowledged last may be lost, as in life;
// WAIT prevents that.
func (c *Cluster) KillMaster(key string) *Server {
	c.tb.Helper()
	return c.replace(key, func(master, _ *Server) error {
		master.Kill()
		return nil
	})
}

// FailMaster makes the replica of the node that serves key take its place, both
// being healthy. It gives the former master.
func (c *Cluster) FailMaster(key string) *Server {
	c.tb.Helper()
	return c.replace(key, func(_, replica *Server) error {
		_, err := replica.Do("CLUSTER", "FAILOVER")
		return err
	})
}

// replace waits for a whole replica, does what makes it take over, and waits
// until it has.
func (c *Cluster) replace(key string, takeOver func(master, replica *Server) error) *Server {
	c.tb.Helper()
	c.WaitReady()
	master, replicas, err := c.shard(key)
	if err == nil && len(replicas) == 0 {
		err = fmt.Errorf("the master of %q at %s has no replica", key, master.Addr())
	}
	if err == nil {
		err = takeOver(master, replicas[0])
	}
	if err == nil {
		err = waitUntil(func() error {
			now, _, err := c.shard(key)
			if err != nil {
				return err
			}
			if now == master {
				return fmt.Errorf("the master of %q at %s has not been replaced", key, master.Addr())
			}
			return c.ready()
		})
	}
	if err != nil {
		c.tb.Fatalf("redistest: cluster: %v", err)
	}
	return master
}
