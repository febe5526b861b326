package cache

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Node is an engine of the fleet as Redis knows it.
type Node struct {
	Name string
	Self bool // the one that was asked
	// Live nodes have a lease: they may serve from memory under the
	// Acknowledged promise. Who has none left, or was lost. A node without a
	// lease is still listed for about an hour.
	Live  bool
	Lease time.Duration // what is left of the lease
	Seen  time.Duration // how long ago it renewed its lease; 0 without Redis
	// Behind is how many of the announced invalidations it has not carried
	// out yet. It gets no further lease before it has.
	Behind int64
}

// Nodes gives the nodes of the fleet: live ones first, then by name. Without
// Redis that is this node. When Redis is away it gives this node and an
// error. It is bounded by the hard timeout.
func (e *Engine) Nodes(ctx context.Context) ([]Node, error) {
	self := Node{Name: e.o.Node, Self: true, Live: true}
	r := e.remote
	if r == nil {
		return []Node{self}, nil
	}
	var nodes []Node
	err := r.within(ctx, func(ctx context.Context) (err error) {
		nodes, err = r.nodes(ctx)
		return err
	})
	if err != nil {
		self.Live = r.fleet.leased()
		return []Node{self}, err
	}
	slices.SortFunc(nodes, func(a, b Node) int {
		if a.Live != b.Live {
			if a.Live {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return nodes, nil
}

// fleetNodesScript gives {now, seq, field, value...}.
//
//nolint:gochecknoglobals // a compiled table
var fleetNodesScript = rueidis.NewLuaScriptReadOnly(fleetNow + `
local reply = {now, redis.call('HGET', KEYS[1], 'seq') or '0'}
for _, v in ipairs(redis.call('HGETALL', KEYS[1])) do
  reply[#reply + 1] = v
end
return reply
`)

// nodes reads the registry.
func (r *remote) nodes(ctx context.Context) ([]Node, error) {
	m, err := r.scriptKeys(ctx, fleetNodesScript, r.fleetKeys()[:1])
	if err != nil {
		return nil, err
	}
	reply, err := m.ToArray()
	if err != nil || len(reply) < 2 {
		return nil, fmt.Errorf("cache: fleet reply: %w", err)
	}
	now, err := reply[0].AsInt64()
	if err != nil {
		return nil, fmt.Errorf("cache: fleet reply: %w", err)
	}
	seq, err := reply[1].AsInt64()
	if err != nil {
		return nil, fmt.Errorf("cache: fleet reply: %w", err)
	}
	byName := make(map[string]*Node)
	node := func(name string) *Node {
		if byName[name] == nil {
			byName[name] = &Node{Name: name, Self: name == r.engine.o.Node, Behind: seq}
		}
		return byName[name]
	}
	for fields := reply[2:]; len(fields) >= 2; fields = fields[2:] {
		field, _ := fields[0].ToString()
		value, err := fields[1].AsInt64()
		if err != nil {
			continue
		}
		if name, ok := strings.CutPrefix(field, "end:"); ok {
			left := time.Duration(value-now) * time.Millisecond
			n := node(name)
			n.Live, n.Lease, n.Seen = left > 0, max(left, 0), max(memoryLease-left, 0)
		} else if name, ok := strings.CutPrefix(field, "cursor:"); ok {
			node(name).Behind = max(seq-value, 0)
		}
	}
	nodes := make([]Node, 0, len(byName))
	for n := range maps.Values(byName) {
		nodes = append(nodes, *n)
	}
	return nodes, nil
}

// met are the live nodes that were seen last.
type met struct {
	names  []string // sorted; only the fleet's own goroutine uses it
	rounds int
}

// meet tells of nodes that came and went: when the number of nodes has
// changed, and every few rounds, in case one came as another left.
func (f *fleet) meet(ctx context.Context, changed bool) {
	e := f.remote.engine
	f.met.rounds++
	if e.o.OnEvent == nil || !changed && f.met.rounds%8 != 0 {
		return
	}
	all, err := e.Nodes(ctx)
	if err != nil {
		return
	}
	var names []string
	for _, n := range all {
		if n.Live && !n.Self {
			names = append(names, n.Name)
		}
	}
	for _, name := range names {
		if !slices.Contains(f.met.names, name) {
			e.emit(Event{Kind: EventNode, State: "joined", Node: name, Message: "node " + name + " is there"})
		}
	}
	for _, name := range f.met.names {
		if !slices.Contains(names, name) {
			e.emit(Event{Kind: EventNode, State: "left", Node: name, Message: "node " + name + " left, or its lease ran out"})
		}
	}
	f.met.names = names
}
