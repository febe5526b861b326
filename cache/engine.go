package cache

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dejahq/deja/cache/internal/wallclock"
)

// Engine is the cache: one per process, shared by all layers. It is safe for
// concurrent use.
type Engine struct {
	o Options
	memory
	gens   generations
	remote *remote // nil: memory only

	mu     sync.RWMutex
	layers []*layer
	byName map[string]*layer

	work   sync.WaitGroup // flights and background work
	life   sync.RWMutex   // guards closed against work.Add
	closed bool

	closing context.Context // ends when the engine is being closed
	quit    context.CancelFunc

	start     time.Time
	startUnix int64
	wall      *wallclock.Clock

	seq atomic.Uint64 // of calls and flights
}

// Open validates options and starts an engine. It waits for Redis until ctx or
// the hard timeout ends, but an unreachable Redis is not an error: the engine
// serves from memory and keeps trying.
func Open(ctx context.Context, o Options) (*Engine, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	e := &Engine{o: o, byName: make(map[string]*layer), wall: wallclock.From(ctx)}
	e.closing, e.quit = context.WithCancel(context.Background())
	if err := e.memory.open(o.MemoryBytes); err != nil {
		return nil, fmt.Errorf("cache: memory: %w", err)
	}
	if err := e.gens.open(e.clock); err != nil {
		return nil, fmt.Errorf("cache: generations: %w", err)
	}
	e.start = time.Now()
	e.startUnix = e.start.UnixNano()
	e.gens.fetch, e.gens.again = e.generation, e.connected
	if o.Redis == nil {
		return e, nil
	}
	if err = openRemote(e); err != nil {
		e.gens.close()
		e.memory.close()
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, o.HardTimeout)
	defer cancel()
	// A node that joins the fleet forgets what it has, and what is under way
	// is void. So it joins before anybody can ask it for anything.
	for _, done := range [...]chan struct{}{e.remote.ready, e.remote.fleet.tried} {
		select {
		case <-done:
		case <-wait.Done():
		}
	}
	return e, nil
}

// now is the time in Unix nanoseconds, as it was at the start and counted on
// from there: a clock that somebody sets doesn't move it.
func (e *Engine) now() int64 { return e.startUnix + int64(time.Since(e.start)) }

// wallAhead is how far the wall clock is ahead of now: not at all, until
// somebody sets it. Only what nodes tell each other goes by the wall clock.
func (e *Engine) wallAhead() int64 { return e.wall.Now().UnixNano() - e.now() }

// times gives now and wallAhead by one look at the clocks.
func (e *Engine) times() (now, wallAhead int64) {
	ahead := e.wall.Ahead()
	t := time.Now().Add(ahead) // has both readings, and both are ahead
	now = e.startUnix + int64(t.Sub(e.start)) - int64(ahead)
	return now, t.UnixNano() - now
}

// generation gives a group's token. Without Redis, or while it is away, the
// generation is one of this node only: a zero token in the latter case, which
// keeps its entries out of Redis.
func (e *Engine) generation(_ context.Context, group string) (t token, lasts int64) {
	if e.remote == nil {
		return newToken(), math.MaxInt64
	}
	// Not the caller's context: others wait for the answer too.
	t, lasts, err := e.remote.generation(e.remote.soft.context(), group)
	if err != nil {
		return 0, 0
	}
	return t, lasts
}

// Close refuses new work and waits for loads and calls under way; idempotent.
// Loads that nobody waits for are cancelled, and who waits for other nodes
// to acknowledge an invalidation gets ErrClosed. It doesn't wait for leases:
// Fill does nothing after Close.
func (e *Engine) Close() error {
	e.life.Lock()
	was := e.closed
	e.closed = true
	e.life.Unlock()
	e.quit()
	e.work.Wait()
	if was {
		return nil
	}
	if e.remote != nil {
		e.remote.close()
		e.work.Wait() // what the loss of the connection set off
	}
	e.gens.close()
	e.memory.close()
	return nil
}

// dismiss cancels a load that nobody waits for, when the engine is closed.
func (m *memory) dismiss(f *flight) {
	s := m.shard(f.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	f.dismissIfClosing()
}

// connected says whether Redis is asked at the moment.
func (e *Engine) connected() bool { return e.remote != nil && !e.remote.breaker.open.Load() }

// begin says that work starts, unless the engine is closed. The caller ends
// it with e.work.Done.
func (e *Engine) begin() bool {
	e.life.RLock()
	defer e.life.RUnlock()
	if e.closed {
		return false
	}
	e.work.Add(1)
	return true
}

func (e *Engine) addLayer(l *layer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, taken := e.byName[l.name]; taken {
		return fmt.Errorf("%w: layer %s exists", ErrOptions, l.name)
	}
	e.byName[l.name] = l
	e.layers = append(e.layers, l)
	return nil
}

func (e *Engine) layerList() []*layer {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.layers[:len(e.layers):len(e.layers)]
}
