package cache

import (
	"cmp"
	"context"
	"fmt"
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
	members, err := r.members(ctx)
	if err != nil {
		self.Live = r.fleet.leased()
		return []Node{self}, err
	}
	nodes := make([]Node, 0, len(members))
	for _, m := range members {
		nodes = append(nodes, m.Node)
	}
	return nodes, nil
}

// fleetNode is a node as it is registered.
type fleetNode struct {
	id string
	Node
}

// memberID is what a node registers under. Nodes of one name would else be
// taken for one, and its lease for theirs.
func memberID(name string) string { return name + "/" + newToken().String() }

// memberName gives the name that an id was made of.
func memberName(id string) string {
	if i := strings.LastIndexByte(id, '/'); i >= 0 && parseToken(id[i+1:]) != 0 {
		return id[:i]
	}
	return id
}

// members reads the registry: live nodes first, then by name.
func (r *remote) members(ctx context.Context) (members []fleetNode, err error) {
	err = r.within(ctx, func(ctx context.Context) (err error) {
		members, err = r.registered(ctx)
		return err
	})
	slices.SortFunc(members, func(a, b fleetNode) int {
		if a.Live != b.Live {
			if a.Live {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.id, b.id))
	})
	return members, err
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

// registered reads the registry, in no order.
func (r *remote) registered(ctx context.Context) ([]fleetNode, error) {
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
	byID := make(map[string]*fleetNode)
	of := func(id string) *fleetNode {
		if byID[id] == nil {
			byID[id] = &fleetNode{id: id, Node: Node{Name: memberName(id), Self: id == r.fleet.id, Behind: seq}}
		}
		return byID[id]
	}
	for fields := reply[2:]; len(fields) >= 2; fields = fields[2:] {
		field, _ := fields[0].ToString()
		value, err := fields[1].AsInt64()
		if err != nil {
			continue
		}
		if id, ok := strings.CutPrefix(field, "end:"); ok {
			left := time.Duration(value-now) * time.Millisecond
			n := of(id)
			n.Live, n.Lease, n.Seen = left > 0, max(left, 0), max(memoryLease-left, 0)
		} else if id, ok := strings.CutPrefix(field, "cursor:"); ok {
			of(id).Behind = max(seq-value, 0)
		}
	}
	members := make([]fleetNode, 0, len(byID))
	for _, m := range byID {
		members = append(members, *m)
	}
	return members, nil
}

// met are the live nodes that were seen last.
type met struct {
	others map[string]string // names by ids; only the fleet's own goroutine uses it
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
	members, err := f.remote.members(ctx)
	if err != nil {
		return
	}
	others := make(map[string]string)
	for _, m := range members {
		if !m.Live || m.Self {
			continue
		}
		others[m.id] = m.Name
		if _, known := f.met.others[m.id]; !known {
			e.emit(Event{Kind: EventNode, State: "joined", Node: m.Name, Message: "node " + m.Name + " is there"})
		}
	}
	for id, name := range f.met.others {
		if _, still := others[id]; !still {
			e.emit(Event{Kind: EventNode, State: "left", Node: name, Message: "node " + name + " left, or its lease ran out"})
		}
	}
	f.met.others = others
}
