package cache

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"
)

// What the promises Acknowledged and Strict ask of Redis.

//nolint:gochecknoglobals // compiled tables
var (
	// KEYS: nodes (a sorted set by end of lease), cursors (a hash), seq, log.

	// fleetRenewScript gives {renewed 0/1, lapsed 0/1, lost 0/1, seq, live
	// nodes, entries...}. ARGV: node, cursor, lease ms, ms to keep.
	fleetRenewScript = rueidis.NewLuaScript(fleetNow + `
local seq = tonumber(redis.call('GET', KEYS[3]) or '0')
local cursor = tonumber(ARGV[2])
if cursor ~= seq then
  local length = redis.call('LLEN', KEYS[4])
  if cursor < 0 or cursor > seq or cursor < seq - length then
    return {0, 0, 1, seq, 0}
  end
  local reply = {0, 0, 0, seq, 0}
  for _, entry in ipairs(redis.call('LRANGE', KEYS[4], cursor - seq, -1)) do
    reply[#reply + 1] = entry
  end
  return reply
end
local lease = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0')
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[4])) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('HDEL', KEYS[2], gone)
end
for i = 1, 4 do
  redis.call('PEXPIRE', KEYS[i], ARGV[4])
end
return {1, lease > now and 0 or 1, 0, seq, redis.call('ZCOUNT', KEYS[1], now, '+inf')}
`)

	// fleetAnnounceScript gives the entry's number. ARGV: entry, channel, log
	// length, ms to keep.
	fleetAnnounceScript = rueidis.NewLuaScript(`
local seq = redis.call('INCR', KEYS[3])
redis.call('RPUSH', KEYS[4], ARGV[1])
redis.call('LTRIM', KEYS[4], -ARGV[3], -1)
redis.call('PEXPIRE', KEYS[3], ARGV[4])
redis.call('PEXPIRE', KEYS[4], ARGV[4])
redis.call('PUBLISH', ARGV[2], seq)
return seq
`)

	// fleetPendingScript gives {live nodes, those of them that have not carried
	// out an entry}, without the asking node. ARGV: node, number of the entry.
	fleetPendingScript = rueidis.NewLuaScript(fleetNow + `
local live, pending = 0, 0
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do
  if node ~= ARGV[1] then
    live = live + 1
    if tonumber(redis.call('HGET', KEYS[2], node) or '-1') < tonumber(ARGV[2]) then
      pending = pending + 1
    end
  end
end
return {live, pending}
`)

	fleetLeaveScript = rueidis.NewLuaScript(`
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
`)
)

const fleetNow = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

// fleetKept is how long the fleet's keys outlive its last sign of life, in ms.
const fleetKept = "3600000"

// fleetKeys are in one slot of a cluster.
func (r *remote) fleetKeys() []string {
	tag := "{" + r.engine.o.Prefix + "fleet}:"
	return []string{tag + "nodes", tag + "cursors", tag + "seq", tag + "log"}
}

func (r *remote) fleetChannel() string { return r.engine.o.Prefix + "fleet" }

// fleetReply is what fleetRenewScript gives.
type fleetReply struct {
	renewed, lapsed, lost bool
	seq, live             int64
	entries               []string
}

func (r *remote) renewFleet(ctx context.Context, cursor int64) (reply fleetReply, err error) {
	m, err := r.scriptKeys(ctx, fleetRenewScript, r.fleetKeys(), r.engine.o.Node, strconv.FormatInt(cursor, 10), millis(memoryLease), fleetKept)
	if err != nil {
		return reply, err
	}
	values, err := m.ToArray()
	if err != nil || len(values) < 5 {
		return reply, fmt.Errorf("cache: fleet reply: %w", err)
	}
	var n [5]int64
	for i := range n {
		if n[i], err = values[i].AsInt64(); err != nil {
			return reply, fmt.Errorf("cache: fleet reply: %w", err)
		}
	}
	reply = fleetReply{renewed: n[0] == 1, lapsed: n[1] == 1, lost: n[2] == 1, seq: n[3], live: n[4]}
	for _, v := range values[5:] {
		entry, err := v.ToString()
		if err != nil {
			return reply, fmt.Errorf("cache: fleet log: %w", err)
		}
		reply.entries = append(reply.entries, entry)
	}
	return reply, nil
}

func (r *remote) announce(ctx context.Context, entry string) (int64, error) {
	m, err := r.scriptKeys(ctx, fleetAnnounceScript, r.fleetKeys(), entry, r.fleetChannel(), strconv.Itoa(logLength), fleetKept)
	if err != nil {
		return 0, err
	}
	return m.AsInt64()
}

func (r *remote) unacknowledged(ctx context.Context, seq int64) (live, pending int, err error) {
	m, err := r.scriptKeys(ctx, fleetPendingScript, r.fleetKeys(), r.engine.o.Node, strconv.FormatInt(seq, 10))
	if err != nil {
		return 0, 0, err
	}
	n, err := m.AsIntSlice()
	if err != nil || len(n) != 2 {
		return 0, 0, fmt.Errorf("cache: fleet reply: %w", err)
	}
	return int(n[0]), int(n[1]), nil
}

func (r *remote) leaveFleet(ctx context.Context) error {
	_, err := r.scriptKeys(ctx, fleetLeaveScript, r.fleetKeys(), r.engine.o.Node)
	return err
}

func (r *remote) subscribe(ctx context.Context, told func()) error {
	c, ok := r.client()
	if !ok {
		return errAway
	}
	return c.Receive(ctx, c.B().Subscribe().Channel(r.fleetChannel()).Build(), func(rueidis.PubSubMessage) { told() })
}

// check gives the checksum of what Redis has under a key (0: nothing of ours)
// and the tokens of @all and of the groups, in one round trip per slot.
func (r *remote) check(ctx context.Context, key string, groups []string) (mark uint32, tokens []token, err error) {
	c, ok := r.client()
	if !ok {
		return 0, nil, errAway
	}
	commands := make(rueidis.Commands, 0, len(groups)+2)
	commands = append(commands,
		c.B().Getrange().Key(key).Start(0).End(headerCRC+3).Build(),
		c.B().Get().Key(r.generationKey(groupAll)).Build())
	for _, g := range groups {
		commands = append(commands, c.B().Get().Key(r.generationKey(g)).Build())
	}
	began := r.engine.now()
	for i, reply := range c.DoMulti(ctx, commands...) {
		s, err := reply.ToString()
		if err = r.note(began, err); err != nil && !rueidis.IsRedisNil(err) {
			return 0, nil, err
		}
		if i == 0 {
			mark = markOf(bytesOf(s))
		} else {
			tokens = append(tokens, parseToken(s))
		}
	}
	return mark, tokens, nil
}
