/** What must happen to an incident and its alerts in one piece, as scripts of Redis. */

/**
 * Put before `OPEN_OR_JOIN`: an alert also joins what is reported already, so that repeats don't open a second thread:
 * while something fires or for a day after the last change, and for an hour after it was closed or quiet.
 * ARGV from 7 on: seconds that it goes on after a change, seconds that it is reopened. `isPlace`: as in `OPEN_OR_JOIN`.
 */
export const GO_ON = `
local going = redis.call('GET', KEYS[1])
if going then
  local found = redis.call('HMGET', KEYS[4] .. going, 'incident', 'state', 'changedAt', 'alertState', 'channel')
  local age = redis.call('TIME')[1] - (found[3] or 0)
  local isOver = found[2] == 'closed' or found[4] == 'quiet'
  local goesOn = found[2] == 'triaging' or (isOver and age <= tonumber(ARGV[8]))
    or (not isOver and (found[4] == 'firing' or age <= tonumber(ARGV[7])))
  if found[1] and goesOn and isPlace(found[5]) then return {found[1], found[2], 1} end
end
`;

/**
 * Writes the tally unless it or the incident's state changed since it was read; with `again`, takes the incident back
 * into triage, its steps to be done anew. KEYS: incident, its steps. ARGV: tally before (empty: none), state before,
 * tally after, alert state after, again (1 or 0), keep seconds. Returns 1 when it was written.
 */
export const CHANGE_ALERTS = `
local found = redis.call('HMGET', KEYS[1], 'alerts', 'state', 'incident')
if (found[1] or '') ~= ARGV[1] or found[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'alerts', ARGV[3], 'alertState', ARGV[4], 'changedAt', redis.call('TIME')[1])
if ARGV[5] == '1' then
  local incident = cjson.decode(found[3])
  incident.round = (incident.round or 1) + 1
  redis.call('HSET', KEYS[1], 'incident', cjson.encode(incident), 'state', 'triaging')
  redis.call('DEL', KEYS[2])
end
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 1
`;
