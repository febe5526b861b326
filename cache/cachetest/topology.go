package cachetest

import (
	"fmt"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// Topologies of Redis that Explore starts.
const (
	Standalone = "standalone"
	TLS        = "tls"      // one server, with a user and TLS
	Sentinel   = "sentinel" // a master, two replicas and three sentinels
	Cluster    = "cluster"  // three masters with a replica each
)

// Topologies lists them.
func Topologies() []string { return []string{Standalone, TLS, Sentinel, Cluster} }

// redis is what an exploration runs on.
type redis struct {
	options cache.RedisOptions
	servers []*redistest.Server // that keep data

	master func(key string) *redistest.Server
	// replace makes another server master of a key, in agreement, and leaves
	// the old one as its replica. Nil: there is no other.
	replace func(key string)
	ready   func() // waits until all servers are well
}

func startRedis(tb TB, topology string) (redis, error) {
	switch topology {
	case Standalone:
		return one(redistest.Start(tb)), nil
	case TLS:
		return one(redistest.Start(tb, redistest.WithUser("deja", "s3cret"), redistest.WithTLS())), nil
	case Sentinel:
		g := redistest.StartSentinel(tb)
		return redis{
			options: cache.RedisOptions{Addrs: g.Addrs(), Master: g.MasterName()},
			servers: g.Nodes,
			master:  func(string) *redistest.Server { return g.Master() },
			replace: func(string) { g.FailMaster() },
			ready:   g.WaitReady,
		}, nil
	case Cluster:
		c := redistest.StartCluster(tb)
		return redis{
			options: cache.RedisOptions{Addrs: c.Addrs()},
			servers: c.Nodes,
			master:  c.MasterOf,
			replace: func(key string) { c.FailMaster(key) },
			ready:   c.WaitReady,
		}, nil
	}
	return redis{}, fmt.Errorf("cachetest: unknown topology %q", topology)
}

func one(s *redistest.Server) redis {
	return redis{
		options: cache.RedisOptions{Addrs: []string{s.Addr()}, Username: s.Username(), Password: s.Password(), TLS: s.TLS()},
		servers: []*redistest.Server{s},
		master:  func(string) *redistest.Server { return s },
	}
}
