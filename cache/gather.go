package cache

import (
	"context"
	"sync"

	"github.com/redis/rueidis"
)

// gather brings entries that many callers want at the same time by few
// commands. While fewer than pairs of hands are busy, a caller asks for his
// entry himself, at once. When all are, he queues; who has got his answer hands
// his place to the first of the queue, who asks by one MGET for what he and
// those behind him want. Nobody waits by a timer, and batches grow with the load
// by themselves. Redis, the client library and the network do less for a batch
// than for as many commands, see BenchmarkRedisHit.
//
// The deadline of a batch is that of its first caller, who came first of all in
// it: so nobody waits longer for Redis than he would have alone.
type gather struct {
	mu          sync.Mutex
	busy        int      // commands under way, or about to be
	first, last *reading // the queue
}

const (
	gatherHands = 4  // commands under way from which callers queue
	gatherBatch = 64 // entries in a batch: an answer stays small enough not to hold up others
)

// reading is one caller's wish.
type reading struct {
	key  string
	soft context.Context
	next *reading

	told  chan struct{} // either the result is there, or his turn
	turn  bool
	value []byte
	err   error
}

//nolint:gochecknoglobals // a pool
var readings = sync.Pool{New: func() any { return &reading{told: make(chan struct{}, 1)} }}

// get reads an entry: nil when there is none.
func (r *remote) get(ctx context.Context, key string) ([]byte, error) {
	c, ok := r.client()
	if !ok {
		return nil, errAway
	}
	if c.Mode() == rueidis.ClientModeCluster {
		// A batch would wait for the slowest of several servers.
		return r.getAlone(ctx, c, key)
	}
	g := &r.gather
	g.mu.Lock()
	if g.busy < gatherHands {
		g.busy++
		g.mu.Unlock()
		defer g.handOver()
		return r.getAlone(ctx, c, key)
	}
	w, _ := readings.Get().(*reading)
	w.key, w.soft = key, ctx
	if g.last == nil {
		g.first = w
	} else {
		g.last.next = w
	}
	g.last = w
	g.mu.Unlock()
	<-w.told
	if w.turn {
		r.getTogether(w)
	}
	value, err := w.value, w.err
	*w = reading{told: w.told}
	readings.Put(w)
	return value, err
}

func (r *remote) getAlone(ctx context.Context, c rueidis.Client, key string) ([]byte, error) {
	began := r.engine.now()
	s, err := c.Do(ctx, c.B().Get().Key(key).Build()).ToString()
	if err = r.note(began, err); err != nil {
		if rueidis.IsRedisNil(err) {
			return nil, nil
		}
		return nil, err
	}
	return bytesOf(s), nil
}

// getTogether is the turn of a caller who has queued: he reads for himself and
// for others behind him.
func (r *remote) getTogether(w *reading) {
	g := &r.gather
	defer g.handOver()
	keys := make([]string, 1, gatherBatch)
	keys[0] = w.key
	g.mu.Lock()
	end := g.first
	others := end
	for ; end != nil && len(keys) < gatherBatch; end = end.next {
		keys = append(keys, end.key)
	}
	if g.first = end; end == nil {
		g.last = nil
	}
	g.mu.Unlock()
	values, err := r.getAll(w.soft, keys)
	if err != nil {
		w.err = err
	} else {
		w.value, w.err = valueOf(values[0])
	}
	for i := 1; others != end; i++ {
		other := others
		others = other.next // before he is told, and is someone else
		if err != nil {
			other.err = err
		} else {
			other.value, other.err = valueOf(values[i])
		}
		other.told <- struct{}{}
	}
}

// handOver gives the place of a command that has ended to the first who waits.
func (g *gather) handOver() {
	g.mu.Lock()
	next := g.first
	if next == nil {
		g.busy--
	} else if g.first = next.next; g.first == nil {
		g.last = nil
	}
	g.mu.Unlock()
	if next != nil {
		next.turn = true
		next.told <- struct{}{}
	}
}

// getAll reads several entries of one server.
func (r *remote) getAll(ctx context.Context, keys []string) ([]rueidis.RedisMessage, error) {
	c, ok := r.client()
	if !ok {
		return nil, errAway
	}
	began := r.engine.now()
	values, err := c.Do(ctx, c.B().Mget().Key(keys...).Build()).ToArray()
	if err = r.note(began, err); err != nil {
		return nil, err
	}
	if len(values) != len(keys) {
		return nil, errReply
	}
	return values, nil
}

// valueOf gives an entry out of a reply: nil when there is none.
func valueOf(m rueidis.RedisMessage) ([]byte, error) {
	if m.IsNil() {
		return nil, nil
	}
	s, err := m.ToString()
	if err != nil {
		return nil, err
	}
	return bytesOf(s), nil
}
