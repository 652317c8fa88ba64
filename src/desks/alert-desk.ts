/** From a stored alert to its thread: each step is safe to repeat, since a bot may die after any of them. */
import { createHash } from 'node:crypto';
import { type AlertQueue, alertId } from '../adapters/bullmq/alert-queue.ts';
import type { TriageQueue } from '../adapters/bullmq/triage-queue.ts';
import type { AlertBook } from '../adapters/redis/alert-book.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { SilenceBook } from '../adapters/redis/silence-book.ts';
import type { CommandDesk } from '../adapters/slack/command-desk.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import { type Alert, instanceOf, nodeOf } from '../alert/alert.ts';
import { judgeKill, type KillEvidence } from '../alert/judge-kill.ts';
import { placeAlert, placingLine, unplacedKey } from '../alert/place-alert.ts';
import type { Service } from '../config/config.ts';
import type { Occurrence } from '../incident/alert-tally.ts';
import { countOccurrence, countResolved, isNewLookDue } from '../incident/count-alerts.ts';
import type { Incident } from '../incident/incident.ts';
import type { LastLook } from '../incident/last-look.ts';
import { renderUnplacedAlert } from '../report/slack-alerts.ts';
import { renderLastLook } from '../report/slack-last-look.ts';
import type { DeskWorld } from './desk-world.ts';

export type AlertDeskParts = {
  world: Pick<DeskWorld, 'config' | 'logger'>;
  incidents: RedisIncidentBook;
  alertBook: AlertBook;
  alertQueue: Pick<AlertQueue, 'isUnderWay' | 'isKnown' | 'forgetHeld'>;
  silences: Pick<SilenceBook, 'find'>;
  triageQueue: TriageQueue;
  outbox: Outbox;
  /** The look from before the last kill of the incident, or null. */
  lastLookOf: (incident: Incident) => Promise<LastLook | null>;
  /** Lives of the service's processes, and its deploys since then (epoch seconds). */
  killEvidence: (service: string, sinceSeconds: number) => Promise<KillEvidence>;
  /** May an alert of no service be told, or were there too many? `key`: the same for alerts that are told once. */
  admitUnplaced: (key: string) => Promise<boolean>;
  /** Brings the thread to what is stored of its incident. */
  refresh: (incidentId: string) => Promise<void>;
  desk: Pick<CommandDesk, 'defaultSinceSeconds'>;
  now: () => number;
};

/** `held`: it is taken again after that many milliseconds, since its service is silenced. */
export type Taken = { kind: 'done' } | { kind: 'held'; ms: number };

/** A silence may be ended early, and what still stands is told then. */
const HELD: Taken = { kind: 'held', ms: 60_000 };

export type AlertDesk = {
  /** `toldAtMs`: when it came in, epoch milliseconds. Rejects when Redis fails, or when the alert must wait for another one: then it is taken again later. */
  take(alert: Alert, toldAtMs: number): Promise<Taken>;
};

const FIRING_FIRST = 'the firing alert comes first';

export function createAlertDesk(parts: AlertDeskParts): AlertDesk {
  return {
    async take(alert, toldAtMs) {
      const service = placeAlert(parts.world.config.services.values(), alert);
      if (service === null) await tellUnplaced(alert, parts);
      else if (alert.status === 'resolved') await takeEnd(alert, service, parts);
      else return await takeFiring(alert, service, toldAtMs, parts);
      return { kind: 'done' };
    },
  };
}

async function takeFiring(alert: Alert, service: Service, toldAtMs: number, parts: AlertDeskParts): Promise<Taken> {
  const real = await asItIs(alert, service, toldAtMs, parts);
  if (await isHeld(real, service, parts)) {
    return (await parts.alertQueue.isKnown({ ...alert, status: 'resolved' })) ? { kind: 'done' } : HELD;
  }
  if (real.kind !== alert.kind) {
    const fields = { service: service.name, alert: alert.name, why: real.summary };
    parts.world.logger.info(fields, 'an alert of an OOM kill that was none');
  }
  await openOrCount(real, service, toldAtMs, parts);
  return { kind: 'done' };
}

/** How far before the alert a deploy may lie that explains it. */
const EVIDENCE_SECONDS = 86_400;

/** An alert of an OOM kill that was none is named as what it is: it is counted as another alert, and pages nobody. */
async function asItIs(alert: Alert, { name }: Service, toldAtMs: number, parts: AlertDeskParts): Promise<Alert> {
  if (alert.kind !== 'oom') return alert;
  const verdict = judgeKill(alert, toldAtMs, await parts.killEvidence(name, toldAtMs / 1000 - EVIDENCE_SECONDS));
  if (verdict.kind === 'kill') return alert;
  const said = alert.summary === '' ? '' : `; it says: ${alert.summary}`;
  return { ...alert, kind: 'custom', summary: `No OOM kill: ${verdict.why}${said}` };
}

