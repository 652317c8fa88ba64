/** Paging without a bot process: real Redis, real queues and outbox, Slack on loopback, and a clock that the test sets. */
import { Redis } from 'ioredis';
import { createEscalationQueue } from '../../src/adapters/bullmq/escalation-queue.ts';
import { createTriageQueue } from '../../src/adapters/bullmq/triage-queue.ts';
import { createIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import { createPagerBook } from '../../src/adapters/redis/pager-book.ts';
import { createRollbackBook } from '../../src/adapters/redis/rollback-book.ts';
import { createUmbrellaBook } from '../../src/adapters/redis/umbrella-book.ts';
import { createDirectMessages } from '../../src/adapters/slack/direct-messages.ts';
import { createSlackWeb } from '../../src/adapters/slack/slack-web.ts';
import { createUserGroups } from '../../src/adapters/slack/user-groups.ts';
import type { Config, Service, Team } from '../../src/config/config.ts';
import type { Workspace } from '../../src/demo/workspace/workspace.ts';
import { createAddresses } from '../../src/desks/addresses.ts';
import { consider, type PagingParts } from '../../src/desks/page-desk.ts';
import { createPaging } from '../../src/desks/paging.ts';
import { createRotas } from '../../src/desks/rotas.ts';
import { createUmbrellaDesk } from '../../src/desks/umbrella-desk.ts';
import type { Incident } from '../../src/incident/incident.ts';
import type { World } from '../../src/main/world.ts';
import type { Report } from '../../src/report/report.ts';
import { type Death, silent, startReplica } from '../slack/outbox-rig.ts';
import { aReport } from '../slack/reports.ts';
import type { TestRedis } from '../support/redis.ts';

export const CHANNEL = 'C0PAY';
/** Saturday 14:02 in Los Angeles; Bob has the week, Alice had the one before. */
export const SATURDAY = Date.parse('2026-11-21T22:02:00Z');

export function aTeam(changes: Partial<Team> = {}): Team {
  return {
    name: 'payments',
    timezone: 'America/Los_Angeles',
    channel: CHANNEL,
    businessHours: { weekdays: [1, 2, 3, 4, 5], fromMinute: 540, toMinute: 1080 },
    holidays: { country: null, state: null, add: [], remove: [] },
    onCall: {
      source: 'rotation',
      members: ['U0ALICE', 'U0BOB'],
      handoff: { weekday: 1, minute: 540 },
      since: '2026-01-05',
    },
    escalateAfterSeconds: [300, 300, 600],
    approvers: [],
    twoPerson: 'never',
    ...changes,
  };
}

export type Bot = PagingParts & {
  now: () => number;
  run: ReturnType<typeof createPaging>['run'];
  setNow: (ms: number) => void;
  /** Stores an incident with its report, as a triage leaves it. */
  report: (changes?: Partial<Report>, openedBy?: string) => Promise<Incident>;
  /** Every connection is cut, nothing is tidied up. */
  die: () => void;
  isDead: () => boolean;
  close: () => Promise<void>;
};

/** One replica. `death`: of its outbox; `diesAfterScript`: of all of it, once its own n-th script of Redis has run. */
export async function startBot(
  redis: TestRedis,
  workspace: Workspace,
  options: { prefix: string; team?: Team; nowMs?: number; death?: Death; diesAfterScript?: number },
): Promise<Bot> {
  const { prefix, team = aTeam(), death = null } = options;
  const replica = await startReplica(redis, workspace, { prefix, death });
  const client = new Redis({ path: redis.path, maxRetriesPerRequest: 1 });
  client.on('error', () => {});
  let isDead = false;
  const die = (): void => {
    isDead = true;
    replica.die();
    client.disconnect();
  };
  const runScript = client.eval.bind(client) as (...args: unknown[]) => Promise<unknown>;
  let scripts = 0;
  Object.assign(client, {
    eval: async (...args: unknown[]) => {
      const done = await runScript(...args);
      if (++scripts === options.diesAfterScript) die();
      return isDead ? await new Promise<never>(() => {}) : done;
    },
  });
  const web = createSlackWeb({ botToken: workspace.botToken, slackApiUrl: workspace.apiUrl, logger: silent });
  let nowMs = options.nowMs ?? SATURDAY;
  const now = (): number => nowMs;
  const config = {
    teams: new Map([[team.name, team]]),
    services: new Map([['checkout', { name: 'checkout', team: team.name } as Service]]),
  } as unknown as Config;
  const handle = { command: () => client, prefix } as World['redis'];
  const incidents = createIncidentBook(client, prefix, now);
  const rotas = createRotas({
    membersOf: createUserGroups(web).membersOf,
    redis: handle,
    pagerDuty: { token: null, url: '' },
    signal: new AbortController().signal,
    findPeople: async () => await Promise.resolve(new Map()),
    now,
  });
  const silences = { find: async () => await Promise.resolve(null) };
  const pagers = createPagerBook(client, prefix);
  const umbrellas = createUmbrellaDesk({
    world: { config, logger: silent },
    incidents,
    umbrellas: createUmbrellaBook(client, prefix),
    pagers,
    silences,
    outbox: replica.outbox,
    addressOf: createAddresses(replica.outbox.permalink),
    linkTo: () => null,
    refresh: async (id) => await parts.refresh(id),
    now,
  });
  const parts: PagingParts = {
    world: { config, logger: silent },
    incidents,
    pagers,
    rollbacks: createRollbackBook(client, prefix),
    silences,
    umbrellas,
    rotas,
    groups: createUserGroups(web),
    outbox: replica.outbox,
    messages: createDirectMessages(web),
    escalations: createEscalationQueue(client, prefix),
    triageQueue: createTriageQueue(client, prefix),
    refresh: async (id) => await consider(id, parts),
    now,
  };
  const { run } = createPaging(parts);
  return {
    ...parts,
    now,
    run,
    setNow: (ms) => void (nowMs = ms),
    async report(changes = {}, openedBy = 'watch') {
      const symptom = openedBy === 'watch' ? 'memory-growth' : 'asked';
      const request = {
        service: 'checkout',
        symptom,
        openedBy,
        channelId: CHANNEL,
        sinceSeconds: 3600,
        takeSnapshot: true,
      } as const;
      const { incident } = await incidents.openOrJoin(request, 'local');
      const report = aReport({ incident: incident.id, generatedAt: new Date(nowMs).toISOString(), ...changes });
      await replica.outbox.publishReport(incident, report);
      await incidents.saveReport(incident.id, report);
      return (await incidents.find(incident.id)) ?? incident;
    },
    die,
    isDead: () => isDead || replica.isDead(),
    async close() {
      await replica.close();
      client.disconnect();
    },
  };
}
