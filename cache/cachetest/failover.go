package cachetest

import (
	"context"
	"math/rand/v2"
	"net"
	"time"

	"github.com/dejahq/deja/internal/redistest"
)

// killing is the fault that every run sees that can: a master dies, and with
// it what it has acknowledged last.
const killing = "failover-kill"

// lose kills the master of a key, and with it all that it has acknowledged for
// a while: its replicas don't hear of that. One of them takes its place.
//
// From then until the new master has been read for a while nobody writes: the
// invalidations that nodes would queue meanwhile, and replay before they trust
// the new master, would hide what it lacks.
func lose(ctx context.Context, r *run, random *rand.Rand) {
	r.redis.ready()
	key := r.key(random)
	master := r.redis.master(key)
	_, port, _ := net.SplitHostPort(master.Addr())
	var replicas []*redistest.Server
	for _, s := range r.redis.servers {
		if of, err := s.Info("replication", "master_port"); err == nil && of == port && s != master {
			replicas = append(replicas, s)
			s.Pause()
		}
	}
	// What is on its way to them would arrive.
	_, _ = master.Do("CLIENT", "KILL", "TYPE", "replica")
	pause(ctx, 200*time.Millisecond+upTo(random, 400))
	r.quiet.Store(true)
	defer r.quiet.Store(false)
	pause(ctx, 50*time.Millisecond) // for writes under way
	master.Kill()
	for _, s := range replicas {
		s.Resume()
	}
	r.redis.ready()
	master.Restart()
	pause(ctx, time.Second+upTo(random, 500))
}
