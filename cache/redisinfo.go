package cache

import (
	"context"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// What Health asks Redis.

// info asks the server what Health tells; of a cluster, every master.
func (r *remote) info(ctx context.Context, c rueidis.Client, h *Health) error {
	if c.Mode() != rueidis.ClientModeCluster {
		return h.ask(ctx, c, r.conn.Database())
	}
	masters, err := clusterMasters(ctx, c)
	if err != nil {
		return err
	}
	nodes := c.Nodes()
	for _, addr := range masters {
		node, ok := nodes[addr]
		if !ok {
			continue
		}
		var one Health
		if err := one.ask(ctx, node, 0); err != nil {
			return err
		}
		h.join(one)
	}
	return nil
}

// ask reads what one server says of itself and of a database.
func (h *Health) ask(ctx context.Context, c rueidis.Client, db int) error {
	info, err := c.Do(ctx, c.B().Info().Build()).ToString()
	if err != nil {
		return err
	}
	h.readInfo(info)
	// Both out of one reply: of two, keys that come in between would seem to
	// have no TTL.
	keyspace := infoField(info, "db"+strconv.Itoa(db))
	h.Keys, h.Expiring = keyspaceField(keyspace, "keys"), keyspaceField(keyspace, "expires")
	h.Masters = 1
	// Not everyone may read the configuration, and that is no failure.
	saves, err := c.Do(ctx, c.B().ConfigGet().Parameter("save").Build()).AsStrMap()
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	h.Persistence = "none"
	if aof := infoField(info, "aof_enabled") == "1"; saves["save"] != "" && aof {
		h.Persistence = "rdb+aof"
	} else if saves["save"] != "" {
		h.Persistence = "rdb"
	} else if aof {
		h.Persistence = "aof"
	}
	return nil
}

// join adds what another master of the cluster says.
func (h *Health) join(one Health) {
	h.Masters += one.Masters
	h.Keys += one.Keys
	h.Expiring += one.Expiring
	h.UsedMemory += one.UsedMemory
	h.MaxMemory += one.MaxMemory
	h.Replicas += one.Replicas
	h.Fragmentation = max(h.Fragmentation, one.Fragmentation)
	if h.Version == "" {
		h.Version, h.Role, h.Epoch, h.UptimeSeconds = one.Version, one.Role, one.Epoch, one.UptimeSeconds
		h.EvictionPolicy, h.Persistence = one.EvictionPolicy, one.Persistence
	}
}

// readInfo takes what Health tells out of the reply of INFO.
func (h *Health) readInfo(info string) {
	for line := range strings.Lines(info) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		number, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "redis_version":
			h.Version = value
		case "role":
			h.Role = value
		case "master_replid":
			h.Epoch = value
		case "uptime_in_seconds":
			h.UptimeSeconds = number
		case "used_memory":
			h.UsedMemory = number
		case "maxmemory":
			h.MaxMemory = number
		case "maxmemory_policy":
			h.EvictionPolicy = value
		case "mem_fragmentation_ratio":
			h.Fragmentation, _ = strconv.ParseFloat(value, 64)
		case "connected_slaves":
			h.Replicas = number
		}
	}
}

// infoField gives one field of the reply of INFO, "" when it isn't there.
func infoField(info, field string) string {
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == field {
			return value
		}
	}
	return ""
}

// keyspaceField reads a number out of a database's line in INFO, such as
// "keys=3,expires=2,avg_ttl=0"; an empty database has no line.
func keyspaceField(line, field string) int64 {
	for part := range strings.SplitSeq(line, ",") {
		if n, ok := strings.CutPrefix(part, field+"="); ok {
			number, _ := strconv.ParseInt(n, 10, 64)
			return number
		}
	}
	return 0
}
