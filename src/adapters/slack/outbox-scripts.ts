/** What must be atomic in Redis (Lua). All keys of one call share the prefix's hash tag, so that Redis Cluster works. */

/** Epoch milliseconds. */
const NOW = `local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)`;

/**
 * thread, pending, channels; incident, channel, retentionMs, priority, slots.
 * The incident is listed as pending even when nothing is new: repeating a call also repairs a lost list.
 */
export const ADD_WANTED = `
${NOW}
redis.call('HSETNX', KEYS[1], 'channel', ARGV[2])
for _, slot in ipairs(cjson.decode(ARGV[5])) do
  local field = 'slot:' .. slot.key
  local old = redis.call('HGET', KEYS[1], field)
  old = old and cjson.decode(old)
  local dropped = old and (old.digest == slot.digest or (old.kind == 'report' and slot.kind == 'progress'))
  if not dropped then
    slot.version = old and old.version + 1 or 1
    slot.order = old and old.order or redis.call('HINCRBY', KEYS[1], 'orders', 1)
    redis.call('HSET', KEYS[1], field, cjson.encode(slot))
    redis.call('HINCRBY', KEYS[1], 'revision', 1)
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], 'LT', string.format('%.0f', ARGV[4] * 1e13 + now), ARGV[1])
redis.call('SADD', KEYS[3], ARGV[2])
return 1`;

/** thread, pending, channels; incident, channel, revision, priority (-1: nothing is left to do). */
export const SETTLE = `
${NOW}
local revision = redis.call('HGET', KEYS[1], 'revision')
if revision and revision ~= ARGV[3] then return 0 end
if ARGV[4] == '-1' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('SREM', KEYS[3], ARGV[2]) end
else
  redis.call('ZADD', KEYS[2], 'XX', string.format('%.0f', ARGV[4] * 1e13 + now), ARGV[1])
end
return 1`;

/** thread, call-off; key, version, generation, retentionMs. A message that was called off is forgotten instead. */
export const BEGIN_POST = `
${NOW}
if (redis.call('HGET', KEYS[1], 'generation') or '0') ~= ARGV[3] then return 0 end
if redis.call('HEXISTS', KEYS[1], 'sent:' .. ARGV[1]) == 1 then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HDEL', KEYS[1], 'slot:' .. ARGV[1])
  redis.call('HINCRBY', KEYS[1], 'revision', 1)
  return 0
end
local intent = cjson.encode({ version = tonumber(ARGV[2]), at = now, endedAt = cjson.null })
if redis.call('HSETNX', KEYS[1], 'intent:' .. ARGV[1], intent) == 0 then return 0 end
redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1`;

/** thread; generation, key, change (sent | drop | unsure), value, edited, retentionMs. */
export const CHANGE_THREAD = `
${NOW}
if (redis.call('HGET', KEYS[1], 'generation') or '0') ~= ARGV[1] then return 0 end
local intent = 'intent:' .. ARGV[2]
if ARGV[3] == 'unsure' then
  local begun = redis.call('HGET', KEYS[1], intent)
  if begun then
    begun = cjson.decode(begun)
    begun.endedAt = now
    redis.call('HSET', KEYS[1], intent, cjson.encode(begun))
  end
else
  redis.call('HDEL', KEYS[1], intent)
  if ARGV[3] == 'sent' then redis.call('HSET', KEYS[1], 'sent:' .. ARGV[2], ARGV[4]) end
  if ARGV[5] == '1' then redis.call('HSET', KEYS[1], 'editedAt', string.format('%.0f', now)) end
end
redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1`;

/** thread; generation, retentionMs. */
export const FORGET_ROOT = `
if (redis.call('HGET', KEYS[1], 'generation') or '0') ~= ARGV[1] then return 0 end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 5) == 'sent:' or string.sub(field, 1, 7) == 'intent:' then redis.call('HDEL', KEYS[1], field) end
end
redis.call('HDEL', KEYS[1], 'editedAt')
redis.call('HINCRBY', KEYS[1], 'generation', 1)
redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

/** pause; milliseconds. */
export const PAUSE_CHANNEL = `
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end
return 1`;

/**
 * Turns of a limit that all replicas share (GCRA): turns, intervalMs, burst, reserve.
 * 0: taken; otherwise milliseconds until a turn is free beyond the reserve. What is taken further ahead than the
 * burst was by a clock that went back since (a replica that became the master), and is forgotten.
 */
export const TAKE_TURN = `
${NOW}
local interval, room = tonumber(ARGV[1]), ARGV[2] - ARGV[3]
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
local busyUntil = taken > now + interval * ARGV[2] and now or math.max(now, taken)
local wait = busyUntil - now - interval * (room - 1)
if wait > 0 then return math.ceil(wait) end
busyUntil = busyUntil + interval
redis.call('SET', KEYS[1], string.format('%.0f', busyUntil), 'PX', math.ceil(busyUntil - now) + 1000)
return 0`;

/** The next turn of `TAKE_TURN` is free this many milliseconds from now: milliseconds. */
export const HOLD = `
${NOW}
redis.call('SET', KEYS[1], string.format('%.0f', now + ARGV[1]), 'PX', ARGV[1] + 1000)
return 1`;
