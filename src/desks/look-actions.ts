/** Buttons about the report itself: look again, and take what is seen as the new baseline. */
import type { TriageQueue } from '../adapters/bullmq/triage-queue.ts';
import type { AuditBook } from '../adapters/redis/audit-book.ts';
import type { BaselineStore } from '../adapters/redis/baseline-store.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { PressAnswer, Submission } from '../adapters/slack/action-desk.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import type { Incident } from '../incident/incident.ts';
import { baselineLine } from '../report/baseline-text.ts';
import { code, escapeMrkdwn } from '../report/slack-blocks.ts';
import { NO_PART, type RootPart } from '../report/slack-buttons.ts';
import { formatDuration } from '../units.ts';
import { setBaseline } from '../watch/set-baseline.ts';
import type { ActionHandler } from './action-desk.ts';
import type { MayChangeBaseline } from './baseline-rights.ts';
import type { DeskWorld } from './desk-world.ts';
import { toTriagedService } from './run-triage.ts';

export type LookActionParts = {
  world: Pick<DeskWorld, 'memory' | 'requireService' | 'signal'>;
  incidents: RedisIncidentBook;
  baselines: BaselineStore;
  queue: TriageQueue;
  outbox: Pick<Outbox, 'tellEvent'>;
  audit: AuditBook;
  mayChangeBaseline: MayChangeBaseline;
  /** True once in that many seconds for the same key. */
  admit: (key: string, everySeconds: number) => Promise<boolean>;
};

/** A look holds the process up for a moment, and tells little new so soon after the last one. */
const LOOK_EVERY_SECONDS = 300;

/** What a reported incident offers, whatever was found. */
export function lookPart({ state, round = 1 }: Incident): RootPart {
  if (state !== 'reported') return NO_PART;
  const buttons = [
    { action: 'snapshot_again', version: round },
    { action: 'set_baseline', version: round },
  ] as const;
  return { ...NO_PART, buttons };
}

export function lookActions(parts: LookActionParts): { snapshot_again: ActionHandler; set_baseline: ActionHandler } {
  return {
    snapshot_again: {
      async press({ incidentId, version, userId }) {
        const incident = await parts.incidents.find(incidentId);
        const stale = staleness(incident, version);
        if (stale !== null) return told(stale);
        if (!(await parts.admit(`look ${incidentId}`, LOOK_EVERY_SECONDS))) {
          return told(`⚪ The last look is less than ${formatDuration(LOOK_EVERY_SECONDS)} old; nothing was started.`);
        }
        return told(await lookAgain(incidentId, userId, parts));
      },
    },
    set_baseline: {
      async press({ incidentId, version, userId }) {
        const incident = await parts.incidents.find(incidentId);
        const stale = staleness(incident, version);
        if (stale !== null || incident === null) return told(stale);
        const refused = await refusal(userId, incident, parts);
        return refused === null ? askWhy(incident) : told(refused);
      },
      submit: async (submission) => await takeAsBaseline(submission, parts),
    },
  };
}

async function lookAgain(incidentId: string, userId: string, parts: LookActionParts): Promise<string> {
  const { incidents, queue, outbox, audit } = parts;
  const incident = await incidents.lookAgain(incidentId);
  if (incident === null) return `⚪ ${code(incidentId, 20)} is being looked at already; nothing new was started.`;
  await queue.add(incidentId, incident.round);
  const why = 'asked for new figures and a new look into the process';
  const round = incident.round ?? 1;
  await audit.append(incidentId, `look-${round}`, { at: now(), who: userId, what: 'looked-again', why });
  await outbox.tellEvent(incident, `look-${round}`, `⏳ Looking again (asked in this thread).`);
  return `⏳ Looking again; the verdict of ${code(incidentId, 20)} will be renewed on its first message.`;
}

function askWhy({ service }: Incident): PressAnswer {
  const lines = [
    `What *${escapeMrkdwn(service, 80)}* holds now, over the last day, becomes what it is compared with.`,
    `Earlier baselines are kept: ${code(`/memtriage baseline revert ${service}`)} goes back.`,
  ];
  const reason = { kind: 'text', id: 'reason', label: 'Why is this memory healthy?', isOptional: false } as const;
  return { kind: 'modal', modal: { title: 'Set as new baseline', submit: 'Set', lines, fields: [reason] } };
}

async function takeAsBaseline({ incidentId, version, userId, values }: Submission, parts: LookActionParts) {
  const { world, incidents, baselines, audit, outbox } = parts;
  const incident = await incidents.find(incidentId);
  const stale = staleness(incident, version);
  if (stale !== null || incident === null) return stale;
  const refused = await refusal(userId, incident, parts);
  if (refused !== null) return refused;
  const service = toTriagedService(world.requireService(incident.service));
  const set = await setBaseline(service, userId, { now: Date.now, memory: world.memory, baselines }, world.signal);
  if (set.outcome !== 'ok') return `🟠 ${escapeMrkdwn(set.why)}. ${escapeMrkdwn(set.tryThis)}.`;
  const reason = values['reason'] ?? '';
  const why = `${baselineLine(set.value)}; because: ${reason}`;
  await audit.append(incidentId, `baseline-${set.value.recordedAt}`, { at: now(), who: userId, what: 'baseline', why });
  await outbox.tellEvent(incident, `baseline-${set.value.recordedAt}`, `⚪ New baseline: ${why}`);
  return `⚪ The baseline is now ${escapeMrkdwn(baselineLine(set.value))}.`;
}

/** Why this person may not say what is healthy, or null. Escaped. */
async function refusal(userId: string, { service }: Incident, parts: LookActionParts): Promise<string | null> {
  const may = await parts.mayChangeBaseline(userId, parts.world.requireService(service), 'set_baseline');
  return may.outcome === 'ok' ? null : `⛔ ${escapeMrkdwn(may.why)}. ${escapeMrkdwn(may.tryThis)}.`;
}

/** Why a press does nothing, or null. Escaped. */
export function staleness(incident: Incident | null, version: number): string | null {
  if (incident === null) return '⚪ This incident is not known any more; nothing was done.';
  const id = code(incident.id, 20);
  if (incident.state === 'closed') return `⚪ ${id} is closed; nothing was done.`;
  if (incident.state === 'triaging') return `⚪ ${id} is being looked at right now; nothing was done.`;
  if ((incident.round ?? 1) !== version)
    return `⚪ That button belongs to an older report of ${id}; nothing was done. Use those of the newest.`;
  return null;
}

function told(text: string | null): PressAnswer {
  return { kind: 'told', text };
}

function now(): string {
  return new Date().toISOString();
}
