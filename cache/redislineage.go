package cache

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/internal/redisconn"
)

// A master that takes over from another, or one that was restarted, may lack
// what was acknowledged last: an invalidation among it. It shows by its
// replication id, which is new each time. Redis keeps a mark for each id that
// the fleet has met; who meets one without a mark clears the cache first.

// settleLineage sees to it that nothing can be read that a lost master's
// invalidation had taken away. It fails unless every master answers as one.
func (r *remote) settleLineage(ctx context.Context, c rueidis.Client) error {
	ids, err := r.lineage(ctx, c)
	if err != nil {
		return err
	}
	for _, id := range ids {
		key := r.engine.o.Prefix + epochSpace + ":" + id
		known, err := c.Do(ctx, c.B().Pexpire().Key(key).Milliseconds(lineageTTL.Milliseconds()).Build()).AsInt64()
		if err != nil {
			return err
		}
		if known == 1 || !guardEpoch {
			continue
		}
		if err := r.bump(ctx, c, groupAll); err != nil {
			return err
		}
		if err := r.resetFleet(ctx, c); err != nil {
			return err
		}
		if _, err := r.exec(ctx, c, overwriteScript, []string{key}, r.engine.o.Node, millis(lineageTTL)); err != nil {
			return err
		}
		r.engine.o.Logger.Info("cache: new master, the cache begins anew", "replication", id)
		r.engine.emit(Event{Kind: EventFailover, Message: "a new master: the cache begins anew, replication id " + id})
	}
	joined := strings.Join(ids, ",")
	r.masters.Store(&joined)
	return nil
}

// sameLineage says whether the masters are those that settleLineage met.
func (r *remote) sameLineage(ctx context.Context) error {
	c, ok := r.client()
	if !ok {
		return nil
	}
	ids, err := r.lineage(ctx, c)
	if err != nil {
		return err
	}
	if met := r.masters.Load(); met != nil && *met != strings.Join(ids, ",") {
		return fmt.Errorf("cache: another master")
	}
	return nil
}

// lineage gives the masters' replication ids, sorted.
func (r *remote) lineage(ctx context.Context, c rueidis.Client) ([]string, error) {
	if c.Mode() != rueidis.ClientModeCluster {
		id, err := replicationID(ctx, c)
		return []string{id}, err
	}
	masters, err := clusterMasters(ctx, c)
	if err != nil {
		return nil, err
	}
	nodes := c.Nodes()
	var ids []string
	for _, addr := range masters {
		node, ok := nodes[addr]
		if !ok {
			return nil, fmt.Errorf("cache: cluster master %s is not connected", addr)
		}
		id, err := replicationID(ctx, node)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// replicationID gives the replication id of a server that is a master.
func replicationID(ctx context.Context, c rueidis.Client) (string, error) {
	info, err := c.Do(ctx, c.B().Info().Section("replication").Build()).ToString()
	if err != nil {
		return "", err
	}
	var h Health
	h.readInfo(info)
	if h.Role != "master" || h.Epoch == "" {
		return "", fmt.Errorf("cache: the server's role is %q, not master", h.Role)
	}
	return h.Epoch, nil
}

// clusterMasters gives the addresses of the nodes that serve slots.
func clusterMasters(ctx context.Context, c rueidis.Client) ([]string, error) {
	var ranges []rueidis.RedisMessage
	err := redisconn.Any(c, func(c rueidis.Client) (err error) {
		ranges, err = c.Do(ctx, c.B().ClusterSlots().Build()).ToArray()
		return err
	})
	if err != nil {
		return nil, err
	}
	var masters []string
	covered := int64(0)
	for _, m := range ranges {
		fields, err := m.ToArray()
		if err != nil || len(fields) < 3 {
			return nil, fmt.Errorf("cache: CLUSTER SLOTS: %w", err)
		}
		from, err1 := fields[0].AsInt64()
		to, err2 := fields[1].AsInt64()
		node, err3 := fields[2].ToArray()
		if err1 != nil || err2 != nil || err3 != nil || len(node) < 2 {
			return nil, fmt.Errorf("cache: CLUSTER SLOTS: unknown reply")
		}
		host, _ := node[0].ToString()
		port, _ := node[1].AsInt64()
		if addr := net.JoinHostPort(host, strconv.FormatInt(port, 10)); !slices.Contains(masters, addr) {
			masters = append(masters, addr)
		}
		covered += to - from + 1
	}
	if covered != 16384 {
		return nil, fmt.Errorf("cache: the cluster serves %d of its slots", covered)
	}
	return masters, nil
}
