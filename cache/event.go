package cache

import "time"

// EventKind says what an Event is about.
type EventKind string

// The kinds.
const (
	// EventInvalidation: this node invalidated a key, a group or everything.
	EventInvalidation EventKind = "invalidation"
	// EventBreaker: Redis is no longer asked (State "open"), or again
	// ("closed").
	EventBreaker EventKind = "breaker"
	// EventFailover: a master was met that the fleet didn't know: all entries
	// in Redis became unreachable. One node of the fleet says so.
	EventFailover EventKind = "failover"
	// EventEpoch: this node forgot everything in its memory.
	EventEpoch EventKind = "epoch"
	// EventNode: another node of the fleet joined (State "joined"), left or
	// lost its lease ("left").
	EventNode EventKind = "node"
	// EventPush: the connection on which Redis pushes invalidations was lost,
	// or the database flushed (State "lost"); or pushes are heard again
	// ("back").
	EventPush EventKind = "push"
)

// Event is something that operators want to know of. What one cannot do
// without is in the kind and the fields; the message says it in words. None
// holds a secret: not the values, and not the credentials of Redis.
type Event struct {
	Kind    EventKind
	Time    time.Time
	Node    string // the node concerned: another one's name for EventNode, else this one's
	State   string // see the kinds
	Message string

	// Of an invalidation:
	Layer   string  // "" for a group and for everything
	Key     string  // the whole key; "" for a group and for everything
	Group   string  // "" for a key and for everything
	Receipt Receipt // how far it had come when it returned
}

// emit tells the options' hook.
func (e *Engine) emit(ev Event) {
	if e.o.OnEvent == nil {
		return
	}
	ev.Time = time.Now()
	if ev.Node == "" {
		ev.Node = e.o.Node
	}
	e.o.OnEvent(ev)
}

// invalidated tells of an invalidation of a key (with its layer), of a group,
// or of everything.
func (e *Engine) invalidated(l *layer, name string, rec Receipt) {
	if e.o.OnEvent == nil {
		return
	}
	ev := Event{Kind: EventInvalidation, Receipt: rec}
	switch {
	case l != nil:
		ev.Layer, ev.Key = l.name, l.key(name)
		ev.Message = "invalidated " + ev.Key
	case name == groupAll:
		ev.Message = "invalidated everything"
	default:
		ev.Group = name
		ev.Message = "invalidated the group " + name
	}
	if e.remote != nil && !rec.Remote {
		ev.Message += "; Redis has yet to hear of it"
	}
	e.emit(ev)
}
