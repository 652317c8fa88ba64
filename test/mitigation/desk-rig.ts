/** The desk of rollbacks between a real Redis and a workspace that speaks Slack's protocol; a test presses its buttons. */
import { vi } from 'vitest';
import { createAuditBook } from '../../src/adapters/redis/audit-book.ts';
import { createBaselineStore } from '../../src/adapters/redis/baseline-store.ts';
import { createDeployBook } from '../../src/adapters/redis/deploy-book.ts';
import { isFirstSeen } from '../../src/adapters/redis/first-seen.ts';
import { createIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import { createRollbackBook } from '../../src/adapters/redis/rollback-book.ts';
import { createOutbox } from '../../src/adapters/slack/outbox.ts';
import { startOutboxWorker } from '../../src/adapters/slack/outbox-worker.ts';
import { startSlackApp } from '../../src/adapters/slack/slack-app.ts';
import { createSlackWeb } from '../../src/adapters/slack/slack-web.ts';
import { createUserGroups } from '../../src/adapters/slack/user-groups.ts';
import type { ServiceMemory } from '../../src/analysis/memory.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { createActionDesk } from '../../src/desks/action-desk.ts';
import { sharePostmortem } from '../../src/desks/postmortem.ts';
import { refreshThread } from '../../src/desks/refresh-thread.ts';
import { createRollbackDesk, type RollbackDesk } from '../../src/desks/rollback-desk.ts';
import type { FactParts } from '../../src/desks/rollback-facts.ts';
import { rollbackParts } from '../../src/desks/root-parts.ts';
import type { Incident } from '../../src/incident/incident.ts';
import type { Rollback } from '../../src/incident/rollback.ts';
import type { Report } from '../../src/report/report.ts';
import { NO_COMMANDS } from '../slack/no-commands.ts';
import { FAST, silent } from '../slack/outbox-rig.ts';
import { aReport } from '../slack/reports.ts';
import type { TestRedis } from '../support/redis.ts';

export const CHANNEL = 'C0PAY';
export const WAIT = { timeout: 20_000, interval: 20 };
const DAY = 86_400;
const GROUP = { id: 'S0LEADS', handle: 'pay-leads', users: ['U0CAROL'] };
const USERS = ['ALICE', 'BOB', 'CAROL', 'MALLORY'].map((name) => ({ id: `U0${name}`, name: name.toLowerCase() }));

/** `rollback` and `team`: further lines of the YAML. */
export function config({ rollback = '', team = '', tier = '' } = {}): string {
  return `services:
  checkout:
    channel: ${CHANNEL}
    sockets: /tmp/nowhere
    team: payments
    ${tier}
    rollback: { mode: approve, via: { command: [/bin/true] }, ${rollback} }
teams:
  payments:
    timezone: Etc/UTC
    approvers: [U0ALICE, U0BOB, S0LEADS]
    ${team}
`;
}

export type DeskRig = {
  workspace: Workspace;
  desk: RollbackDesk;
  clock: { nowMs: number };
  facts: {
    isOffHours: boolean | null;
    memory: ServiceMemory;
    inspection: Awaited<ReturnType<FactParts['inspect']>>;
    isQueueAway: boolean;
  };
  deploys: ReturnType<typeof createDeployBook>;
  audit: ReturnType<typeof createAuditBook>;
  rollbacks: ReturnType<typeof createRollbackBook>;
  /** What was handed over to be carried out. */
  handedOver: Rollback[];
  /** An incident whose report advises v812 -> v811, as the triage leaves it; `known`: another report of that one. */
  report: (changes?: Partial<Report>, known?: Incident) => Promise<Incident>;
  root: () => string;
  rootTs: () => string;
  thread: () => string;
  press: (user: string, actionId: string, value?: string) => Promise<void>;
  /** Presses a button of the thread that the root does not show any more, as a client does that has not heard of it. */
  pressOld: (user: string, actionId: string, value: string) => Promise<void>;
  sharePostmortem: (id: string) => ReturnType<typeof sharePostmortem>;
  told: (user: string) => string[];
  buttons: () => string[];
  close: () => Promise<void>;
};

let rigs = 0;

export async function openDeskRig(redis: TestRedis, yaml: string): Promise<DeskRig> {
  const parsed = parseConfig(yaml, '/tmp/memtriage.yaml');
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
  rigs += 1;
  const prefix = `{desk${rigs}}`;
  const client = redis.connect();
  const workspace = await startWorkspace({ users: USERS, userGroups: [GROUP] });
  const common = { botToken: workspace.botToken, slackApiUrl: workspace.apiUrl, logger: silent };
  const web = createSlackWeb(common);
  const clock = { nowMs: Date.now() };
  const now = () => clock.nowMs;
  const facts: DeskRig['facts'] = {
    isOffHours: false,
    memory: memoryAt(clock.nowMs / 1000),
    inspection: null,
    isQueueAway: false,
  };
  const incidents = createIncidentBook(client, prefix, now);
  const baselines = createBaselineStore({ redis: client, prefix });
  const deploys = createDeployBook(client, prefix);
  const audit = createAuditBook(client, prefix);
  const rollbacks = createRollbackBook(client, prefix);
  const rootParts = (incident: Incident) => rollbackParts(incident.id, rollbacks);
  const store = { redis: client, prefix, web, logger: silent };
  const outbox = createOutbox({ ...store, connection: client, rootParts });
  const worker = await startOutboxWorker({
    ...store,
    queueConnection: client,
    workerConnection: redis.connect(),
    limits: FAST,
    sweepEveryMs: 200,
  });
  const handedOver: Rollback[] = [];
  const signal = new AbortController().signal;
  const desk = createRollbackDesk({
    world: {
      config: parsed.config,
      signal,
      memory: { readMemory: async () => ({ outcome: 'ok', value: facts.memory }) },
    },
    baselines,
    deploys,
    rollbacks,
    incidents,
    audit,
    outbox,
    groups: createUserGroups(web, now),
    isOffHours: async () => facts.isOffHours,
    inspect: async () => facts.inspection,
    refresh: async (id) =>
      await refreshThread(id, incidents, outbox, { config: parsed.config, runbooks: [], rootParts }),
    carryOut: async (rollback) => {
      if (facts.isQueueAway) throw new Error('the queue is away');
      handedOver.push(rollback);
    },
    now,
  });
  const app = await startSlackApp({
    ...common,
    appToken: workspace.appToken,
    signingSecret: null,
    port: null,
    desk: NO_COMMANDS,
    actions: createActionDesk(desk),
    isFirst: async (id) => await isFirstSeen(client, prefix, id),
    web,
    signal,
  });
  await baselines.set(baselineOf('v811'));
  const roots = () => workspace.messages(CHANNEL).filter(({ isBot }) => isBot);

  return {
    workspace,
    desk,
    clock,
    facts,
    deploys,
    audit,
    rollbacks,
    handedOver,
    async report(changes = {}, known) {
      const request = {
        service: 'checkout',
        symptom: 'asked' as const,
        openedBy: 'U0ALICE',
        channelId: CHANNEL,
        sinceSeconds: DAY,
        takeSnapshot: false,
      };
      const incident = known ?? (await incidents.openOrJoin(request, 'local')).incident;
      const generatedAt = new Date(now()).toISOString();
      const report = aReport({ incident: incident.id, generatedAt, ...changes });
      await desk.consider(incident, report);
      await outbox.publishReport({ ...incident, state: 'reported' }, report);
      await incidents.saveReport(incident.id, report);
      await vi.waitFor(() => {
        if (!roots().some(({ text }) => text.includes(incident.id))) throw new Error('no root yet');
      }, WAIT);
      return { ...incident, state: 'reported' };
    },
    root: () => roots().at(-1)?.text ?? '',
    rootTs: () => roots().at(-1)?.ts ?? '',
    thread: () =>
      workspace
        .thread(CHANNEL, roots().at(-1)?.ts ?? '')
        .map(({ text }) => text)
        .join('\n'),
    async press(user, actionId, value) {
      const messageTs = roots().at(-1)?.ts ?? '';
      const carried = value === undefined ? {} : { value };
      await workspace.press({ user, channel: CHANNEL, messageTs, actionId, ...carried });
    },
    async pressOld(user, actionId, value) {
      const thread_ts = roots().at(-1)?.ts ?? '';
      const text = { type: 'plain_text', text: 'as it was' };
      const blocks = [{ type: 'actions', elements: [{ type: 'button', action_id: actionId, text, value }] }];
      const posted = await web.call('chat.postMessage', { channel: CHANNEL, thread_ts, text: 'as it was', blocks });
      if (posted.kind !== 'ok') throw new Error('the old button could not be shown');
      const messageTs =
        workspace.thread(CHANNEL, thread_ts).findLast(({ text: said }) => said === 'as it was')?.ts ?? '';
      await workspace.press({ user, channel: CHANNEL, messageTs, actionId });
    },
    sharePostmortem: async (id) => await sharePostmortem(id, { incidents, rollbacks, audit, outbox, web }),
    told: (user) => workspace.ephemerals(user).map(({ text }) => text),
    buttons: () =>
      (roots().at(-1)?.blocks ?? []).flatMap((block) => JSON.stringify(block).match(/(?<="action_id":")\w+/g) ?? []),
    async close() {
      await app.close();
      await worker.close();
      await outbox.close();
      await workspace.close();
    },
  };
}

/** Two instances of v812 that ran for an hour, sampled just now; v811 ran for six days before. */
export function memoryAt(nowSeconds: number): ServiceMemory {
  const startedAt = nowSeconds - 3600;
  return {
    source: 'collector',
    instances: ['4711.1', '4712.1'].map((instance) => ({
      instance,
      release: 'v812',
      startedAt,
      endedAt: null,
      endReason: null,
      limitBytes: null,
      samples: [[nowSeconds - 15, 2_000_000_000]],
    })),
    limitBytes: 3_000_000_000,
    oomKillsAt: [],
    deploys: [
      { release: 'v811', at: startedAt - 6 * DAY },
      { release: 'v812', at: startedAt },
    ],
  };
}

function baselineOf(release: string) {
  return {
    schema: 1 as const,
    service: 'checkout',
    release,
    recordedAt: '2026-11-16T10:00:00Z',
    source: 'auto' as const,
    setBy: null,
    bytes: 800_000_000,
    spreadBytes: 1_000_000,
    profile: [],
    growthBytesPerHour: 0,
    windowSeconds: DAY,
    instances: 2,
    limitBytes: null,
    census: null,
  };
}
