/**
 * A weekend in minutes: a leaking deploy on Friday and what its clock says, an OOM kill while nobody is at work, the
 * page, the rollback, the proof, and Monday's digest. Days pass by the team's working hours: the bot starts anew with
 * others. Where no cgroup can be made, a signal stands for the kernel's kill, and Alertmanager tells of it.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { MemoryCgroup } from '../../src/adapters/procfs/cgroup.ts';
import { createRollbackBook } from '../../src/adapters/redis/rollback-book.ts';
import { CHANNEL, openRig, type Rig, WAIT } from '../alerts/bot-rig.ts';
import { alertOf } from '../alerts/senders.ts';
import { rollbackArgv, type Supervised, startSupervised } from '../rollback/supervised.ts';
import { TOKEN } from '../support/bot-site.ts';
import { makeCgroup, removeCgroup, setLimit } from '../support/limited-cgroup.ts';
import { shortConfig } from '../support/stage.ts';

const MIB = 2 ** 20;
const PAGE = 4096;
const AMPLE = 8192 * MIB;
/** Some seconds of growth. */
const NEAR = 10 * MIB;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const PREFIX = '{memtriage}';
/** A moment, a span, or its earliest end. */
const NIGHT = '[^;]+';
const ESCALATED = { timeout: 150_000, interval: 100 };

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
/** A zone where it is noon by now: no midnight comes in between. */
const OFFSET = 12 - new Date().getUTCHours();
const ZONE = `Etc/GMT${OFFSET > 0 ? '-' : '+'}${Math.abs(OFFSET)}`;
const local = (ms: number): Date => new Date(ms + OFFSET * HOUR_MS);
const TODAY = (local(Date.now()).getUTCDay() + 6) % 7;
const day = (ahead: number): string => DAYS[(TODAY + ahead + 7) % 7] ?? '';

/** The real day, as the team's week has it: the last one of five, the one after, or the first one of another week. */
const FRIDAY = `${day(-4)}-${day(0)} 09:00-18:00`;
const SATURDAY = `${day(2)}-${day(-1)} 09:00-18:00`;
const mondayAt = (opensMs: number): string => `${day(0)}-Sun ${local(opensMs).toISOString().slice(11, 16)}-23:00`;

/**
 * At 3 MB/s at most, the limit is 28 h and more away, within the weekend; of what the service holds that is less growth an
 * hour than the policy allows here, so that it is no more than a warning.
 */
const HELD_KB = 100_000;
const config =
  (businessHours: string) =>
  (sockets: string): string => {
    const argv = JSON.stringify(rollbackArgv(join(sockets, '..', 'supervised')));
    return `${shortConfig(sockets)
      .replace('limit: 1GiB', 'limit: 300GiB')

      .replace('over: 30%', 'over: 10000%')
      .replace('  warmUp:', '  growth:   { perHour: 10000%, perDay: 10000% }\n  warmUp:')}    team: payments
    rollback: { mode: approve, via: { command: ${argv} }, cooldown: 0s, verifyFor: 6s, healthyFor: 3s }
teams:
  payments:
    timezone: ${ZONE}
    channel: ${CHANNEL}
    businessHours: ${businessHours}
    oncall: { rotation: [U0ALICE, U0BOB], handoff: ${day(3)} 09:00, since: 2026-01-05 }
    escalateAfter: [3s, 3s, 3s]
    approvers: [U0BOB, U0CAROL]
    twoPerson: offHours
`;
  };

let rig: Rig;
let service: Supervised;
/** Null: we may not make one. */
let cgroup: MemoryCgroup | null;

beforeEach(async () => {
  rig = await openRig(config(FRIDAY), {
    users: ['alice', 'bob', 'carol'].map((name) => ({ id: `U0${name.toUpperCase()}`, name })),
  });
  service = await startSupervised(join(rig.stage.dir, 'supervised'), rig.stage.sockets, 'v1', HELD_KB);
  rig.stage.adopt(service.child);
  cgroup = makeCgroup(AMPLE);
  // What it starts from now on is in it too.
  if (cgroup !== null) await writeFile(join(cgroup.path, 'cgroup.procs'), String(service.child.pid));
});
afterEach(async () => {
  await rig.close();
  if (cgroup !== null) await removeCgroup(cgroup.path);
});

/** The service is killed once: by the kernel, at a limit that comes down to what it holds. Its supervisor starts it anew. */
async function killForMemory(): Promise<void> {
  const pid = Number(await readFile(`/proc/${service.child.pid}/task/${service.child.pid}/children`, 'utf8'));
  const isAlive = () => existsSync(`/proc/${pid}`);
  if (cgroup === null) {
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(isAlive()).toBe(false), WAIT);
    expect(await rig.send(alertOf({ startsAt: new Date().toISOString() }))).toBe(200);
    return;
  }
  const used = await readFile(
    join(cgroup.path, cgroup.version === 1 ? 'memory.usage_in_bytes' : 'memory.current'),
    'utf8',
  );
  setLimit(cgroup, Math.ceil(Number(used) / PAGE) * PAGE + NEAR);
  await vi.waitFor(() => expect(isAlive()).toBe(false), ESCALATED);
  setLimit(cgroup, AMPLE);
}

/** Another day: the bot starts anew, and what it knows is in Redis. */
async function itIs(businessHours: string): Promise<void> {
  await writeFile(join(rig.stage.dir, 'memtriage.yaml'), config(businessHours)(rig.stage.sockets));
  await rig.restartBot();
  await rig.url('/');
}

