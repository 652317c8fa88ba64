import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createAuditBook } from '../../src/adapters/redis/audit-book.ts';
import { failed, inconclusive, type Outcome, ok } from '../../src/errors.ts';
import { judgeBaselineChange, type Standing } from '../../src/mitigation/who-decides.ts';
import { CHANNEL, openRig, type Rig, WAIT } from '../alerts/bot-rig.ts';
import { alertOf } from '../alerts/senders.ts';
import { shortConfig } from '../support/stage.ts';

const YES = ok(true);
const NO = ok(false);
const LATE = inconclusive('upstream', 'Slack did not answer', 'Try again');
const WRONG = failed('operator', 'no such group', 'Correct it');

describe('a change of the baseline', () => {
  it.each<[string, Outcome<boolean> | null, Outcome<boolean> | null, 'may' | 'may not' | 'not known']>([
    ['nobody is named', null, null, 'may'],
    ['an approver', YES, null, 'may'],
    ['an approver, not on call', YES, NO, 'may'],
    ['an approver, who is on call is not known', YES, LATE, 'may'],
    ['on call', null, YES, 'may'],
    ['on call, no approver', NO, YES, 'may'],
    ['on call, the approvers are not known', WRONG, YES, 'may'],
    ['both', YES, YES, 'may'],
    ['no approver', NO, null, 'may not'],
    ['not on call', null, NO, 'may not'],
    ['neither', NO, NO, 'may not'],
    ['the approvers are not known', LATE, null, 'not known'],
    ['the approvers are not known, not on call', WRONG, NO, 'not known'],
    ['who is on call is not known', null, LATE, 'not known'],
    ['no approver, who is on call is not known', NO, WRONG, 'not known'],
    ['nothing is known', LATE, WRONG, 'not known'],
  ])('by somebody of whom is known: %s', (_, approver, onCall, expected) => {
    const standing: Standing = { approver, onCall };
    const judged = judgeBaselineChange('payments', standing);
    if (judged.outcome === 'ok') return expect(expected).toBe('may');
    expect(judged.why).toContain(
      expected === 'may not' ? 'nothing was changed: only' : 'it is not known whether you may',
    );
    expect(judged.why.includes('the approvers of payments')).toBe(expected === 'may not' && approver !== null);
    expect(judged.why.includes('whoever is on call for payments')).toBe(expected === 'may not' && onCall !== null);
  });
});

describe('with a bot', () => {
  const TEAMS = `teams:
  payments:
    timezone: UTC
    oncall: { userGroup: S0PAYONCALL }
    approvers: [S0LEADS]
`;
  const config = (sockets: string): string =>
    `${shortConfig(sockets).replace('    limit: 1GiB', '    limit: 1GiB\n    team: payments')}  open: { sockets: /run/open }\n${TEAMS}`;
  let rig: Rig;

  beforeAll(async () => {
    rig = await openRig(config, {
      users: ['alice', 'bob', 'mallory'].map((name) => ({ id: `U0${name.toUpperCase()}`, name })),
      userGroups: [
        { id: 'S0PAYONCALL', handle: 'pay-oncall', users: ['U0ALICE'] },
        { id: 'S0LEADS', handle: 'leads', users: ['U0BOB'] },
      ],
    });
    await rig.workspace.waitForSockets(2, WAIT.timeout);
    await rig.send(alertOf());
    await rig.untilReported();
  });
  afterAll(async () => {
    await rig.close();
  });

  const say = async (user: string, text: string): Promise<string> =>
    (await rig.workspace.command({ user, channel: CHANNEL, text })).response?.text ?? '';
  const messageTs = (): string => rig.roots()[0]?.ts ?? '';
  const press = async (user: string): Promise<void> => {
    await vi.waitFor(() => expect(JSON.stringify(rig.roots()[0]?.blocks)).toContain('set_baseline'), WAIT);
    await rig.workspace.press({ user, channel: CHANNEL, messageTs: messageTs(), actionId: 'set_baseline' });
  };
  const heard = (user: string): string => rig.workspace.ephemerals(user).at(-1)?.text ?? '';

  async function trail(): Promise<string[]> {
    const client = rig.redis.connect();
    const lines = await createAuditBook(client, '{memtriage}').list('M-1');
    client.disconnect();
    return lines.filter(({ what }) => what === 'refused').map(({ who, why }) => `${who} ${why}`);
  }

  it('is asked of approvers and whoever is on call now; others hear why not, alone, and stand in the trail', async () => {
    await press('U0MALLORY');
    const why = 'only the approvers of payments and whoever is on call for payments now may say what memory is healthy';
    await vi.waitFor(() => expect(heard('U0MALLORY')).toContain(`⛔ nothing was changed: ${why}`), WAIT);
    expect(rig.workspace.modal('U0MALLORY')).toBeNull();
    expect(await say('U0MALLORY', 'baseline set checkout')).toContain(why);
    expect(await say('U0MALLORY', 'baseline revert checkout')).toContain(why);
    expect(await trail()).toEqual([
      expect.stringMatching(/^U0MALLORY set_baseline: nothing was changed/),
      expect.stringMatching(/^U0MALLORY \/memtriage baseline set: /),
      expect.stringMatching(/^U0MALLORY \/memtriage baseline revert: /),
    ]);
    expect(rig.shown()).not.toContain('may say what memory');

    for (const user of ['U0ALICE', 'U0BOB']) {
      await press(user);
      await vi.waitFor(() => expect(rig.workspace.modal(user)).not.toBeNull(), WAIT);
      // Allowed: there is no earlier one to go back to, and nothing runs that could be measured.
      expect(await say(user, 'baseline revert checkout')).toContain('has no baseline');
    }
    expect(await say('U0MALLORY', 'baseline show checkout')).toContain('none yet');
    expect(await say('U0MALLORY', 'baseline revert open')).toContain('open has no baseline');
    expect(await trail()).toHaveLength(3);
  });

  it("is nobody's while Slack does not tell who is in a group, and the form that was open does nothing", async () => {
    const calls = {
      method: 'usergroups.users.list',
      kind: 'platform-error',
      error: 'missing_scope',
      times: 1000,
    } as const;
    rig.workspace.faults.add(calls);
    // What was looked up is believed for a minute; a new bot knows nothing but the last good answer about who is on call.
    await rig.restartBot();
    await rig.workspace.waitForSockets(2, WAIT.timeout);
    // On a busy machine Slack may still take the killed bot's socket for alive: one presses again, as people do.
    const submit = () => rig.workspace.submitView({ user: 'U0BOB', values: { reason: 'a new cache' } });
    await vi.waitFor(async () => expect((await submit()).acked).toBe(true), WAIT);
    await vi.waitFor(() => expect(heard('U0BOB')).toMatch(/^⛔ .*not known whether you may: .*missing_scope/), WAIT);
    expect(await say('U0BOB', 'baseline set checkout')).toContain('it is not known whether you may');
  });
});
