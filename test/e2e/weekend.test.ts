/** A weekend in two minutes: a leaking deploy, an OOM kill while nobody is at work, the page, the rollback, the proof. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createRollbackBook } from '../../src/adapters/redis/rollback-book.ts';
import { CHANNEL, openRig, type Rig, TOKEN, WAIT } from '../alerts/bot-rig.ts';
import { alertOf } from '../alerts/senders.ts';
import { rollbackArgv, type Supervised, startSupervised } from '../rollback/supervised.ts';
import { shortConfig } from '../support/stage.ts';

const DAY_MS = 86_400_000;
const PREFIX = '{memtriage}';
const ESCALATED = { timeout: 150_000, interval: 100 };

/** Two days of holidays, so that nobody is at work whenever the test runs, and no hand-over in between. */
function config(sockets: string): string {
  const day = (offset: number): string => new Date(Date.now() + offset * DAY_MS).toISOString().slice(0, 10);
  const handoff = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][(new Date().getUTCDay() + 3) % 7];
  const argv = JSON.stringify(rollbackArgv(join(sockets, '..', 'supervised')));
  return `${shortConfig(sockets)}    team: payments
    rollback: { mode: approve, via: { command: ${argv} }, cooldown: 0s, verifyFor: 6s, healthyFor: 3s }
teams:
  payments:
    timezone: Etc/UTC
    holidays: { add: [${day(0)}, ${day(1)}] }
    oncall: { rotation: [U0ALICE, U0BOB], handoff: ${handoff} 09:00, since: 2026-01-05 }
    escalateAfter: [3s, 3s, 3s]
    approvers: [U0BOB, U0CAROL]
    twoPerson: offHours
`;
}

let rig: Rig;
let service: Supervised;

beforeEach(async () => {
  rig = await openRig(config, {
    users: ['alice', 'bob', 'carol'].map((name) => ({ id: `U0${name.toUpperCase()}`, name })),
  });
  service = await startSupervised(join(rig.stage.dir, 'supervised'), rig.stage.sockets, 'v1');
  rig.stage.adopt(service.child);
});
afterEach(async () => {
  await rig.close();
});

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

const pagesOf = (user: string): number =>
  rig.workspace.everPosted(`D0${user.slice(2)}`).filter(({ text }) => text.includes('Acknowledge')).length;

it('a leaking deploy is paged, escalated, approved by the right two, rolled back once, and proved', {
  timeout: 300_000,
}, async () => {
  const client = rig.redis.connect();
  const book = createRollbackBook(client, PREFIX);
  await tellDeploy('v1');
  rig.stage.role(['collector'], { REDIS_URL: `unix://${rig.redis.path}` });
  await vi.waitFor(async () => expect(await client.keys(`${PREFIX}:baseline:*`)).toHaveLength(1), WAIT);

  await service.deploy('v2');
  await tellDeploy('v2');
  await vi.waitFor(
    () => expect(rig.root()).toMatch(/ROLL BACK recommended v2 → v1|CAN'T TELL|WATCH|INVESTIGATE/),
    WAIT,
  );
  expect(await rig.send(alertOf({ labels: { pod: 'checkout-7f' } }))).toBe(200);

  // Nobody acknowledges: first whoever is on call, then the other one, each in person.
  await vi.waitFor(() => expect(Math.min(pagesOf('U0ALICE'), pagesOf('U0BOB'))).toBeGreaterThan(0), ESCALATED);
  await vi.waitFor(
    async () => {
      // The look that the kill began may have been too early to tell; whoever was woken asks again.
      if (!rig.root().includes('ROLL BACK recommended v2 → v1') && !rig.root().includes('triage running'))
        await rig.workspace.command({ user: 'U0BOB', channel: CHANNEL, text: 'checkout' });
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
});
