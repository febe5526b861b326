package cache

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Engine is the cache: one per process, shared by all layers. It is safe for
// concurrent use.
type Engine struct {
	o Options
	memory
	gens generations

	mu     sync.RWMutex
	layers []*layer
	byName map[string]*layer

	work   sync.WaitGroup // flights and background work
	life   sync.RWMutex   // guards closed against work.Add
	closed bool

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
	e := &Engine{o: o, byName: make(map[string]*layer)}
	if err := e.memory.open(o.MemoryBytes); err != nil {
		return nil, fmt.Errorf("cache: memory: %w", err)
	}
	if err := e.gens.open(e.clock); err != nil {
		return nil, fmt.Errorf("cache: generations: %w", err)
	}
	e.gens.fetch = func(context.Context, string) (token, error) { return newToken(), nil }
	return e, nil
}

// Close refuses new work and waits for what is under way; idempotent.
func (e *Engine) Close() error {
	e.life.Lock()
	was := e.closed
	e.closed = true
	e.life.Unlock()
	e.work.Wait()
	if was {
		return nil
	}
	e.gens.close()
	e.memory.close()
	return nil
}

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
