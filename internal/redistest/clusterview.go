package redistest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// clusterInfo gives one field of CLUSTER INFO.
func (s *Server) clusterInfo(field string) (string, error) {
	info, err := s.text("CLUSTER", "INFO")
	if err != nil {
		return "", err
	}
	return infoField(info, field)
}

// clusterNode is a line of CLUSTER NODES.
type clusterNode struct {
	addr, id string
	master   string // the id of the node that it replicates; "" for a master
	slots    string // what it serves
}

// clusterView gives what a node knows of those that it thinks alive, ordered by
// address.
func (s *Server) clusterView() ([]clusterNode, error) {
	text, err := s.text("CLUSTER", "NODES")
	if err != nil {
		return nil, err
	}
	return parseClusterNodes(text)
}

// parseClusterNodes reads lines of "id ip:port@bus,host flags master ping pong
// epoch link slots...".
func parseClusterNodes(text string) ([]clusterNode, error) {
	var nodes []clusterNode
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 8 {
			return nil, fmt.Errorf("cannot read %q of CLUSTER NODES", line)
		}
		flags := strings.Split(f[2], ",")
		if slices.ContainsFunc(flags, func(flag string) bool {
			return flag == "fail" || flag == "fail?" || flag == "handshake" || flag == "noaddr"
		}) {
			continue
		}
		n := clusterNode{id: f[0], slots: strings.Join(f[8:], " ")}
		n.addr, _, _ = strings.Cut(f[1], "@")
		if slices.Contains(flags, "slave") {
			n.master = f[3]
		}
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b clusterNode) int { return strings.Compare(a.addr, b.addr) })
	return nodes, nil
}

// shard finds who serves key, and who replicates that.
func (c *Cluster) shard(key string) (master *Server, replicas []*Server, err error) {
	alive := running(c.Nodes)
	if len(alive) == 0 {
		return nil, nil, errors.New("no node runs")
	}
	msg, err := alive[0].Do("CLUSTER", "KEYSLOT", key)
	if err != nil {
		return nil, nil, err
	}
	slot, err := msg.AsInt64()
	if err != nil {
		return nil, nil, err
	}
	view, err := alive[0].clusterView()
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(view, func(n clusterNode) bool { return n.serves(slot) })
	if i < 0 {
		return nil, nil, fmt.Errorf("nobody serves slot %d", slot)
	}
	for _, n := range view {
		if n.master != view[i].id {
			continue
		}
		s, err := withAddr(c.Nodes, n.addr)
		if err != nil {
			return nil, nil, err
		}
		replicas = append(replicas, s)
	}
	master, err = withAddr(c.Nodes, view[i].addr)
	return master, replicas, err
}

// serves reads ranges such as "0-5460 6000".
func (n clusterNode) serves(slot int64) bool {
	for r := range strings.FieldsSeq(n.slots) {
		from, to, isRange := strings.Cut(r, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.ParseInt(from, 10, 64)
		last, err2 := strconv.ParseInt(to, 10, 64)
		if err1 == nil && err2 == nil && first <= slot && slot <= last {
			return true
		}
	}
	return false
}
