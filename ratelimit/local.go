package ratelimit

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	shardCount = 32
	sampled    = 8 // entries looked at to make room for one
)

// counters are what this node knows of its clients, in bounded memory.
type counters struct {
	limit  int64
	window time.Duration
	room   int // entries per shard
	seed   maphash.Seed
	shards [shardCount]shard
}

type shard struct {
	mu      sync.Mutex
	clients map[string]count
}

// count is what a client has spent in a window, and when that ends.
type count struct {
	used int64
	ends time.Time
}

func newCounters(limit int64, window time.Duration, clients int) *counters {
	c := &counters{limit: limit, window: window, room: max(1, clients/shardCount), seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].clients = make(map[string]count)
	}
	return c
}

func (c *counters) shard(client string) *shard {
	return &c.shards[maphash.String(c.seed, client)%shardCount]
}

// spend counts n for the client if the limit bears it, and reports whether it
// did. The window opens with the first cost and is not moved by later ones.
func (c *counters) spend(client string, n int64) (count, bool) {
	s := c.shard(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	known, ok := s.clients[client]
	if !ok || !now.Before(known.ends) {
		known = count{ends: now.Add(c.window)}
	}
	if known.used+n > c.limit {
		return known, false
	}
	known.used += n
	c.put(s, now, client, known)
	return known, true
}

// learn remembers what Redis said, so that a client that has used its limit up
// doesn't get another when Redis goes away.
func (c *counters) learn(client string, told count) {
	s := c.shard(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	// Of two answers about one window, which may come in either order, the
	// higher one is the later one. Two windows end a whole window apart.
	known, ok := s.clients[client]
	if ok && now.Before(known.ends) && known.used > told.used && told.ends.Sub(known.ends).Abs() < c.window/2 {
		return
	}
	c.put(s, now, client, told)
}

// put stores a count in a locked shard. A new client in a full shard takes the
// place of the one who has spent least among a few picked by the map's own
// random order: a flood of new identifiers pushes out its own kind, and not the
// client that is at its limit. Ended windows that are met go, too.
func (c *counters) put(s *shard, now time.Time, client string, n count) {
	if _, ok := s.clients[client]; !ok {
		var least string
		var leastUsed int64 = -1
		seen := 0
		for k, v := range s.clients {
			if !now.Before(v.ends) {
				delete(s.clients, k)
			} else if leastUsed < 0 || v.used < leastUsed {
				least, leastUsed = k, v.used
			}
			if seen++; seen == sampled {
				break
			}
		}
		if len(s.clients) >= c.room {
			delete(s.clients, least)
		}
	}
	s.clients[client] = n
}

// size gives the number of clients that are remembered.
func (c *counters) size() int {
	total := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		total += len(s.clients)
		s.mu.Unlock()
	}
	return total
}
