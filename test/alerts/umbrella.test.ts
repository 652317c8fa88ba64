import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBaselineStore } from '../../src/adapters/redis/baseline-store.ts';
import { createInstanceStore } from '../../src/adapters/redis/instance-store.ts';
import { umbrellaKey } from '../../src/adapters/redis/keys.ts';
import { createSampleStore } from '../../src/adapters/redis/sample-store.ts';
import { Umbrella } from '../../src/incident/umbrella.ts';
import type { TestRedis } from '../support/redis.ts';
import { CHANNEL, openRig, type Rig, WAIT } from './bot-rig.ts';
import { alertOf } from './senders.ts';

const SERVICES = Array.from({ length: 12 }, (_, i) => `shop-${i + 1}`);
/** Days away from now, so that nobody hands over in the middle of the test. */
const HANDOFF_DAY = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][(new Date().getUTCDay() + 3) % 7];
/** Its release of four hours ago grows, where the one before did not: the only one with data. */
const LEAKING = 'leaking';
const PREFIX = '{memtriage}';
const [MIB, HOUR] = [2 ** 20, 3600];
/** Two teams; the other triages find no data, so that reports come fast. */
const config = (): string => `slack: { channel: ${CHANNEL} }
services:
  ${LEAKING}: { limit: 1GiB, sockets: /nowhere/${LEAKING}, team: payments }
${SERVICES.map((name, i) => `  ${name}: { limit: 1GiB, sockets: /nowhere/${name}, team: ${i % 2 === 0 ? 'payments' : 'search'} }`).join('\n')}
teams:
${['payments', 'search'].map(teamOf).join('\n')}
`;

function teamOf(name: string): string {
  const members = name === 'payments' ? 'U0ALICE' : 'U0BOB';
  return `  ${name}: { timezone: UTC, oncall: { rotation: [${members}], handoff: ${HANDOFF_DAY} 09:00, since: 2026-01-05 }, escalateAfter: [10m, 10m, 10m] }`;
}

/** As a collector and the watch leave it: 300 MiB under v1, and 60 MiB more each hour since v2. */
async function recordLeak({ connect }: TestRedis): Promise<void> {
  const place = { redis: connect(), prefix: PREFIX, keepSeconds: 7 * 86_400 };
  const now = Math.floor(Date.now() / 1000);
  const deployedAt = now - 4 * HOUR;
  const common = { schema: 1, host: 'ip-10-1', python: '3.13.0', limitBytes: null } as const;
  await createInstanceStore(place).save(LEAKING, [
    { ...common, instance: '1.1', release: 'v1', startedAt: now - 8 * HOUR, endedAt: deployedAt, endReason: 'deploy' },
    { ...common, instance: '2.2', release: 'v2', startedAt: deployedAt, endedAt: null, endReason: null },
  ]);
  const samples = (instance: string, from: number, mibAt: (age: number) => number) => ({
    service: LEAKING,
    instance,
    samples: Array.from({ length: (4 * HOUR) / 15 }, (_, i) => {
      const rssBytes = Math.round((mibAt(i * 15) + Math.sin(i / 7)) * MIB);
      return { atMs: (from + i * 15) * 1000, rssBytes, anonymousBytes: rssBytes };
    }),
  });
  const lives = [
    samples('1.1', now - 8 * HOUR, () => 300),
    samples('2.2', deployedAt, (age) => 300 + (60 * age) / HOUR),
  ];
  await createSampleStore(place).append(lives);
  await createBaselineStore(place).set({
    schema: 1,
    service: LEAKING,
    release: 'v1',
    recordedAt: new Date((deployedAt - HOUR) * 1000).toISOString(),
    source: 'auto',
    setBy: null,
    bytes: 300 * MIB,
    spreadBytes: MIB,
    profile: [],
    growthBytesPerHour: 0,
    windowSeconds: 3 * HOUR,
    instances: 1,
    limitBytes: null,
    census: null,
  });
  place.redis.disconnect();
}

let rig: Rig;
beforeEach(async () => {
  rig = await openRig(config, {}, recordLeak);
});
afterEach(async () => await rig.close());

function killOf(service: string, labels: Record<string, string> = {}) {
  return alertOf({ labels: { service, pod: `${service}-0`, ...labels }, startsAt: new Date().toISOString() });
}

