package cache

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/rueidis"
)

// What the promises Acknowledged and Strict ask of Redis.

// KEYS: the registry, and the log (a list of what was announced). The registry
// is one hash, so that it is lost as a whole if it is lost:
//
//	since       when it came to be, ms of Redis' clock
//	seq         how many entries the log has had
//	end:NODE    when the node's lease ends
//	cursor:NODE how many entries the node has carried out
//
// where NODE is a name and a random part, because several nodes may have one
// name: see memberID.
//
// After a loss (eviction, flush, restart, failover) there may be nodes that
// hold a lease which the new registry knows nothing of. So until it is as old
// as a lease lives, everyone waits.
//
//nolint:gochecknoglobals // compiled tables
var (
	// fleetRenewScript gives {renewed 0/1, lapsed 0/1, lost 0/1, seq, live
	// nodes, entries...}. ARGV: node, cursor, lease ms, ms to keep.
	fleetRenewScript = rueidis.NewLuaScript(fleetNow + fleetOwn + `
redis.call('HSETNX', KEYS[1], 'since', now)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local seq = tonumber(redis.call('HGET', KEYS[1], 'seq') or '0')
local cursor = tonumber(ARGV[2])
if cursor ~= seq then
  local length = redis.call('LLEN', KEYS[2])
  if cursor < 0 or cursor > seq or cursor < seq - length then
    return {0, 0, 1, seq, 0}
  end
  local reply = {0, 0, 0, seq, 0}
  for _, entry in ipairs(redis.call('LRANGE', KEYS[2], cursor - seq, -1)) do
    reply[#reply + 1] = entry
  end
  return reply
end
local lease = tonumber(redis.call('HGET', KEYS[1], 'end:' .. ARGV[1]) or '0')
redis.call('HSET', KEYS[1], 'end:' .. ARGV[1], now + ARGV[3], 'cursor:' .. ARGV[1], cursor)
local live = 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 4) == 'end:' then
    if tonumber(fields[i + 1]) > now then
      live = live + 1
    elseif tonumber(fields[i + 1]) < now - ARGV[4] then
      redis.call('HDEL', KEYS[1], fields[i], 'cursor:' .. string.sub(fields[i], 5))
    end
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {1, lease > now and 0 or 1, 0, seq, live}
`)

	// fleetAnnounceScript gives {number of the last entry, since}. ARGV: channel,
	// number of entries, log length, ms to keep, entries.
	fleetAnnounceScript = rueidis.NewLuaScript(fleetNow + fleetOwn + `
redis.call('HSETNX', KEYS[1], 'since', now)
local seq = redis.call('HINCRBY', KEYS[1], 'seq', ARGV[2])
redis.call('RPUSH', KEYS[2], unpack(ARGV, 5))
redis.call('LTRIM', KEYS[2], -ARGV[3], -1)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('PUBLISH', ARGV[1], seq)
return {seq, redis.call('HGET', KEYS[1], 'since')}
`)

	// fleetPendingScript gives {live nodes, those of them that have not carried
	// out an entry, 1 when the registry is too young to tell}, without the
	// asking node. ARGV: node, number of the entry, lease ms, since.
	fleetPendingScript = rueidis.NewLuaScript(fleetNow + `
local live, pending = 0, 0
local fields = redis.call('HGETALL', KEYS[1])
local known = {}
for i = 1, #fields, 2 do
  known[fields[i]] = fields[i + 1]
end
local young = known['since'] ~= ARGV[4] or now < tonumber(ARGV[4]) + ARGV[3]
for field, value in pairs(known) do
  local node = string.sub(field, 5)
  if string.sub(field, 1, 4) == 'end:' and node ~= ARGV[1] and tonumber(value) > now then
    live = live + 1
    if tonumber(known['cursor:' .. node] or '-1') < tonumber(ARGV[2]) then
      pending = pending + 1
    end
  end
end
return {live, pending, young and 1 or 0, known['since'] == ARGV[4] and 1 or 0}
`)

	fleetLeaveScript = rueidis.NewLuaScript(`
return redis.call('HDEL', KEYS[1], 'end:' .. ARGV[1], 'cursor:' .. ARGV[1])
`)
)

