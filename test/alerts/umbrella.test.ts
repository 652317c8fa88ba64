import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CHANNEL, openRig, type Rig, WAIT } from './bot-rig.ts';
import { alertOf } from './senders.ts';

const SERVICES = Array.from({ length: 12 }, (_, i) => `shop-${i + 1}`);
/** Days away from now, so that nobody hands over in the middle of the test. */
const HANDOFF_DAY = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][(new Date().getUTCDay() + 3) % 7];
/** Two teams; no triage finds any data, so that reports come fast. */
const config = (): string => `slack: { channel: ${CHANNEL} }
services:
${SERVICES.map((name, i) => `  ${name}: { limit: 1GiB, sockets: /nowhere, team: ${i % 2 === 0 ? 'payments' : 'search'} }`).join('\n')}
teams:
${['payments', 'search'].map(teamOf).join('\n')}
`;

function teamOf(name: string): string {
  const members = name === 'payments' ? 'U0ALICE' : 'U0BOB';
  return `  ${name}: { timezone: UTC, oncall: { rotation: [${members}], handoff: ${HANDOFF_DAY} 09:00, since: 2026-01-05 }, escalateAfter: [10m, 10m, 10m] }`;
}

let rig: Rig;
beforeEach(async () => {
  rig = await openRig(config);
});
afterEach(async () => await rig.close());

function killOf(service: string, labels: Record<string, string> = {}) {
  return alertOf({ labels: { service, pod: `${service}-0`, ...labels }, startsAt: new Date().toISOString() });
}

const isUmbrella = ({ text }: { text: string }) => /OOM kills of \d+ services/.test(text);
const umbrellas = () => rig.roots().filter(isUmbrella);
const others = () => rig.roots().filter((root) => !isUmbrella(root));
const inUmbrella = () => rig.workspace.thread(CHANNEL, umbrellas()[0]?.ts ?? '').map(({ text }) => text);
const pages = () =>
  ['D0ALICE', 'D0BOB'].flatMap((dm) => rig.workspace.everPosted(dm)).filter(({ text }) => text.includes('Acknowledge'));

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
  });

  it('can be asked for, resolved and deleted: a thread of its own, a quiet line, and the same umbrella again', async () => {
    const alerts = SERVICES.slice(0, 6).map((name) => killOf(name, { node: 'ip-10-1' }));
    expect(await rig.send(...alerts)).toBe(200);
    await vi.waitFor(
      () => expect(umbrellas()[0]?.text).toMatch(/^🔴 OOM kills of 6 services in .* on node ip-10-1/),
      WAIT,
    );
    const own = () => SERVICES.filter((name) => others().some(({ text }) => text.includes(`${name}:`)));
    await vi.waitFor(() => expect(umbrellas()[0]?.text).toContain('every report is out'), WAIT);
    await vi.waitFor(() => expect(own().length).toBeGreaterThan(0), WAIT);
    // Three on one node are many.
    expect(own().length).toBeLessThanOrEqual(2);
    const [listed = ''] = SERVICES.slice(0, 6).filter((name) => !own().includes(name));
    const say = async (text: string) =>
      (await rig.workspace.command({ user: 'U0ALICE', channel: CHANNEL, text })).response?.text ?? '';
    expect(await say(`history ${listed}`)).toContain('killed with many others (U-1)');
    expect(await say(listed)).toContain('one of many services that were killed at once');
    await vi.waitFor(() => expect(own()).toContain(listed), WAIT);
    await vi.waitFor(
      () => expect(umbrellas()[0]?.text).toMatch(new RegExp(`\\*${listed}\\* .*in its own thread`)),
      WAIT,
    );
    // Nobody is told of the team that was paged for another one of it, and the trail says for whom.
    const [, , , , , last = ''] = SERVICES;
    const id = /M-\d+/.exec(await say(`history ${last}`))?.[0] ?? '';
    await vi.waitFor(async () => expect(await say(`status ${id}`)).toMatch(/(paged|not-paged) by memtriage/), WAIT);
    expect(rig.workspace.everPosted('D0ALICE').concat(rig.workspace.everPosted('D0BOB')).length).toBeLessThanOrEqual(3);

    const [root] = umbrellas();
    rig.workspace.deleteMessage({ channel: CHANNEL, ts: root?.ts ?? '' });
    await rig.send(...alerts.map((alert) => ({ ...alert, status: 'resolved', endsAt: new Date().toISOString() })));
    const standing = () => rig.workspace.messages(CHANNEL).filter(isUmbrella);
    await vi.waitFor(
      () => expect(standing().map(({ text }) => text)).toEqual([expect.stringMatching(/^🟢 Over since/)]),
      WAIT,
    );
    expect(standing()[0]?.text).toContain('quiet since');
  });
});
