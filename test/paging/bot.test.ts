import { afterEach, expect, it, vi } from 'vitest';
import { CHANNEL, openRig, type Rig, WAIT } from '../alerts/bot-rig.ts';
import { alertOf } from '../alerts/senders.ts';
import { shortConfig } from '../support/stage.ts';

/** Days away from now, so that nobody hands over in the middle of the test. */
const HANDOFF_DAY = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][(new Date().getUTCDay() + 3) % 7];
/** Who is on call first depends on the week that the test runs in. */
const TEAM = `teams:
  payments:
    timezone: UTC
    oncall: { rotation: [U0ALICE, U0BOB], handoff: ${HANDOFF_DAY} 09:00, since: 2026-01-05 }
    escalateAfter: [3s, 10m, 10m]
    approvers: [U0ALICE]
`;
const config = (sockets: string): string =>
  `${shortConfig(sockets).replace('    limit: 1GiB', '    limit: 1GiB\n    team: payments')}${TEAM}`;

let rig: Rig;
afterEach(async () => await rig.close());

const pagesIn = (channel: string) =>
  rig.workspace.everPosted(channel).filter(({ text }) => text.includes('Acknowledge'));
const dms = () => ['D0ALICE', 'D0BOB'].map((channel) => pagesIn(channel).length);
const thread = () => rig.workspace.everPosted(CHANNEL).map(({ text }) => text);
const mentions = () => thread().filter((text) => text.startsWith('📟'));

it('pages whoever is on call for an OOM kill, then the backup, once each over a killed bot; and nobody after an acknowledgement', async () => {
  rig = await openRig(config);
  expect(await rig.send(alertOf())).toBe(200);
  await vi.waitFor(() => expect(dms().reduce((sum, count) => sum + count)).toBe(1), WAIT);
  await rig.restartBot();
  await vi.waitFor(() => expect(dms()).toEqual([1, 1]), WAIT);
  await vi.waitFor(() => expect(rig.root()).toMatch(/Paged <@U0(ALICE|BOB)> \(level 2\)/), WAIT);
  await vi.waitFor(() => expect(mentions()).toHaveLength(2), WAIT);
  const [root] = rig.roots();
  const pressed = await rig.workspace.press({
    user: 'U0ALICE',
    channel: CHANNEL,
    messageTs: root?.ts ?? '',
    actionId: 'acknowledge',
  });
  expect(pressed.acked).toBe(true);
  await vi.waitFor(() => expect(rig.root()).toContain('✋ Held by <@U0ALICE>'), WAIT);
  const before = [dms(), mentions().length];
  expect(rig.workspace.ephemerals('U0ALICE').at(-1)?.text).toContain('Nobody else is woken');
  // A further kill goes into the thread.
  expect(await rig.send(alertOf({ labels: { pod: 'checkout-8a' } }))).toBe(200);
  await rig.untilTaken();
  await vi.waitFor(() => expect(rig.root()).toContain('OOM kill ×2'), WAIT);
  expect([dms(), mentions().length]).toEqual(before);
}, 200_000);
