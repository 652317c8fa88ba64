/** What must happen to an incident in one piece, as scripts of Redis. */

/** Is the channel of an open incident one that the request of `OPEN_OR_JOIN` may join? */
export const IS_PLACE = `
local function isPlace(channel)
  if ARGV[6] == '' then return true end
  if ARGV[11] == '1' then return channel == ARGV[6] end
  return channel ~= ''
end
`;

/**
 * Opens an incident or joins the one that is being triaged. One script, so that two commands at the same moment, in
 * two replicas, get the same incident. Who asks with a channel does not join an incident without one: its report would
 * reach no thread. Who asks without one (a command line) about a case that people see, or saw within the hour in which an
 * alert would reopen it, gets one beside it that is closed from its first moment: the case, its page and its thread go on.
 * What comes by itself joins none of another channel than its own: nobody on call reads it there; the triage that somebody
 * asked for elsewhere still ends in its report, which closes it.
 * KEYS: open pointer, id counter, index, prefix of incidents, prefix of requests.
 * ARGV: incident without id, keep seconds, index size, request, request key (the same one again within a day gets the
 * incident that it opened; empty: none), channel (empty: none); from 7 on see `GO_ON`, then the first tally and its
 * state (empty: no alert opens it), last 1 when it comes by itself. Begins with `IS_PLACE`. Returns incident, state, 1 when joined.
 */
export const OPEN_OR_JOIN = `
local function stored(id, joined)
  local found = redis.call('HMGET', KEYS[4] .. id, 'incident', 'state')
  return found[1] and {found[1], found[2], joined}
end
local repeated = ARGV[5] ~= '' and redis.call('GET', KEYS[5] .. ARGV[5])
local again = repeated and stored(repeated, 0)
if again then return again end
local open = redis.call('GET', KEYS[1])
if open and redis.call('HGET', KEYS[4] .. open, 'state') == 'triaging' then
  if isPlace(redis.call('HGET', KEYS[4] .. open, 'channel')) then return stored(open, 1) end
end
local beside = false
if open and ARGV[6] == '' and ARGV[9] == '' then
  local shown = redis.call('HMGET', KEYS[4] .. open, 'channel', 'state', 'changedAt')
  local age = redis.call('TIME')[1] - (shown[3] or 0)
  beside = shown[1] and shown[1] ~= '' and (shown[2] ~= 'closed' or age <= tonumber(ARGV[8]))
end
if open and not beside and redis.call('EXISTS', KEYS[4] .. open) == 1 then
  local state, channel = unpack(redis.call('HMGET', KEYS[4] .. open, 'state', 'channel'))
  if state == 'triaging' and channel ~= '' then redis.call('HSET', KEYS[4] .. open, 'isFollowed', 1)
  else redis.call('HSET', KEYS[4] .. open, 'state', 'closed') end
end
local number = redis.call('INCR', KEYS[2])
local id = 'M-' .. number
local incident = string.gsub(ARGV[1], '"id":""', function() return '"id":"' .. id .. '"' end, 1)
if open and not beside and redis.call('EXISTS', KEYS[4] .. open) == 1 then
  incident = string.gsub(incident, '"previous":""', function() return '"previous":"' .. open .. '"' end, 1)
end
local state = beside and 'closed' or 'triaging'
redis.call('HSET', KEYS[4] .. id, 'incident', incident, 'state', state, 'request', ARGV[4], 'channel', ARGV[6])
if ARGV[9] ~= '' then
  redis.call('HSET', KEYS[4] .. id, 'alerts', ARGV[9], 'alertState', ARGV[10], 'changedAt', redis.call('TIME')[1])
end
redis.call('EXPIRE', KEYS[4] .. id, ARGV[2])
if not beside then redis.call('SET', KEYS[1], id, 'EX', ARGV[2]) end
if ARGV[5] ~= '' then redis.call('SET', KEYS[5] .. ARGV[5], id, 'EX', 86400) end
redis.call('ZADD', KEYS[3], number, id)
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - ARGV[3])
return {incident, state, 0}
`;

/**
 * Takes a reported incident back into triage, its steps to be done anew; any other state is left alone.
 * KEYS: incident, its steps. ARGV: keep seconds, request (empty: as before). Returns the incident, or false.
 */
export const LOOK_AGAIN = `
local found = redis.call('HMGET', KEYS[1], 'incident', 'state')
if not found[1] or found[2] ~= 'reported' then return false end
local incident = cjson.decode(found[1])
incident.round = (incident.round or 1) + 1
redis.call('HSET', KEYS[1], 'incident', cjson.encode(incident), 'state', 'triaging')
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'request', ARGV[2]) end
redis.call('DEL', KEYS[2])
redis.call('EXPIRE', KEYS[1], ARGV[1])
return redis.call('HGET', KEYS[1], 'incident')
`;

/**
 * Stores the report (empty: none) and the state after it; what is closed stays closed, what was followed by another
 * incident is closed, and no report closes what an alert tells of and has not resolved. KEYS: incident. ARGV: report, state, keep seconds.
 */
export const FINISH = `
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return 0 end
if ARGV[1] ~= '' then redis.call('HSET', KEYS[1], 'report', ARGV[1]) end
local alerts = redis.call('HGET', KEYS[1], 'alertState')
local after = ARGV[1] ~= '' and alerts and alerts ~= 'quiet' and 'reported' or ARGV[2]
if redis.call('HEXISTS', KEYS[1], 'isFollowed') == 1 then after = 'closed' end
if state ~= 'closed' then redis.call('HSET', KEYS[1], 'state', after, 'changedAt', redis.call('TIME')[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
`;

/** KEYS: incident. ARGV: epoch milliseconds. The incident, if this is noted for the first time and it has alerts; else false. */
export const NOTE_TOLD = `
local incident, alerts = unpack(redis.call('HMGET', KEYS[1], 'incident', 'alerts'))
if not incident or redis.call('HSETNX', KEYS[1], 'toldAt', ARGV[1]) == 0 then return false end
return alerts and incident
`;