async function tellDeploy(release: string): Promise<void> {
  const body = JSON.stringify({ service: 'checkout', release, migration: 'none' });
  const headers = { authorization: `Bearer ${TOKEN}` };
  expect((await fetch(await rig.url('/deploys'), { method: 'POST', headers, body })).status).toBe(200);
}

/** Presses Approve on the root as it is now; what only that person sees. */
async function approve(user: string): Promise<string> {
  const messageTs = rig.roots()[0]?.ts ?? '';
  await rig.workspace.press({ user, channel: CHANNEL, messageTs, actionId: 'approve_rollback' });
  return await vi.waitFor(() => {
    const text = rig.workspace.ephemerals(user).at(-1)?.text ?? '';
    expect(text).not.toBe('');
    return text;
  }, WAIT);
}

/** Each with what it buys by these figures, and its guard; the machine does not have 75 GiB to spare. */
const MOVES = [
  /1\. ✅ roll back v2 → v1: ends the growth \(whoever may approve it decides/,
  /2\. ✅ add 2 instances: buys about [\d a-z]+ \(1 → 3\), as far as growth follows/,
  /3\. ⛔ raise the limit by 25 %: buys about [^;]+no room: \S+ has [^;]+ to spare[^;]+; asked for: 1 × 75/,
  /4\. ✅ restart the worst instance: buys (about|a time) [^;]+; it is no fix[^(]*\(the evidence is\s+taken\)/,
];

const pagesOf = (user: string): number =>
  rig.workspace.everPosted(`D0${user.slice(2)}`).filter(({ text }) => text.includes('Acknowledge')).length;

it('a leaking deploy is raised on Friday, paged on Saturday, escalated, approved by the right two, rolled back once, proved, and in the digest', {
  timeout: 480_000,
}, async () => {
  const client = rig.redis.connect();
  const book = createRollbackBook(client, PREFIX);
  await tellDeploy('v1');
  rig.stage.role(['collector'], { REDIS_URL: `unix://${rig.redis.path}` });
  await vi.waitFor(async () => expect(await client.keys(`${PREFIX}:baseline:*`)).toHaveLength(1), WAIT);

  await service.deploy('v2');
  await tellDeploy('v2');
  // Friday: raised in the thread, while somebody is there to decide, and nobody is woken.
  await vi.waitFor(
    () =>
      expect(rig.shown()).toMatch(
        new RegExp(
          `OOM ${NIGHT}; staffed until ${day(0)} 18:00 and from ${day(3)} 09:00 on; decide before ${day(0)} 18:00`,
        ),
      ),
    ESCALATED,
  );
  expect(pagesOf('U0ALICE') + pagesOf('U0BOB')).toBe(0);

  await itIs(SATURDAY);
  await killForMemory();
  await vi.waitFor(() => expect(rig.root()).toContain('OOM kill ×1'), WAIT);

  // Nobody acknowledges: first whoever is on call, then the other one, each in person.
  await vi.waitFor(() => expect(Math.min(pagesOf('U0ALICE'), pagesOf('U0BOB'))).toBeGreaterThan(0), ESCALATED);
  await vi.waitFor(
    async () => {
      // What is shown is of Friday, or too early to tell; whoever was woken asks again.
      const shown = rig.shown();
      const isReady = rig.root().includes('ROLL BACK recommended v2 → v1') && MOVES.every((move) => move.test(shown));
      if (!isReady && !rig.root().includes('triage running'))
        await rig.workspace.command({ user: 'U0BOB', channel: CHANNEL, text: 'checkout' });
      for (const move of MOVES) expect(shown).toMatch(move);
      expect(isReady).toBe(true);
      expect((await book.find('M-1'))?.state).toBe('proposed');
    },
    { timeout: 120_000, interval: 3000 },
  );

  await vi.waitFor(() => expect(rig.root()).toContain('ROLL BACK recommended v2 → v1'), WAIT);
  expect(await approve('U0ALICE')).toMatch(/Only <@U0BOB>, <@U0CAROL> may decide/);
  await approve('U0BOB');
  await vi.waitFor(() => expect(rig.root()).toContain('approval 1/2'), WAIT);
  await approve('U0BOB');
  expect(await service.runs()).toBe('');
  await approve('U0CAROL');

  await vi.waitFor(async () => expect((await book.find('M-1'))?.state).toBe('recovered'), WAIT);
  expect(await service.runs()).toBe('v2 -> v1\n');
  const ended = await book.find('M-1');
  expect(ended?.approvals.map(({ userId }) => userId)).toEqual(['U0BOB', 'U0CAROL']);
  expect(ended?.proof?.after.rssBytes).toBeLessThan(ended?.before.rssBytes ?? 0);
  await vi.waitFor(() => expect(rig.root()).toMatch(/^🟢 .*RECOVERED[^]*report from before the rollback/), WAIT);

  const headers = { authorization: `Bearer ${TOKEN}` };
  const postmortem = await (await fetch(await rig.url('/incidents/M-1.md'), { headers })).text();
  for (const said of ['OOM kill', 'U0BOB', 'U0CAROL', 'v2', 'recovered']) expect(postmortem).toContain(said);
  expect(rig.roots()).toHaveLength(1);

  const opensMs = Math.ceil((Date.now() + MINUTE_MS / 2) / MINUTE_MS) * MINUTE_MS;
  await itIs(mondayAt(opensMs));
  await vi.waitFor(() => expect(rig.roots()).toHaveLength(2), { timeout: 150_000, interval: 200 });
  expect(rig.roots()[1]?.text).toMatch(/^📋 .*payments.*1 incident, 0 still open, 1 OOM kill, \d+ pages[^]*M-1/);
});
