/** What each alert makes of the tally of its incident. Pure: the time comes in. */
import type { AlertTally, Occurrence, Run, TimelineEntry } from './alert-tally.ts';
import { CHILD_KILL } from './child-kill.ts';

const EMPTY: AlertTally = {
  schema: 1,
  kills: null,
  others: null,
  instances: [],
  firing: [],
  quietSince: null,
  looks: 0,
  entries: 0,
  timeline: [],
};

/** Of what is remembered: a crash loop of a day is 300 kills (Kubernetes backs off to 5 min), a fleet some 100 pods. */
const MAX_TIMELINE = 200;
const MAX_INSTANCES = 100;
const MAX_FIRING = 500;

/**
 * Two witnesses of one kill differ by the sampling of the one (15 s) and scrape and evaluation of the other (a minute
 * each by default), and a rule's own look back.
 */
export const SAME_KILL_SECONDS = 180;

/** Counts that are worth a reply; in between, only the root changes. */
const TOLD_COUNTS: ReadonlySet<number> = new Set([1, 2, 5, 10, 25]);
/** What flaps all day is told at those counts of its returns and then at this pace: each 5 min it was 287 messages in the channel. */
const RETURN_TOLD_EVERY_SECONDS = 3600;
/** What comes after such a pause is news, though what came before never resolved: nobody looks into its thread any more. */
const PAUSE_SECONDS = 3600;
/** A fleet that fails pod by pod is told of at this pace. */
const NEW_INSTANCE_TOLD_EVERY_SECONDS = 300;

/**
 * The tally with one more alert; the very same object when this copy was counted before. A kill that another source
 * told of already is one kill with two witnesses. `isOver`: the incident was closed or quiet until now.
 */
export function countOccurrence(
  tally: AlertTally | null,
  alert: Occurrence,
  { nowMs, isOver }: { nowMs: number; isOver: boolean },
): AlertTally {
  const before = tally ?? EMPTY;
  if (before.timeline.some(({ keys }) => keys.includes(alert.key))) return before;
  const atMs = momentOf(alert.startsAt, nowMs);
  const firing = alert.fingerprint === null ? before.firing : addBounded(before.firing, alert.fingerprint, MAX_FIRING);
  const anew = withAnew(before, alert);
  const seen = { ...before, firing, quietSince: null, ...(anew === undefined ? {} : { anew }) };
  const twin = alert.kind === 'oom' ? findTwin(before, alert, atMs) : undefined;
  if (twin !== undefined)
    return { ...seen, timeline: before.timeline.map((one) => (one === twin ? joined(one, alert) : one)) };

  const at = new Date(atMs).toISOString();
  const run = grown(alert.kind === 'oom' ? before.kills : before.others, at);
  const { key, source, startsAt: _, fingerprint: __, ...told } = alert;
  const isTold = isOver
    ? isReturnTold(before, atMs)
    : TOLD_COUNTS.has(run.count) || isNewInstance(before, alert, atMs) || isAfterPause(before.timeline, atMs);
  return append(
    {
      ...seen,
      ...(alert.kind === 'oom' ? { kills: run } : { others: run }),
      instances:
        alert.instance === null ? before.instances : addBounded(before.instances, alert.instance, MAX_INSTANCES),
    },
    { ...told, at, event: isOver ? 'reopened' : 'occurred', sources: [source], keys: [key], count: run.count, isTold },
  );
}

/**
 * The tally after an alert resolved; the very same object when it was not firing here. `firedKey`: of the alert that it ends;
 * when another one of the same fingerprint came after that one, this is not its end.
 */
export function countResolved(tally: AlertTally, alert: Occurrence, nowMs: number, firedKey?: string): AlertTally {
  if (alert.fingerprint === null || !tally.firing.includes(alert.fingerprint)) return tally;
  const { [alert.fingerprint]: newest, ...anew } = tally.anew ?? {};
  const isKnown = tally.timeline.some(({ keys }) => firedKey !== undefined && keys.includes(firedKey));
  if (newest !== undefined && newest !== firedKey && isKnown) return tally;
  const firing = tally.firing.filter((one) => one !== alert.fingerprint);
  const isQuiet = firing.length === 0;
  const at = new Date(nowMs).toISOString();
  const { key, source, startsAt: _, fingerprint: __, ...told } = alert;
  return append(
    { ...tally, firing, quietSince: isQuiet ? at : null, ...(newest === undefined ? {} : { anew }) },
    {
      ...told,
      at,
      event: isQuiet ? 'quiet' : 'resolved',
      sources: [source],
      keys: [key],
      count: (alert.kind === 'oom' ? tally.kills : tally.others)?.count ?? 0,
      isTold: isQuiet && isReplyDue(tally),
    },
  );
}

