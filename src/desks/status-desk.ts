/** `/memtriage status`: the cases that are open, how the bot itself does, and the story of one case. */
import type { Readings } from '../adapters/metrics/readings.ts';
import type { AuditBook } from '../adapters/redis/audit-book.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { SilenceBook } from '../adapters/redis/silence-book.ts';
import type { DeskAnswer } from '../adapters/slack/command-desk.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import { failed, messageOf } from '../errors.ts';
import type { AuditEntry } from '../incident/audit.ts';
import type { Incident } from '../incident/incident.ts';
import type { StepResult } from '../incident/step-result.ts';
import { tellEntry } from '../incident/tell-entry.ts';
import { threadOf } from '../incident/umbrella.ts';
import { formatDuration } from '../units.ts';
import type { DeskWorld } from './desk-world.ts';
import { silenceLine } from './silence-desk.ts';

export type StatusDeskParts = {
  world: Pick<DeskWorld, 'config' | 'redis' | 'prometheus'>;
  incidents: RedisIncidentBook;
  audit: Pick<AuditBook, 'list'>;
  silences: SilenceBook;
  outbox: Pick<Outbox, 'permalink'>;
  observing: {
    readings(): Promise<Readings>;
    /** Part of a sentence. */
    slackState(): string;
  };
};

/** What fits on a phone; the answer is cut at 40 lines anyway. */
const SHOWN_INCIDENTS = 15;
const SHOWN_EVENTS = 25;
/** How far back those of services that are no longer configured are looked for. */
const SEARCHED_INCIDENTS = 500;

export async function overview(parts: StatusDeskParts): Promise<DeskAnswer> {
  const { world, incidents, silences } = parts;
  const services = [...world.config.services.keys()];
  const [recent, current, silenced, health] = await Promise.all([
    incidents.recent(SEARCHED_INCIDENTS),
    Promise.all(services.map((service) => incidents.openOf(service))),
    silences.list(services),
    healthLines(parts),
  ]);
  const found = [...recent, ...current].flatMap((one) => (one === null || one.state === 'closed' ? [] : [one]));
  const open = [...new Map(found.map((one) => [one.id, one])).values()].sort((a, b) => numberOf(b) - numberOf(a));
  const more = open.length > SHOWN_INCIDENTS ? [`… and ${open.length - SHOWN_INCIDENTS} more`] : [];
  const cases = open.length === 0 ? ['none'] : [...open.slice(0, SHOWN_INCIDENTS).map(incidentLine), ...more];
  const quiet = silenced.slice(0, SHOWN_INCIDENTS).map((silence) => `silenced: ${silenceLine(silence)}`);
  return { kind: 'lines', title: 'Open incidents', lines: [...cases, ...quiet, ...health] };
}

function numberOf({ id }: Incident): number {
  return Number(id.slice('M-'.length));
}

async function healthLines({ world, observing }: StatusDeskParts): Promise<string[]> {
  const [{ redisPingSeconds, queues, outbox, sites }, prometheus] = await Promise.all([
    observing.readings(),
    prometheusLine(world),
  ]);
  const place = world.redis.describe();
  if (redisPingSeconds === null) return [`Redis: does not answer (${place})`, ...prometheus];
  const waiting = queues.flatMap(({ queue, oldestSeconds }) =>
    oldestSeconds === null ? [] : [`${queue} (oldest ${formatDuration(oldestSeconds)})`],
  );
  const late =
    outbox === null || outbox.threads === 0
      ? 'nothing waits for it'
      : `${outbox.threads === 1 ? 'one thread waits' : `${outbox.threads} threads wait`} for it, the oldest for ${formatDuration(outbox.oldestSeconds ?? 0)}`;
  return [
    `Redis: answers in ${formatDuration(redisPingSeconds)} (${place})`,
    ...prometheus,
    waiting.length === 0 ? 'Queues: nothing waits' : `Queues: work waits in ${waiting.join(', ')}`,
    `Slack: ${observing.slackState()}; ${late}`,
    ...sites.map(({ site, isAlive, processes, lagSeconds }) => {
      if (!isAlive) return `Collector ${site}: none is alive; nothing can be looked into there`;
      const told = lagSeconds === null ? 'no samples told yet' : `samples ${formatDuration(lagSeconds)} old`;
      return `Collector ${site}: ${processes} processes, ${told}`;
    }),
  ];
}

