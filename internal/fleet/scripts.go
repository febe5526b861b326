package fleet

import "github.com/redis/rueidis"

// keep is how long the hash outlives the last publication.
const keep = "2592000000" // 30 days, in ms

const clock = `
local t = redis.call('TIME')
local now = string.format('%d', t[1] * 1000 + math.floor(t[2] / 1000))
local have = redis.call('HGET', KEYS[1], 'period') or '0'
`

// publishScript replaces a start's record, unless its account is closed or the
// fleet was reset since. ARGV: start, record, sequence number, state, the
// period that the node knows (-1: none), ms to keep. It answers what became of
// it, and the period.
//
//nolint:gochecknoglobals // a compiled table
var publishScript = rueidis.NewLuaScript(clock + `
local start, known = ARGV[1], ARGV[5]
if known ~= '-1' and tonumber(known) < tonumber(have) then
  return {'reset', have}
end
if redis.call('HEXISTS', KEYS[1], 'gone:' .. start) == 1 then
  return {'gone', have}
end
if tonumber(known) > tonumber(have) then
  redis.call('HSET', KEYS[1], 'period', known) -- Redis has lost its data since
  have = known
end
redis.call('HSET', KEYS[1], 'live:' .. start, ARGV[2], 'at:' .. start, ARGV[3] .. ' ' .. now .. ' ' .. ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {'ok', have}
`)

// readScript answers Redis's time, then all fields and values.
//
//nolint:gochecknoglobals // a compiled table
var readScript = rueidis.NewLuaScript(clock + `
local reply = redis.call('HGETALL', KEYS[1])
table.insert(reply, 1, now)
return reply
`)

// retireScript replaces the retired sum, and removes the records that were
// added to it. ARGV: the sum's version and the period when they were read, the
// new sum, ms to keep, how many records, then for each its start and mark;
// then starts whose note that they are gone has served. It answers 1, or 0
// when something had changed.
//
//nolint:gochecknoglobals // a compiled table
var retireScript = rueidis.NewLuaScript(clock + `
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[1] or have ~= ARGV[2] then
  return 0
end
local last = 5 + 2 * tonumber(ARGV[5])
for i = 6, last, 2 do
  if redis.call('HGET', KEYS[1], 'at:' .. ARGV[i]) ~= ARGV[i + 1] then
    return 0
  end
end
for i = 6, last, 2 do
  redis.call('HDEL', KEYS[1], 'live:' .. ARGV[i], 'at:' .. ARGV[i])
  redis.call('HSET', KEYS[1], 'gone:' .. ARGV[i], now)
end
for i = last + 1, #ARGV do
  redis.call('HDEL', KEYS[1], 'gone:' .. ARGV[i])
end
redis.call('HSET', KEYS[1], 'retired', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
`)

// resetScript forgets all that was counted. Nodes that publish next are told.
// ARGV: ms to keep. It answers the new period.
//
//nolint:gochecknoglobals // a compiled table
var resetScript = rueidis.NewLuaScript(clock + `
redis.call('DEL', KEYS[1])
local period = string.format('%d', tonumber(have) + 1)
redis.call('HSET', KEYS[1], 'period', period)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return period
`)