/** Was nothing told to have happened for long before this moment, and something before that? `atMs`: epoch milliseconds. */
export function isAfterPause(timeline: readonly TimelineEntry[], atMs: number): boolean {
  const last = timeline.findLast(({ event }) => event === 'occurred' || event === 'reopened');
  return last !== undefined && atMs - Date.parse(last.at) >= PAUSE_SECONDS * 1000;
}

function isReturnTold({ timeline }: AlertTally, atMs: number): boolean {
  const returns = timeline.filter(({ event }) => event === 'reopened');
  const lastTold = returns.findLast(({ isTold }) => isTold);
  return (
    TOLD_COUNTS.has(returns.length + 1) ||
    lastTold === undefined ||
    atMs - Date.parse(lastTold.at) >= RETURN_TOLD_EVERY_SECONDS * 1000
  );
}

/** Its end is told of what was told. */
function isReplyDue({ timeline }: AlertTally): boolean {
  const since = timeline.findLastIndex(({ event }) => event === 'quiet');
  return timeline.slice(since + 1).some(({ isTold }) => isTold);
}

/**
 * Must the runbook run anew, since the report there is tells of another state? When it had been closed, or over and its
 * return is told: what flaps must not have the process looked into all day. When the first OOM kill came; when the kills
 * became as many as the policy calls critical.
 */
export function isNewLookDue(
  before: AlertTally | null,
  after: AlertTally,
  { isOver, isClosed, criticalKills }: { isOver: boolean; isClosed: boolean; criticalKills: number },
): boolean {
  if (before !== null && before.entries === after.entries) return false;
  const [was, is] = [before?.kills?.count ?? 0, after.kills?.count ?? 0];
  const isReturn = isOver && after.timeline.at(-1)?.isTold === true;
  return isClosed || isReturn || (is > was && (is === 1 || is === criticalKills));
}

/** Never in the future: clocks differ, and what was told has happened. A time that can't be read is now. */
function momentOf(rfc3339: string, nowMs: number): number {
  const at = Date.parse(rfc3339);
  return at > 0 ? Math.min(at, nowMs) : nowMs;
}

function findTwin({ timeline }: AlertTally, alert: Occurrence, atMs: number): TimelineEntry | undefined {
  return timeline.find(
    ({ event, kind, name, sources, at }) =>
      (kind === 'oom' || name === CHILD_KILL) &&
      (event === 'occurred' || event === 'reopened') &&
      !sources.includes(alert.source) &&
      Math.abs(Date.parse(at) - atMs) <= SAME_KILL_SECONDS * 1000,
  );
}

function joined(entry: TimelineEntry, { source, key, node = null }: Occurrence): TimelineEntry {
  return { ...entry, node: entry.node ?? node, sources: [...entry.sources, source], keys: [...entry.keys, key] };
}

function isNewInstance({ instances, timeline }: AlertTally, { instance }: Occurrence, atMs: number): boolean {
  if (instance === null || instances.includes(instance) || instances.length >= MAX_INSTANCES) return false;
  const lastTold = timeline.findLast(({ isTold }) => isTold);
  return lastTold === undefined || atMs - Date.parse(lastTold.at) >= NEW_INSTANCE_TOLD_EVERY_SECONDS * 1000;
}

function grown(run: Run | null, at: string): Run {
  if (run === null) return { count: 1, firstAt: at, lastAt: at };
  return {
    count: run.count + 1,
    firstAt: at < run.firstAt ? at : run.firstAt,
    lastAt: at > run.lastAt ? at : run.lastAt,
  };
}

function append(tally: AlertTally, entry: Omit<TimelineEntry, 'id'>): AlertTally {
  const id = tally.entries + 1;
  return { ...tally, entries: id, timeline: [...tally.timeline, { ...entry, id }].slice(-MAX_TIMELINE) };
}

function withAnew({ firing, anew }: AlertTally, { fingerprint, key }: Occurrence): AlertTally['anew'] {
  return fingerprint === null || !firing.includes(fingerprint) ? anew : { ...anew, [fingerprint]: key };
}

function addBounded(list: readonly string[], item: string, max: number): string[] {
  return list.includes(item) || list.length >= max ? [...list] : [...list, item];
}
