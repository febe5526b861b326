package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/redisconn"
)

// View is what all nodes have counted.
type View struct {
	Snapshot monitor.Snapshot
	Nodes    []Node // this one first, then by name
	Note     string // why it is of this node alone, or not complete; "" mostly
}

// Node is one node of the fleet.
type Node struct {
	Name      string
	Version   string
	StartedAt time.Time
	SeenAt    time.Time // when it published last
	Self      bool
	Alive     bool
	Requests  uint64
	HitRate   float64 // 0 to 100
	Gauges
}

// A node is alive while it was seen in the last aliveFor; one that was lost is
// shown for shownFor.
const (
	aliveFor = 10 * time.Second
	shownFor = 10 * time.Minute
)

// contents is the hash, taken apart.
type contents struct {
	now     time.Time // Redis's
	version string
	period  string
	retired *record
	starts  map[string]entry
	gone    map[string]time.Time
	unread  int // records that cannot be read
}

type entry struct {
	mark
	record *record
}

func (f *Fleet) read(ctx context.Context) (*contents, error) {
	res, err := f.call(ctx, readScript)
	if err != nil {
		return nil, err
	}
	reply, err := res.AsStrSlice()
	if err != nil {
		return nil, err
	}
	return parse(reply)
}

// parse reads what readScript answers. What it cannot read it counts and
// leaves alone: a newer version may have written it.
func parse(reply []string) (*contents, error) {
	if len(reply)%2 != 1 {
		return nil, errRecord
	}
	now, err := strconv.ParseInt(reply[0], 10, 64)
	if err != nil {
		return nil, errors.Join(errRecord, err)
	}
	c := &contents{
		now: time.UnixMilli(now), version: "0", period: "0",
		starts: make(map[string]entry), gone: make(map[string]time.Time),
	}
	fields := make(map[string]string, len(reply)/2)
	for i := 1; i < len(reply); i += 2 {
		fields[reply[i]] = reply[i+1]
	}
	for name, value := range fields {
		kind, start, _ := strings.Cut(name, ":")
		switch kind {
		case "version":
			c.version = value
		case "period":
			c.period = value
		case "retired":
			if c.retired, err = decode(value); err != nil {
				c.unread++
			}
		case "gone":
			ms, _ := strconv.ParseInt(value, 10, 64)
			c.gone[start] = time.UnixMilli(ms)
		case "live":
			r, err := decode(value)
			m, e := parseMark(fields["at:"+start])
			if err != nil || e != nil {
				c.unread++
				continue
			}
			c.starts[start] = entry{m, r}
		}
	}
	return c, nil
}

// View adds up what all nodes have counted: what this one has up to now, the
// others up to their last publication. While Redis is away it is what this
// node has counted, with a note that says so.
func (f *Fleet) View(ctx context.Context) View {
	alone := func(note string) View {
		self := f.Self()
		return View{Snapshot: f.o.Monitor.Snapshot(), Nodes: []Node{self}, Note: note}
	}
	if f.conn == nil {
		return alone("Redis is not configured: this node is the only one that it knows.")
	}
	c, err := f.read(ctx)
	if err != nil {
		if !errors.Is(err, redisconn.ErrAway) {
			f.o.Logger.WarnContext(ctx, "the fleet's counters cannot be read", "error", err)
		}
		return alone("Redis does not answer: these are the figures of this node alone.")
	}
	v := View{Snapshot: f.o.Monitor.Snapshot(), Nodes: []Node{f.Self()}}
	if c.retired != nil {
		v.Snapshot = v.Snapshot.Merge(settle(c.retired.Snapshot, c.now))
	}
	alive := map[string]bool{f.o.Node: true}
	var lost []Node
	for start, e := range c.starts {
		if start == *f.start.Load() {
			continue
		}
		n := e.record.node(e.mark, c.now, f.o.Now())
		s := e.record.Snapshot
		if !n.Alive {
			s = settle(s, c.now)
		}
		v.Snapshot = v.Snapshot.Merge(s)
		switch {
		case n.Alive:
			alive[n.Name] = true
			v.Nodes = append(v.Nodes, n)
		case e.state == stateLive && c.now.Sub(e.seen) < shownFor:
			lost = append(lost, n)
		}
	}
	for _, n := range lost {
		if !alive[n.Name] { // it has not come back
			v.Nodes = append(v.Nodes, n)
		}
	}
	slices.SortStableFunc(v.Nodes[1:], func(a, b Node) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.StartedAt.Compare(b.StartedAt))
	})
	if c.unread > 0 {
		v.Note = "The counts of " + strconv.Itoa(c.unread) + " nodes are missing: another version of deja has written them."
	}
	return v
}

// Self is this node.
func (f *Fleet) Self() Node {
	t := f.o.Monitor.Snapshot().Total
	return Node{
		Name: f.o.Node, Version: f.o.Version, StartedAt: f.started, SeenAt: f.o.Now(), Self: true, Alive: true,
		Requests: t.All().Count, HitRate: t.HitRate(), Gauges: f.o.Gauges(),
	}
}

// node describes the node of a record; times are told by this node's clock.
func (r *record) node(m mark, redisNow, now time.Time) Node {
	ago := redisNow.Sub(m.seen)
	t := r.Snapshot.Total
	n := Node{
		Name: r.Name, Version: r.Version, StartedAt: r.Started, SeenAt: now.Add(-ago),
		Alive:    m.state == stateLive && ago < aliveFor,
		Requests: t.All().Count, HitRate: t.HitRate(), Gauges: r.Gauges,
	}
	if !n.Alive {
		n.Gauges = Gauges{}
	}
	return n
}