/** A silence never hides an OOM kill: it opens its thread and is counted, and the root says that nobody is paged. */
async function isHeld({ kind }: Alert, { name }: Service, { silences }: AlertDeskParts): Promise<boolean> {
  return kind !== 'oom' && (await silences.find(name)) !== null;
}

async function openOrCount(alert: Alert, service: Service, toldAtMs: number, parts: AlertDeskParts): Promise<void> {
  const { incidents, alertBook, triageQueue, world, now } = parts;
  const occurrence = toOccurrence(alert);
  const { incident, joined } = await incidents.openOrJoin(
    {
      service: service.name,
      symptom: alert.kind === 'oom' ? 'oom-kill' : 'memory-growth',
      openedBy: alert.source,
      channelId: service.channel,
      sinceSeconds: parts.desk.defaultSinceSeconds(service.name),
      takeSnapshot: true,
    },
    service.site,
    alertId(alert),
    // With the opening: whoever takes the triage up must know of the kill that it is about.
    { tally: countOccurrence(null, occurrence, { nowMs: now(), isOver: false }), toldAtMs },
  );
  await alertBook.change(incident.id, (before, state) => {
    const isClosed = state === 'closed';
    const isOver = isClosed || (before !== null && before.quietSince !== null);
    const tally = countOccurrence(before, occurrence, { nowMs: now(), isOver });
    const criticalKills = service.policy.critical.oomKills;
    const looksAgain = state !== 'triaging' && isNewLookDue(before, tally, { isOver, isClosed, criticalKills });
    return { tally, looksAgain };
  });
  const stored = await incidents.findState(incident.id);
  // Also when it was queued before: a bot may have died between storing the incident and queueing its triage.
  if (stored?.state === 'triaging') await triageQueue.add(incident.id, stored.round);
  await parts.refresh(incident.id);
  // Its end overtook it, as when its sender got no answer at first: without this, it would fire for ever.
  const end: Alert = { ...alert, status: 'resolved' };
  if (await parts.alertQueue.isKnown(end)) await resolve(end, service, parts);
  if (alert.kind === 'oom') await tellLastLook(await incidents.find(incident.id), parts);
  const fields = { incidentId: incident.id, service: service.name, alert: alert.name, source: alert.source };
  world.logger.info(fields, joined ? 'an alert joined its incident' : 'an alert opened an incident');
}

/** What the collector saw before the kill, once for each look. */
async function tellLastLook(incident: Incident | null, { lastLookOf, outbox }: AlertDeskParts): Promise<void> {
  if (incident === null) return;
  const look = await lastLookOf(incident);
  const message = look === null ? null : renderLastLook(look);
  if (look === null || message === null) return;
  await outbox.reply(incident, `last look ${look.instance} ${look.at}`, message);
}

async function takeEnd(alert: Alert, service: Service, parts: AlertDeskParts): Promise<void> {
  const firing: Alert = { ...alert, status: 'firing' };
  if (await isHeld(alert, service, parts)) await parts.alertQueue.forgetHeld(firing);
  // Both may have waited while no bot was there: the end must not be counted before the beginning.
  if (await parts.alertQueue.isUnderWay(firing)) throw new Error(FIRING_FIRST);
  await resolve(alert, service, parts);
}

async function resolve(alert: Alert, service: Service, parts: AlertDeskParts): Promise<void> {
  const { incidents, alertBook, now } = parts;
  const incident: Incident | null = await incidents.newestOf(service.name);
  if (incident === null) return;
  const firedKey = alertId({ ...alert, status: 'firing' });
  await alertBook.change(incident.id, (before) =>
    before === null ? null : { tally: countResolved(before, toOccurrence(alert), now(), firedKey), looksAgain: false },
  );
  await parts.refresh(incident.id);
}

async function tellUnplaced(alert: Alert, { world, outbox, admitUnplaced }: AlertDeskParts): Promise<void> {
  const { channel } = world.config.slack;
  // It was of a service when it was read: by another configuration. What bots chat about is not told again.
  if (alert.source === 'Slack') return;
  const key = unplacedKey(alert);
  world.logger.warn({ alert: alert.name, labels: alert.labels, service: alert.service }, 'an alert of no service');
  if (channel === null || alert.status === 'resolved' || !(await admitUnplaced(key))) return;
  await outbox.post(key, channel, renderUnplacedAlert(alert, placingLine(alert)));
}

function toOccurrence(alert: Alert): Occurrence {
  const { source, kind, name, summary, startsAt } = alert;
  const isMoment = alert.isMoment === true || source === 'collector' || source === 'Kubernetes';
  return {
    key: alertId(alert),
    fingerprint: isMoment ? null : fingerprintOf(alert),
    source,
    kind,
    name,
    summary,
    instance: instanceOf(alert),
    node: nodeOf(alert),
    startsAt,
  };
}

/** Short: hundreds of them are stored. */
function fingerprintOf({ source, fingerprint }: Alert): string {
  return createHash('sha256')
    .update(JSON.stringify([source, fingerprint]))
    .digest('hex')
    .slice(0, 16);
}