const isUmbrella = ({ text }: { text: string }) => /OOM kills of \d+ services/.test(text);
const umbrellas = () => rig.roots().filter(isUmbrella);
const others = () => rig.roots().filter((root) => !isUmbrella(root));
const inUmbrella = () => rig.workspace.thread(CHANNEL, umbrellas()[0]?.ts ?? '').map(({ text }) => text);
const pagesTo = (dm: string) => rig.workspace.everPosted(dm).filter(({ text }) => text.includes('Acknowledge'));
const pages = () => ['D0ALICE', 'D0BOB'].flatMap(pagesTo);
const say = async (text: string) =>
  (await rig.workspace.command({ user: 'U0ALICE', channel: CHANNEL, text })).response?.text ?? '';
const idOf = async (service: string) => /M-\d+/.exec(await say(`history ${service}`))?.[0] ?? '';

describe('twelve services that are killed within seconds', () => {
  it('get four roots at the most and one umbrella that lists all, with a reply for each report and few pages', async () => {
    expect(await rig.send(...SERVICES.map((name) => killOf(name)))).toBe(200);
    await vi.waitFor(
      () => expect(umbrellas()[0]?.text).toMatch(/^🔴 OOM kills of 12 services in .* — every report/),
      WAIT,
    );
    expect(umbrellas()).toHaveLength(1);
    expect(others().length).toBeLessThanOrEqual(4);
    for (const name of SERVICES) expect(umbrellas()[0]?.text).toContain(`*${name}* ×1`);
    // A thread of its own, whose root may still wait for its turn, or a reply.
    const hasThread = (name: string) => others().some(({ text }) => text.includes(`${name}:`));
    const hasReply = (name: string) => inUmbrella().some((text) => text.includes(`${name}: CAN'T TELL`));
    await vi.waitFor(() => {
      expect(SERVICES.filter((name) => !hasThread(name) && !hasReply(name))).toEqual([]);
    }, WAIT);
    expect(others().length).toBeLessThanOrEqual(4);
    expect(umbrellas()[0]?.text).toContain("Suspect of the pressure: can't tell");
    await vi.waitFor(() => {
      for (const { text } of others()) expect(text).toContain('One of many services that were killed at once');
    }, WAIT);
    // As many as were killed before it opened, at the most; and each team at least once.
    expect(pages().length).toBeLessThanOrEqual(4);
    expect(new Set(pages().map(({ channel }) => channel))).toEqual(new Set(['D0ALICE', 'D0BOB']));
    // Those that are listed only were seen too, once each.
    await vi.waitFor(async () => {
      const metrics = await (await fetch(await rig.url('/metrics'))).text();
      expect(metrics).toMatch(/^memtriage_alert_to_root_seconds_count 12$/m);
    }, WAIT);
  });

  it('get no second umbrella and no second root over kill -9 of the bot in between', async () => {
    expect(await rig.send(...SERVICES.slice(0, 6).map((name) => killOf(name)))).toBe(200);
    await vi.waitFor(() => expect(rig.roots().length).toBeGreaterThan(0), WAIT);
    await rig.restartBot();
    const rest = SERVICES.slice(6).map((name) => killOf(name));
    await vi.waitFor(async () => expect(await rig.send(...rest)).toBe(200), WAIT);
    await rig.untilTaken();
    await vi.waitFor(
      () => expect(umbrellas()[0]?.text).toMatch(/^🔴 OOM kills of 12 services in .* — every report/),
      WAIT,
    );
    expect(umbrellas()).toHaveLength(1);
    expect(others().length).toBeLessThanOrEqual(4);
    expect(pages().length).toBeLessThanOrEqual(4);
    await age('U-1', 31 * 60);
    await vi.waitFor(() => expect(umbrellas()[0]?.text).toMatch(/^⚪ No further kill since .*: OOM kills of 12/), WAIT);
  });

  it('on one node: further teams are paged with a link to it, no team twice; a rollback that is advised has a thread', async () => {
    const first = ['shop-1', 'shop-3', 'shop-5'].map((name) => killOf(name, { node: 'ip-10-1' }));
    expect(await rig.send(...first)).toBe(200);
    // Three on one node are many.
    await vi.waitFor(
      () => expect(umbrellas()[0]?.text).toMatch(/^🔴 OOM kills of 3 services in .* on node ip-10-1/),
      WAIT,
    );
    const [root] = umbrellas();
    const rest = ['shop-2', 'shop-4', LEAKING].map((name) => killOf(name, { node: 'ip-10-1' }));
    expect(await rig.send(...rest)).toBe(200);
    await vi.waitFor(() => expect(pagesTo('D0BOB')).toHaveLength(1), WAIT);
    expect(JSON.stringify(pagesTo('D0BOB')[0])).toMatch(
      new RegExp(`/${CHANNEL}/p${root?.ts.replace('.', '')}[^|]*\\|thread of U-1`),
    );

    const ofLeak = () => others().filter(({ text }) => text.includes(`${LEAKING}:`));
    await vi.waitFor(() => expect(ofLeak()[0]?.text).toContain('ROLL BACK recommended v2 → v1'), WAIT);
    expect(ofLeak()).toHaveLength(1);
    await vi.waitFor(
      () => expect(umbrellas()[0]?.text).toMatch(new RegExp(`\\*${LEAKING}\\* .*in its own thread`)),
      WAIT,
    );
    // Whose team was paged for another one of it; the trail says for whom.
    for (const name of ['shop-4', LEAKING]) {
      const id = await idOf(name);
      await vi.waitFor(
        async () => expect(await say(`status ${id}`)).toMatch(/not-paged by memtriage: .*shop-\d/),
        WAIT,
      );
    }
    // As many as were killed before it opened, at the most.
    expect(pagesTo('D0ALICE').length).toBeLessThanOrEqual(2);
    expect(pagesTo('D0BOB')).toHaveLength(1);
  });

  it('can be silenced, asked for, resolved and deleted: counted on, a thread of its own, quiet, and the umbrella again', async () => {
    const alerts = SERVICES.slice(0, 6).map((name) => killOf(name, { node: 'ip-10-1' }));
    expect(await rig.send(...alerts)).toBe(200);
    await vi.waitFor(() => expect(umbrellas()[0]?.text).toContain('OOM kills of 6 services'), WAIT);
    const own = () => SERVICES.filter((name) => others().some(({ text }) => text.includes(`${name}:`)));
    await vi.waitFor(() => expect(umbrellas()[0]?.text).toContain('every report is out'), WAIT);
    await vi.waitFor(() => expect(own().length).toBeGreaterThan(0), WAIT);
    expect(own().length).toBeLessThanOrEqual(2);
    const [listed = '', silenced = ''] = SERVICES.slice(0, 6).filter((name) => !own().includes(name));

    expect(await say(`silence ${silenced} 2h a batch`)).toContain('is silenced for 2 h');
    const further = killOf(silenced, { node: 'ip-10-1', pod: 'another' });
    expect(await rig.send(further)).toBe(200);
    await vi.waitFor(
      () => expect(umbrellas()[0]?.text).toMatch(new RegExp(`\\*${silenced}\\* ×2 .*🔕 silenced until`)),
      WAIT,
    );
    expect(own()).not.toContain(silenced);
    const id = await idOf(silenced);
    expect(await say(`postmortem ${id}`)).toContain('it is in the thread of U-1');
    const files = () => rig.workspace.thread(CHANNEL, umbrellas()[0]?.ts ?? '').flatMap((one) => one.files ?? []);
    await vi.waitFor(() => expect(files()).toMatchObject([{ name: `${id}.md` }]), WAIT);

    expect(await say(`history ${listed}`)).toContain('killed with many others (U-1)');
    expect(await say(listed)).toContain('one of many services that were killed at once');
    await vi.waitFor(() => expect(own()).toContain(listed), WAIT);
    await vi.waitFor(
      () => expect(umbrellas()[0]?.text).toMatch(new RegExp(`\\*${listed}\\* .*in its own thread`)),
      WAIT,
    );
    expect(pages().length).toBeLessThanOrEqual(3);

    const [root] = umbrellas();
    rig.workspace.deleteMessage({ channel: CHANNEL, ts: root?.ts ?? '' });
    const all = [...alerts, further];
    await rig.send(...all.map((alert) => ({ ...alert, status: 'resolved', endsAt: new Date().toISOString() })));
    const standing = () => rig.workspace.messages(CHANNEL).filter(isUmbrella);
    await vi.waitFor(
      () => expect(standing().map(({ text }) => text)).toEqual([expect.stringMatching(/^🟢 Over since/)]),
      WAIT,
    );
    expect(standing()[0]?.text).toContain('quiet since');
  });
});

/** As if its last kill had been told so many seconds earlier. */
async function age(id: string, seconds: number): Promise<void> {
  const client = rig.redis.connect();
  const key = umbrellaKey(PREFIX, id);
  const umbrella = Umbrella.parse(JSON.parse((await client.get(key)) ?? ''));
  const heardAt = new Date(Date.parse(umbrella.heardAt) - seconds * 1000).toISOString();
  await client.set(key, JSON.stringify({ ...umbrella, heardAt }));
  client.disconnect();
}