/** Whoever asks waits 2.5 s for everything. */
const PROMETHEUS_PATIENCE_MS = 1000;

async function prometheusLine({ prometheus }: Pick<DeskWorld, 'prometheus'>): Promise<string[]> {
  if (prometheus === null) return [];
  const begunAt = performance.now();
  const answer = await prometheus.queryInstant('vector(1)', AbortSignal.timeout(PROMETHEUS_PATIENCE_MS));
  if (answer.outcome !== 'ok') return [`Prometheus: ${answer.why}`];
  return [`Prometheus: answers in ${formatDuration((performance.now() - begunAt) / 1000)}`];
}

/** One case: what happened, in order, and the steps of its newest triage. */
export async function incidentStatus(id: string, parts: StatusDeskParts): Promise<DeskAnswer> {
  const incident = await parts.incidents.find(id);
  if (incident === null) return failed('user', `there is no incident ${id}`, 'See /memtriage status');
  const [steps, trail, silence, place] = await Promise.all([
    parts.incidents.savedSteps(id),
    parts.audit.list(id),
    parts.silences.find(incident.service),
    parts.outbox.permalink(threadOf(incident).id).catch(messageOf),
  ]);
  return {
    kind: 'lines',
    title: incidentLine(incident),
    lines: [
      ...(place === null ? [] : [`Thread: ${place}`]),
      ...(silence === null ? [] : [`silenced: ${silenceLine(silence)}`]),
      ...timelineOf(incident, trail),
      ...inOrder(steps).map(({ step, outcome, note }) => `${step}: ${outcome}; ${note}`),
    ],
  };
}

const STEP_ORDER = ['capture', 'compare', 'snapshot', 'evaluate'];

/** Redis keeps no order. A team's own checks come last. */
function inOrder(steps: readonly StepResult[]): StepResult[] {
  const place = ({ kind }: StepResult): number =>
    (STEP_ORDER.indexOf(kind) + STEP_ORDER.length + 1) % (STEP_ORDER.length + 1);
  return steps.toSorted((a, b) => place(a) - place(b));
}

/** Everything that was told of it, oldest first; the newest are shown. */
function timelineOf(incident: Incident, trail: readonly AuditEntry[]): string[] {
  const events = [
    { at: incident.openedAt, line: `opened by ${incident.openedBy}` },
    ...(incident.alerts?.timeline ?? []).map((entry) => ({ at: entry.at, line: tellEntry(entry) })),
    ...trail.map(({ at, who, what, why }) => ({ at, line: `${what} by ${who}: ${why}` })),
  ].toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const left = events.length - SHOWN_EVENTS;
  const earlier = left > 0 ? [`… ${left} earlier`] : [];
  return [...earlier, ...events.slice(-SHOWN_EVENTS).map(({ at, line }) => `${at} ${line}`)];
}

/** Plain text. */
export function incidentLine({
  id,
  service,
  state,
  openedAt,
  openedBy,
  alerts,
  umbrella,
  round = 1,
}: Incident): string {
  const kills = alerts?.kills == null ? '' : `, OOM kill ×${alerts.kills.count}`;
  const again = round === 1 ? '' : `, looked at ${round} times`;
  const under = umbrella === undefined ? '' : `, killed with many others (${umbrella})`;
  return `${id} ${service}: ${state}, opened ${openedAt} by ${openedBy}${kills}${under}${again}`;
}
