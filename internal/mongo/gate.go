package mongo

import (
	"sync"

	"github.com/dejahq/deja"
)

// gate lets calls in until it is closed.
type gate struct {
	closing chan struct{} // closed when close begins
	idle    chan struct{} // closed when the last call has left after that

	mu     sync.Mutex
	inside int
}

func newGate() *gate {
	return &gate{closing: make(chan struct{}), idle: make(chan struct{})}
}

// enter begins a call. One that got in must leave.
func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut() {
		return deja.Errorf(deja.CodeUnavailable, "The store is closed.")
	}
	g.inside++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.shut() {
		close(g.idle)
	}
}

// close closes the gate and waits until nobody is inside. It reports whether
// this call was the first.
func (g *gate) close() bool {
	g.mu.Lock()
	first := !g.shut()
	if first {
		close(g.closing)
		if g.inside == 0 {
			close(g.idle)
		}
	}
	g.mu.Unlock()
	<-g.idle
	return first
}

func (g *gate) shut() bool {
	select {
	case <-g.closing:
		return true
	default:
		return false
	}
}
