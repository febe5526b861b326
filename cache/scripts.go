package cache

import "github.com/redis/rueidis"

// The scripts. Each touches the keys of one slot only: KEYS[1] is the entry,
// KEYS[2] its lease, KEYS[3] its floor. Versions are 16 hexadecimal digits,
// which compare as strings, because Lua's numbers are exact to 2^53 only.
//
// Client tracking is on with NOLOOP: what this node writes isn't pushed back
// to it, and the server forgets with each write that this node has read the
// key. So each script that leaves something behind which this node goes on
// to rely on reads it once more after the last write.
//
// A server that may not evict, and is full, refuses a script whose first write
// takes memory, and no other. So what takes something away comes first, or
// an invalidation would fail just then.
//
// What another program has put under one of our keys, of a type that isn't
// ours, is treated as absent and removed: nothing else would ever do so.
//
//nolint:gochecknoglobals // compiled tables
var (
	// leaseScript gives the value {1, value}, or the lease {2}, or says that
	// somebody else has it {3}. ARGV: nonce, ms, the checksum of a
	// value that the caller has seen and can't use ("" for none), and "1" to
	// disregard any value.
	leaseScript, leaseBatch = newScripts(valueOrLease + `return {3}`)

	// fillScript stores a value: 1 when it did, 0 when the lease is another's
	// or gone, -1 when the floor is above the version. ARGV: nonce, value, ms,
	// version ("" for none).
	fillScript, fillBatch = newScripts(stringOf + `
if get(KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[2])
if ARGV[4] ~= '' then
  local floor = get(KEYS[3])
  if floor and #floor == 16 and ARGV[4] < floor then
    return -1
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('EXISTS', KEYS[1])
return 1
`)

	// invalidateScript voids the lease, removes the value unless it is new
	// enough, and raises the floor. It gives the floor now in force, "" for
	// none. ARGV: version ("" for none), floor ms, "1" to remove in any case.
	invalidateScript, invalidateBatch = newScripts(stringOf + versionOf + `
redis.call('DEL', KEYS[2])
if ARGV[3] == '1' or version(redis.pcall('GETRANGE', KEYS[1], 0, 13)) < ARGV[1] then
  redis.call('UNLINK', KEYS[1])
end
if ARGV[1] == '' then
  return ''
end
local floor = get(KEYS[3])
if not floor or #floor ~= 16 or floor < ARGV[1] then
  floor = ARGV[1]
end
redis.call('SET', KEYS[3], floor, 'PX', ARGV[2])
return floor
`)

	// replaceScript puts a value in the place of one of a certain version and
	// of the same generations: {1, floor}; else it invalidates: {0, floor}. In both cases the
	// floor rises and the lease is void, because a load under way reads an
	// older version. ARGV: old version, version, value, ms, generations as in
	// the header, floor ms, layer version as in the header.
	replaceScript = rueidis.NewLuaScript(stringOf + versionOf + `
redis.call('DEL', KEYS[2])
local head = redis.pcall('GETRANGE', KEYS[1], 0, 46 + #ARGV[5])
local floor = get(KEYS[3])
local above = floor and #floor == 16 and floor > ARGV[2]
local stored = 0
if not above and version(head) == ARGV[1] and string.byte(head, 4) % 2 == 0 and string.sub(head, 5, 6) == ARGV[7]
    and string.byte(head, 47) == #ARGV[5] / 8 and string.sub(head, 48) == ARGV[5] then
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
  redis.call('EXISTS', KEYS[1])
  stored = 1
elseif version(head) < ARGV[2] then
  redis.call('UNLINK', KEYS[1])
end
if not above then
  floor = ARGV[2]
  redis.call('SET', KEYS[3], floor, 'PX', ARGV[6])
end
return {stored, floor}
`)

	// overwriteScript puts a string in the place of whatever there is. ARGV: the
	// string, ms.
	overwriteScript = rueidis.NewLuaScript(`
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`)

	// generationScript gives a group's generation and how long it lasts, and
	// makes one where there is none. KEYS[1] is the generation's key. ARGV: a
	// fresh token, ms.
	generationScript = rueidis.NewLuaScript(stringOf + `
local t = get(KEYS[1])
if not t then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return {redis.call('GET', KEYS[1]), tonumber(ARGV[2])}
end
local ms = redis.call('PTTL', KEYS[1])
if ms < ARGV[2] / 2 then
  ms = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ms)
  redis.call('EXISTS', KEYS[1])
end
return {t, ms}
`)

	// prolongScript lets a generation last longer, if it is still the one: 1,
	// or 0. KEYS[1] is the generation's key. ARGV: its token, ms.
	prolongScript = rueidis.NewLuaScript(stringOf + `
if get(KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2], 'GT')
redis.call('EXISTS', KEYS[1])
return 1
`)
)

// valueOrLease is how leases are asked for.
const valueOrLease = stringOf + `
local v = get(KEYS[1])
if v and ARGV[4] == '0' and (ARGV[3] == '' or string.sub(v, 43, 46) ~= ARGV[3]) then
  return {1, v}
end
local granted = redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
  or get(KEYS[2]) == ARGV[1]
  or redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
redis.call('EXISTS', KEYS[2])
if granted then
  return {2}
end
`

// stringOf reads a string, as GET does. What is of another type goes.
const stringOf = `
local function get(key)
  local v = redis.pcall('GET', key)
  if type(v) ~= 'table' then
    return v
  end
  if string.sub(v.err, 1, 9) == 'WRONGTYPE' then
    redis.call('UNLINK', key)
  end
  return redis.call('GET', key)
end
`

// versionOf reads the source version out of the beginning of an entry; ""
// (which is less than any) when it isn't one, nor a string.
const versionOf = `
local function version(head)
  if type(head) == 'table' or #head < 14 or string.sub(head, 1, 3) ~= 'DJ\1' then
    return ''
  end
  local hi, lo = struct.unpack('>I4I4', head, 7)
  return string.format('%08x%08x', hi, lo)
end
`