const fleetNow = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

// fleetOwn goes before what writes to the fleet's keys. What is there of
// another type goes: then the registry begins anew, as after a loss. The
// second write takes no memory, and so lets those after it through when the
// server is full.
const fleetOwn = `
for i, kind in ipairs({'hash', 'list'}) do
  local is = redis.call('TYPE', KEYS[i]).ok
  if is ~= kind and is ~= 'none' then
    redis.call('UNLINK', KEYS[1], KEYS[2])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
`

// fleetKept is how long the fleet's keys outlive its last sign of life, in ms.
const fleetKept = "3600000"

// fleetKeys are in one slot of a cluster.
func (r *remote) fleetKeys() []string {
	tag := r.engine.o.Prefix + "{fleet}:"
	return []string{tag + "nodes", tag + "log"}
}

func (r *remote) fleetChannel() string { return r.engine.o.Prefix + "fleet" }

// fleetReply is what fleetRenewScript gives.
type fleetReply struct {
	renewed, lapsed, lost bool
	seq, live             int64
	entries               []string
}

func (r *remote) renewFleet(ctx context.Context, cursor int64) (reply fleetReply, err error) {
	m, err := r.scriptKeys(ctx, fleetRenewScript, r.fleetKeys(), r.fleet.id, strconv.FormatInt(cursor, 10), millis(memoryLease), fleetKept)
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

// announced is the last of some entries of the log, in one incarnation of the registry.
type announced struct {
	seq   int64
	since string
}

// announce adds entries to the log. A node that is further behind than the log
// is long forgets everything.
func (r *remote) announce(ctx context.Context, entries []string) (a announced, err error) {
	for some := range slices.Chunk(entries, logLength/2) {
		args := append([]string{r.fleetChannel(), strconv.Itoa(len(some)), strconv.Itoa(logLength), fleetKept}, some...)
		m, err := r.scriptKeys(ctx, fleetAnnounceScript, r.fleetKeys(), args...)
		if err != nil {
			return a, err
		}
		reply, err := m.ToArray()
		if err != nil || len(reply) != 2 {
			return a, fmt.Errorf("cache: fleet reply: %w", err)
		}
		if a.seq, err = reply[0].AsInt64(); err != nil {
			return a, err
		}
		if a.since, err = reply[1].ToString(); err != nil {
			return a, err
		}
	}
	return a, nil
}

// standing is who has carried out an entry.
type standing struct {
	live, pending int  // other nodes
	young         bool // there may be others, of which the registry doesn't know yet
	gone          bool // the registry is another one now
}

func (r *remote) standing(ctx context.Context, a announced) (s standing, err error) {
	m, err := r.scriptKeys(ctx, fleetPendingScript, r.fleetKeys(), r.fleet.id, strconv.FormatInt(a.seq, 10), millis(memoryLease), a.since)
	if err != nil {
		return s, err
	}
	n, err := m.AsIntSlice()
	if err != nil || len(n) != 4 {
		return s, fmt.Errorf("cache: fleet reply: %w", err)
	}
	return standing{live: int(n[0]), pending: int(n[1]), young: n[2] == 1, gone: n[3] == 0}, nil
}

// resetFleet makes a registry begin anew, because it may lack what was
// written to it last.
func (r *remote) resetFleet(ctx context.Context, c rueidis.Client) error {
	return c.Do(ctx, c.B().Unlink().Key(r.fleetKeys()[0]).Build()).Error()
}

func (r *remote) leaveFleet(ctx context.Context) error {
	_, err := r.scriptKeys(ctx, fleetLeaveScript, r.fleetKeys(), r.fleet.id)
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
		if err = r.note(began, err); err != nil && !rueidis.IsRedisNil(err) && !foreign(err) {
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
