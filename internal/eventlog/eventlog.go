// Package eventlog keeps the last events of a node: invalidations, breakers
// that opened, failovers, nodes that came and went.
package eventlog

import (
	"sync"
	"time"

	"github.com/dejahq/deja/cache"
)

// Kinds of events that are not the cache engine's.
const (
	WarmUp = "warmup"
	Reset  = "reset"
)

// Event is something that happened. Messages are for people, and hold no
// secrets.
type Event struct {
	Seq     uint64 // 1 and up, without gaps
	Time    time.Time
	Kind    string // a cache.EventKind, or one of the above
	Node    string
	Message string
	Key     string         // of an invalidated key
	Receipt *cache.Receipt // of an invalidation
}

// Log keeps events. Safe for concurrent use; adding takes well below a
// microsecond and waits for nobody. A nil Log keeps nothing.
type Log struct {
	mu   sync.Mutex
	size int
	last uint64
	ring []Event       // ring[(seq-1) % size]
	more chan struct{} // closed with the next event
}

// DefaultSize is how many events are kept.
const DefaultSize = 200

// New makes a Log that keeps the last size events; 0: DefaultSize.
func New(size int) *Log {
	if size <= 0 {
		size = DefaultSize
	}
	return &Log{size: size, ring: make([]Event, size), more: make(chan struct{})}
}

// Add keeps an event, and numbers it. Without a time it is of now.
func (l *Log) Add(e Event) {
	if l == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Seq = l.last
	l.ring[(e.Seq-1)%uint64(l.size)] = e
	close(l.more)
	l.more = make(chan struct{})
}

// Engine keeps an event of the cache engine: it fits cache.Options.OnEvent.
func (l *Log) Engine(e cache.Event) {
	kept := Event{Time: e.Time, Kind: string(e.Kind), Node: e.Node, Message: e.Message, Key: e.Key}
	if e.Kind == cache.EventInvalidation {
		kept.Receipt = &e.Receipt
	}
	l.Add(kept)
}

// After gives what is kept of the events after the one of a number, the oldest
// first, and a channel that is closed when there are more. A number that is
// higher than any, as after a restart of the node, means all.
func (l *Log) After(seq uint64) ([]Event, <-chan struct{}) {
	if l == nil {
		return nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq > l.last {
		seq = 0
	}
	if l.last > uint64(l.size) {
		seq = max(seq, l.last-uint64(l.size))
	}
	events := make([]Event, 0, l.last-seq)
	for ; seq < l.last; seq++ {
		events = append(events, l.ring[seq%uint64(l.size)])
	}
	return events, l.more
}
