/**
 * Names of the keys that samples, instances, baselines and collectors live under. `prefix` carries the hash tag
 * (`{memtriage}`), so that every key of one installation is in one slot of a Redis Cluster.
 * Names from the configuration are percent-encoded: a colon in them can't reach into another key.
 */

export function samplesKey(prefix: string, service: string, instance: string, day: number): string {
  return `${prefix}:samples:${encodeURIComponent(service)}:${encodeURIComponent(instance)}:${day}`;
}

/** Hash: instance -> its life as JSON. */
export function instancesKey(prefix: string, service: string): string {
  return `${prefix}:instances:${encodeURIComponent(service)}`;
}

/** Sorted set: one member an OOM kill, scored by epoch seconds. */
export function oomKillsKey(prefix: string, service: string): string {
  return `${prefix}:oom-kills:${encodeURIComponent(service)}`;
}

/** List of baselines as JSON, newest first. */
export function baselinesKey(prefix: string, service: string): string {
  return `${prefix}:baselines:${encodeURIComponent(service)}`;
}

/** String: the id of the baseline in force. */
export function currentBaselineKey(prefix: string, service: string): string {
  return `${prefix}:baseline:${encodeURIComponent(service)}`;
}

/** String that expires: some collector of the site is alive. */
export function heartbeatKey(prefix: string, site: string): string {
  return `${prefix}:collector:${encodeURIComponent(site)}`;
}

/** String that expires: which collector of a host does its sampling. */
export function samplerKey(prefix: string, site: string, host: string): string {
  return `${prefix}:sampler:${encodeURIComponent(site)}:${encodeURIComponent(host)}`;
}

/** String that expires: what the watch remembers of the service, as JSON. */
export function watchStateKey(prefix: string, service: string): string {
  return `${prefix}:watch-state:${encodeURIComponent(service)}`;
}

/** Sorted set: one member a deploy that a pipeline told of, scored by epoch seconds. */
export function deploysKey(prefix: string, service: string): string {
  return `${prefix}:deploys:${encodeURIComponent(service)}`;
}

/** Set: incidents whose rollback is not at its end. */
export function openRollbacksKey(prefix: string): string {
  return `${prefix}:rollbacks-open`;
}

/** List: rollbacks of the service that were carried out or tried, as JSON, newest first. */
export function rollbacksKey(prefix: string, service: string): string {
  return `${prefix}:rollbacks:${encodeURIComponent(service)}`;
}

/** String that expires: the last good answer of the team's schedule, as JSON. */
export function rotaKey(prefix: string, team: string): string {
  return `${prefix}:rota:${encodeURIComponent(team)}`;
}

/** Hash: host -> what its collector tells of itself. */
export function collectorStatsKey(prefix: string, site: string): string {
  return `${prefix}:collector-stats:${encodeURIComponent(site)}`;
}

/** Hash: what was intended and how it ended, of one rollback. `hash`: of its key. */
export function rollbackActKey(prefix: string, hash: string): string {
  return `${prefix}:rollback-act:${hash}`;
}

/** String that expires: the rollback that may change the service now. */
export function rollbackHolderKey(prefix: string, service: string): string {
  return `${prefix}:rollback-holder:${encodeURIComponent(service)}`;
}

/** String that expires: the silence of the service, as JSON. */
export function silenceKey(prefix: string, service: string): string {
  return `${prefix}:silence:${encodeURIComponent(service)}`;
}

/** String that expires: until when the ended shifts of the team were told, epoch milliseconds. */
export function shiftCursorKey(prefix: string, team: string): string {
  return `${prefix}:shift-cursor:${encodeURIComponent(team)}`;
}

/** List: looks from shortly before a limit as JSON, newest first. */
export function lastLooksKey(prefix: string, service: string): string {
  return `${prefix}:last-looks:${encodeURIComponent(service)}`;
}

/** String that expires: what a look that is under way has seen so far, as JSON. */
export function lookSoFarKey(prefix: string, lookId: string): string {
  return `${prefix}:look-so-far:${encodeURIComponent(lookId)}`;
}

/** Hash: the newest OOM kills of a Slack channel, and its open umbrella. */
export function channelKillsKey(prefix: string, channelId: string): string {
  return `${prefix}:channel-kills:${encodeURIComponent(channelId)}`;
}

/** String that expires: an umbrella as JSON. */
export function umbrellaKey(prefix: string, id: string): string {
  return `${prefix}:umbrella:${id}`;
}

/** Set: ids of the umbrellas that are open. */
export function openUmbrellasKey(prefix: string): string {
  return `${prefix}:umbrellas-open`;
}
