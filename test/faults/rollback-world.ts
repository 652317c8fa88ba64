/** A rollback that one of two people approved, with everything real that it needs: bot, collector, Redis, a supervisor. */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { REDIS_PREFIX } from '../../src/adapters/redis/connection.ts';
import { createRollbackBook } from '../../src/adapters/redis/rollback-book.ts';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { rollbackArgv, type Supervised, startSupervised } from '../rollback/supervised.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { openStage, type Role, type Stage } from '../support/stage.ts';
import type { NamedWrite, NameWrite } from './name-write.ts';
import { CHANNEL, seedRollback } from './rollback-seed.ts';
import { openTap, type Strike, type Tap } from './tap.ts';

export const ROLES = ['bot', 'collector'] as const;
export type RoleName = (typeof ROLES)[number];
const PEOPLE = ['ALICE', 'BOB', 'CAROL', 'DAVE'];
/** On a busy machine too. */
const PATIENCE_MS = 150_000;

export type RollbackWorld = {
  workspace: Workspace;
  redis: TestRedis;
  service: Supervised;
  taps: Readonly<Record<RoleName, Tap>>;
  /** SIGKILL; a new one is there at once, as a supervisor does it. */
  kill: (role: RoleName) => void;
  logs: () => string;
  /** A person presses Approve until it is decided, as one does whose press went unanswered. */
  approve: () => Promise<void>;
  close: () => Promise<void>;
};

/** Each write of a role, before it goes on. */
export type WatchWrites = (role: RoleName, write: NamedWrite) => Strike | null;

/** Everything is up, the button is shown and the first person on call was paged when it resolves. */
export async function openRollbackWorld(openNames: () => NameWrite, watch: WatchWrites): Promise<RollbackWorld> {
  const users = PEOPLE.map((name) => ({ id: `U0${name}`, name: name.toLowerCase() }));
  const [stage, redis, workspace] = await Promise.all([openStage(config), startRedis(), startWorkspace({ users })]);
  await seedRollback(redis, workspace);
  const tap = async (role: RoleName): Promise<Tap> => {
    return await openTap(join(redis.dir, role), redis.path, () => {
      const nameIt = openNames();
      return (words) => {
        const write = nameIt(words);
        return write === null ? null : watch(role, write);
      };
    });
  };
  const taps = { bot: await tap('bot'), collector: await tap('collector') };
  const service = await startSupervised(join(stage.dir, 'supervised'), stage.sockets, 'v2');
  stage.adopt(service.child);
  const roles = startRoles(stage, workspace, taps);
  const world: RollbackWorld = {
    workspace,
    redis,
    service,
    taps,
    kill: roles.kill,
    logs: roles.logs,
    approve: async () => await approveAsCarol(redis, workspace),
    async close() {
      roles.end();
      await stage.close();
      await Promise.all([taps.bot.close(), taps.collector.close()]);
      await workspace.close();
      await redis.close();
    },
  };
  try {
    await untilReady(world);
  } catch (error) {
    await world.close();
    throw error;
  }
  return world;
}

/** Hours become seconds. Warm-up is long: no look of the watch's own comes in between. */
function config(sockets: string): string {
  const argv = JSON.stringify(rollbackArgv(join(sockets, '..', 'supervised')));
  const handoff = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][(new Date().getUTCDay() + 3) % 7];
  return `slack: { channel: ${CHANNEL} }
sampling: { every: 250ms, keep: 1h }
policy: { warmUp: 1h }
services:
  checkout:
    limit: 1GiB
    sockets: ${JSON.stringify(sockets)}
    team: payments
    rollback: { mode: approve, via: { command: ${argv} }, cooldown: 0s, verifyFor: 8s, healthyFor: 1s }
teams:
  payments:
    timezone: Etc/UTC
    oncall: { rotation: [U0ALICE, U0DAVE], handoff: ${handoff} 09:00, since: 2026-01-05 }
    escalateAfter: [4s, 4s, 4s]
    approvers: [U0BOB, U0CAROL]
    twoPerson: always
`;
}

function startRoles(stage: Stage, workspace: Workspace, taps: Readonly<Record<RoleName, Tap>>) {
  const slack = {
    SLACK_BOT_TOKEN: workspace.botToken,
    SLACK_APP_TOKEN: workspace.appToken,
    SLACK_API_URL: workspace.apiUrl,
  };
  const all: Role[] = [];
  let isEnding = false;
  const running = new Map<RoleName, Role>();
  /** As a supervisor does: what ends is started again. */
  const supervise = (name: RoleName): void => {
    const role = stage.role([name], { REDIS_URL: `unix://${taps[name].path}`, ...(name === 'bot' ? slack : {}) });
    running.set(name, role);
    all.push(role);
    role.child.once('exit', () => {
      if (!isEnding) supervise(name);
    });
  };
  for (const name of ROLES) supervise(name);
  return {
    kill: (name: RoleName) => void running.get(name)?.child.kill('SIGKILL'),
    logs: () => all.map(({ log, child }) => `--- process ${child.pid}\n${log()}`).join('\n'),
    end: () => {
      isEnding = true;
    },
  };
}

async function untilReady({ workspace, redis }: RollbackWorld): Promise<void> {
  const client = redis.connect();
  await until('the world is ready', 50, async () => {
    const pages = workspace.everPosted('D0ALICE').length + workspace.everPosted('D0DAVE').length;
    const lives = await client.hvals(`${REDIS_PREFIX}:instances:checkout`);
    return workspace.messages(CHANNEL).length > 0 && pages > 0 && lives.some((life) => life.includes('"v2"'));
  });
  client.disconnect();
}

async function approveAsCarol(redis: TestRedis, workspace: Workspace): Promise<void> {
  const client = redis.connect();
  const book = createRollbackBook(client, REDIS_PREFIX);
  const isDecided = async (): Promise<boolean> => ((await book.find('M-1'))?.state ?? 'proposed') !== 'proposed';
  await until('it is approved', 1000, async () => {
    if (await isDecided()) return true;
    const messageTs = workspace.messages(CHANNEL)[0]?.ts ?? '';
    const press = { user: 'U0CAROL', channel: CHANNEL, messageTs, actionId: 'approve_rollback' };
    // The button may be gone by now: then it is decided.
    await workspace.press(press).catch(() => null);
    return await isDecided();
  });
  client.disconnect();
}

/** Rejects with what was waited for in vain. */
export async function until(what: string, everyMs: number, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`);
    await wait(everyMs);
  }
}
