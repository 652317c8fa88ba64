import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { anIncident } from '../slack/reports.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { CHANNEL, config, type DeskRig, memoryAt, openDeskRig, WAIT } from './desk-rig.ts';

const MINUTE = 60_000;
const MIGRATION_TOLD = { schema: 1, service: 'checkout' } as const;

let redis: TestRedis;
let rig: DeskRig;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => await redis.close());
afterEach(async () => await rig.close());

/** A proposal whose every guard is green: the pipeline told of both deploys. */
async function propose(yaml: string = config()): Promise<string> {
  rig = await openDeskRig(redis, yaml);
  const hoursAgo = (hours: number) => new Date(rig.clock.nowMs - hours * 60 * MINUTE).toISOString();
  await rig.deploys.save({ ...MIGRATION_TOLD, release: 'v811', at: hoursAgo(145), migration: 'none' });
  await rig.deploys.save({ ...MIGRATION_TOLD, release: 'v812', at: hoursAgo(1), migration: 'reversible' });
  const { id } = await rig.report();
  await vi.waitFor(() => expect(rig.buttons()).toContain('approve_rollback'), WAIT);
  return id;
}

const approve = async (user: string, value?: string) => await rig.press(user, 'approve_rollback', value);

async function untilTold(user: string, words: RegExp | string): Promise<void> {
  await vi.waitFor(() => expect(rig.told(user).join('\n')).toMatch(words), WAIT);
}

async function stateOf(id: string): Promise<string | undefined> {
  return (await rig.rollbacks.find(id))?.state;
}

async function trailOf(id: string): Promise<string[]> {
  return (await rig.audit.list(id)).map(({ who, what }) => `${who} ${what}`);
}

describe('one approver', () => {
  it('approves with one press; thread, root and trail tell who did on which evidence', async () => {
    const id = await propose();
    expect(rig.root()).toContain('approve or decline until');
    await approve('U0BOB');
    await untilTold('U0BOB', /^🔵 Approved/);
    expect(await stateOf(id)).toBe('approved');
    expect(rig.handedOver.map(({ incident }) => incident)).toEqual([id]);
    await vi.waitFor(
      () => expect(rig.root()).toMatch(/^🔵 \*checkout\* — \*rollback v812 → v811 approved\* by <@U0BOB>/),
      WAIT,
    );
    expect(rig.buttons()).toEqual([]);
    await vi.waitFor(() => expect(rig.thread()).toContain('approval 1 of 1 by <@U0BOB>'), WAIT);
    expect(await trailOf(id)).toEqual(['memtriage proposed', 'U0BOB approved']);
    expect((await rig.audit.list(id)).at(-1)?.why).toMatch(/fresh data green \(the newest sample is 15 s old\)/);
  });

  it('of a user group may, one outside may not, and what they were told is in the trail', async () => {
    const id = await propose();
    await approve('U0MALLORY');
    await untilTold('U0MALLORY', 'Only <@U0ALICE>, <@U0BOB>, <!subteam^S0LEADS> may decide this, so nothing was done');
    expect(await stateOf(id)).toBe('proposed');
    await approve('U0CAROL');
    await untilTold('U0CAROL', /^🔵 Approved/);
    expect(await trailOf(id)).toEqual(['memtriage proposed', 'U0MALLORY refused', 'U0CAROL approved']);
  });

  it('can not be told while user groups can not be looked up: then nobody may, and that is said', async () => {
    const id = await propose();
    rig.workspace.faults.add({
      method: 'usergroups.users.list',
      kind: 'platform-error',
      error: 'missing_scope',
      times: 1,
    });
    await approve('U0BOB');
    await untilTold('U0BOB', /Nobody may decide right now: who is in the user group S0LEADS is not known/);
    expect(await stateOf(id)).toBe('proposed');
    expect(rig.handedOver).toEqual([]);
    await approve('U0BOB');
    await untilTold('U0BOB', /🔵 Approved/);
  });

  it('wins by being first: the loser is told, and it is handed over once', async () => {
    const id = await propose();
    const value = JSON.stringify({ c: id, v: 1 });
    await Promise.all([approve('U0ALICE', value), approve('U0BOB', value), approve('U0CAROL', value)]);
    const all = () => ['U0ALICE', 'U0BOB', 'U0CAROL'].flatMap((user) => rig.told(user));
    await vi.waitFor(() => expect(all()).toHaveLength(3), WAIT);
    expect(all().filter((text) => text.startsWith('🔵 Approved'))).toHaveLength(1);
    expect(all().filter((text) => /Already approved by <@U0\w+> .*your press did nothing/.test(text))).toHaveLength(2);
    expect(rig.handedOver).toHaveLength(1);
  });
});

describe('two persons', () => {
  const always = config({ team: 'twoPerson: always' });

  it('are two: the first asks for it, may not agree alone, and the second decides', async () => {
    const id = await propose(always);
    await approve('U0BOB');
    await untilTold('U0BOB', 'A second person of');
    await vi.waitFor(() => expect(rig.root()).toMatch(/approval 1\/2\* by <@U0BOB>/), WAIT);
    await approve('U0BOB');
    await untilTold('U0BOB', 'You approved already; a second person');
    expect(rig.handedOver).toEqual([]);
    await approve('U0ALICE');
    await untilTold('U0ALICE', /^🔵 Approved/);
    const record = await rig.rollbacks.find(id);
    expect(record).toMatchObject({ state: 'approved', requestedBy: 'U0BOB' });
    expect(record?.approvals.map(({ userId }) => userId)).toEqual(['U0BOB', 'U0ALICE']);
    expect(rig.handedOver).toHaveLength(1);
  });

  it('are not both counted when they press what they saw before the other did', async () => {
    const id = await propose(always);
    const value = JSON.stringify({ c: id, v: 1 });
    await approve('U0BOB', value);
    await untilTold('U0BOB', 'A second person');
    await approve('U0ALICE', value);
    await untilTold('U0ALICE', 'The state changed since that button was shown, so nothing was done');
    expect(await stateOf(id)).toBe('proposed');
  });

  it('are asked off-hours only where the team says so', async () => {
    rig = await openDeskRig(redis, config({ team: 'twoPerson: offHours' }));
    rig.facts.isOffHours = true;
    const first = await rig.report();
    expect((await rig.rollbacks.find(first.id))?.approvalsNeeded).toBe(2);
    rig.facts.isOffHours = false;
    rig.clock.nowMs += MINUTE;
    const second = await rig.report();
    expect((await rig.rollbacks.find(second.id))?.approvalsNeeded).toBe(1);
  });

  it('of tier 0 each type the name of the service', async () => {
    await propose(config({ tier: 'tier: 0' }));
    await approve('U0BOB');
    await vi.waitFor(() => expect(rig.workspace.modal('U0BOB')).not.toBeNull(), WAIT);
    await rig.workspace.submitView({ user: 'U0BOB', values: { name: 'chekout' } });
    await untilTold('U0BOB', 'That is not the name of the service');
    await approve('U0BOB');
    await vi.waitFor(() => expect(rig.workspace.modal('U0BOB')).not.toBeNull(), WAIT);
    await rig.workspace.submitView({ user: 'U0BOB', values: { name: 'checkout' } });
    await untilTold('U0BOB', 'A second person');
    expect(rig.handedOver).toEqual([]);
  });
});

describe('a press that is forged, stale or late', () => {
  it('does nothing with the version of another state, or from another place than its thread', async () => {
    const id = await propose();
    await approve('U0BOB', JSON.stringify({ c: id, v: 7 }));
    await untilTold('U0BOB', 'The state changed since that button was shown');
    await approve('U0BOB', JSON.stringify({ c: 'M-999', v: 1 }));
    await untilTold('U0BOB', 'There is no rollback to decide here any more');
    const other = await rig.report({ service: 'checkout' });
    await approve('U0BOB', JSON.stringify({ c: id, v: 1 }));
    await untilTold('U0BOB', 'does not belong to this thread');
    expect([await stateOf(id), await stateOf(other.id)]).toEqual(['proposed', 'proposed']);
    expect(await trailOf(id)).toContain('U0BOB refused');
    expect(rig.handedOver).toEqual([]);
  });

  it('does nothing after its 15 minutes, and the root then offers no button', async () => {
    const id = await propose();
    rig.clock.nowMs += 15 * MINUTE;
    rig.facts.memory = memoryAt(rig.clock.nowMs / 1000);
    await approve('U0BOB');
    await untilTold('U0BOB', 'the figures are too old now, and nothing was done');
    await rig.desk.sweep();
    expect(await stateOf(id)).toBe('expired');
    await vi.waitFor(() => expect(rig.root()).toContain('was not decided until'), WAIT);
    expect(rig.buttons()).toEqual([]);
    expect(rig.handedOver).toEqual([]);
  });

  it('does nothing when the figures went stale meanwhile: a guard blocks', async () => {
    const id = await propose();
    rig.clock.nowMs += 6 * MINUTE;
    await approve('U0BOB');
    await untilTold('U0BOB', /fresh data blocks: the newest sample is 6 min 15 s old/);
    expect(await stateOf(id)).toBe('proposed');
  });

  it('does nothing again after the decision, delivered twice or pressed anew', async () => {
    await propose();
    const value = JSON.stringify({ c: 'M-1', v: 1 });
    await approve('U0BOB', value);
    await untilTold('U0BOB', /^🔵 Approved/);
    await rig.workspace.redeliver({ type: 'interactive' });
    await rig.pressOld('U0BOB', 'approve_rollback', value);
    await untilTold('U0BOB', 'Already approved by <@U0BOB>');
    expect(rig.handedOver).toHaveLength(1);
    expect(rig.told('U0BOB')).toHaveLength(2);
  });
});

describe('declining', () => {
  it('asks why, teaches the thread, and no text that was typed gets out of its place', async () => {
    const id = await propose();
    await rig.press('U0BOB', 'decline_rollback');
    await vi.waitFor(() => expect(rig.workspace.modal('U0BOB')).not.toBeNull(), WAIT);
    const note = 'nightly *export* <!channel> <@U0ALICE>\n🟢 checkout: RECOVERED `x`';
    await rig.workspace.submitView({ user: 'U0BOB', values: { reason: 'known-batch', note } });
    await untilTold('U0BOB', 'Declined');
    await vi.waitFor(() => expect(rig.root()).toContain('Rollback declined by <@U0BOB>'), WAIT);
    const everything = `${rig.root()}\n${rig.thread()}`;
    expect(everything).not.toMatch(/<!channel>|<@U0ALICE>\s*🟢|^🟢/m);
    expect(everything).toContain('a known batch, nightly *export* &lt;!channel&gt; &lt;@U0ALICE&gt; 🟢');
    expect(await rig.rollbacks.find(id)).toMatchObject({
      state: 'declined',
      declined: { by: 'U0BOB', reason: 'known-batch' },
    });
    expect(await trailOf(id)).toEqual(['memtriage proposed', 'U0BOB declined']);
    expect(rig.buttons()).toEqual([]);
  });

  it('is for approvers only, and opens no form for others', async () => {
    await propose();
    await rig.press('U0MALLORY', 'decline_rollback');
    await untilTold('U0MALLORY', 'may decide this, so nothing was done');
    expect(rig.workspace.modal('U0MALLORY')).toBeNull();
  });
});

describe('guards', () => {
  it('that nobody told of a migration asks the approver, and only No goes on', async () => {
    rig = await openDeskRig(redis, config());
    const { id } = await rig.report();
    await vi.waitFor(() => expect(rig.buttons()).toContain('approve_rollback'), WAIT);
    for (const migration of ['yes', 'unknown']) {
      await approve('U0BOB');
      await vi.waitFor(() => expect(rig.workspace.modal('U0BOB')).not.toBeNull(), WAIT);
      await rig.workspace.submitView({ user: 'U0BOB', values: { migration } });
      await vi.waitFor(() => expect(rig.told('U0BOB').at(-1)).toContain('A migration that may not be undone'), WAIT);
    }
    expect(await stateOf(id)).toBe('proposed');
    await approve('U0BOB');
    await vi.waitFor(() => expect(rig.workspace.modal('U0BOB')).not.toBeNull(), WAIT);
    await rig.workspace.submitView({ user: 'U0BOB', values: { migration: 'no' } });
    await untilTold('U0BOB', /🔵 Approved/);
    expect((await rig.rollbacks.find(id))?.migrationWord?.by).toBe('U0BOB');
    await vi.waitFor(() => expect(rig.thread()).toContain('No migration forbids it, by the word of <@U0BOB>'), WAIT);
  });

  it('that block offer no button and say why', async () => {
    rig = await openDeskRig(redis, config());
    await rig.deploys.save({
      ...MIGRATION_TOLD,
      release: 'v812',
      at: new Date(rig.clock.nowMs).toISOString(),
      migration: 'irreversible',
    });
    const { id } = await rig.report();
    expect(await stateOf(id)).toBe('blocked');
    expect(rig.buttons()).toEqual([]);
    expect(rig.root()).toContain('⛔ migration blocks: the deploy of v812 is marked as an irreversible migration');
  });

  it('name the git revert where GitOps would undo a rollback', async () => {
    rig = await openDeskRig(redis, config());
    rig.facts.inspection = { managedBy: 'Argo CD', isRollingOut: false };
    await rig.report();
    expect(rig.root()).toContain('Argo CD would undo a rollback within minutes: revert the commit');
  });
});

describe('the mode', () => {
  it('recommend shows the advice and no button', async () => {
    rig = await openDeskRig(redis, config().replace('mode: approve', 'mode: recommend'));
    const { id } = await rig.report();
    expect(rig.root()).toContain('ROLL BACK recommended');
    expect(rig.buttons()).toEqual([]);
    expect(await rig.rollbacks.find(id)).toBeNull();
  });

  it('auto acts by itself off-hours with every guard green, and asks otherwise', async () => {
    rig = await openDeskRig(redis, config().replace('mode: approve', 'mode: auto'));
    rig.facts.isOffHours = true;
    const asked = await rig.report();
    expect(await stateOf(asked.id)).toBe('proposed');
    const told = (release: string, hours: number) =>
      rig.deploys.save({
        ...MIGRATION_TOLD,
        release,
        at: new Date(rig.clock.nowMs - hours * 60 * MINUTE).toISOString(),
        migration: 'none',
      });
    await told('v811', 145);
    await told('v812', 1);
    rig.clock.nowMs += MINUTE;
    const alone = await rig.report();
    expect(await stateOf(alone.id)).toBe('approved');
    expect(rig.handedOver.map(({ incident }) => incident)).toEqual([alone.id]);
    await vi.waitFor(() => expect(rig.thread()).toContain('starts by itself: off-hours, every guard holds'), WAIT);
  });
});

describe('between approval and act', () => {
  it('a bot that dies loses nothing: whoever sweeps next hands it over', async () => {
    const id = await propose();
    rig.facts.isQueueAway = true;
    await approve('U0BOB');
    await untilTold('U0BOB', "I can't answer right now");
    expect(await stateOf(id)).toBe('approved');
    rig.facts.isQueueAway = false;
    await rig.desk.sweep();
    expect(rig.handedOver.map(({ incident }) => incident)).toEqual([id]);
    await vi.waitFor(() => expect(rig.buttons()).toEqual([]), WAIT);
    await rig.pressOld('U0ALICE', 'approve_rollback', JSON.stringify({ c: id, v: 1 }));
    await untilTold('U0ALICE', 'Already approved by <@U0BOB>');
    expect(rig.handedOver).toHaveLength(1);
  });

  it('a queue that lost the job of one under way gets it again', async () => {
    const id = await propose();
    for (const state of ['acting', 'verifying', 'recovered'] as const) {
      await rig.rollbacks.change(id, (before) => (before === null ? null : { after: { ...before, state }, audit: [] }));
      await rig.desk.sweep();
    }
    expect(rig.handedOver.map(({ state }) => state)).toEqual(['acting', 'verifying']);
  });

  it('a Redis that is killed keeps the approval: it is neither lost nor given twice', async () => {
    const id = await propose();
    await approve('U0BOB');
    await untilTold('U0BOB', /🔵 Approved/);
    await redis.kill();
    await redis.start();
    await vi.waitFor(async () => expect(await stateOf(id)).toBe('approved'), WAIT);
    expect(await trailOf(id)).toEqual(['memtriage proposed', 'U0BOB approved']);
    await rig.pressOld('U0ALICE', 'approve_rollback', JSON.stringify({ c: id, v: 1 }));
    await untilTold('U0ALICE', 'Already approved by <@U0BOB>');
  });
});

describe('a newer report', () => {
  const nothing = {
    action: 'investigate',
    from: null,
    to: null,
    confidence: 'low',
    reasons: [],
    wouldChange: [],
  } as const;

  async function again(id: string, changes: Parameters<DeskRig['report']>[0] = {}): Promise<void> {
    rig.clock.nowMs += MINUTE;
    await rig.report({ incident: id, ...changes }, anIncident({ id, channelId: CHANNEL, state: 'reported' }));
  }

  it('that advises something else takes the proposal back: the old button does nothing', async () => {
    const id = await propose();
    await again(id, { recommendation: nothing });
    expect(await stateOf(id)).toBe('expired');
    await vi.waitFor(
      () => expect(rig.root()).toContain('not proposed any more: the newest report does not advise it'),
      WAIT,
    );
    await rig.pressOld('U0BOB', 'approve_rollback', JSON.stringify({ c: id, v: 1 }));
    await untilTold('U0BOB', 'It is not proposed any more');
    expect(rig.buttons()).toEqual([]);
    expect(rig.handedOver).toEqual([]);
  });

  it('renews the proposal with a new version, unless a person said no to it', async () => {
    const id = await propose();
    await again(id);
    expect(await rig.rollbacks.find(id)).toMatchObject({ state: 'proposed', version: 2 });
    await vi.waitFor(() => expect(JSON.stringify(rig.workspace.messages(CHANNEL))).toContain('\\\"v\\\":2'), WAIT);
    await rig.press('U0BOB', 'decline_rollback');
    await vi.waitFor(() => expect(rig.workspace.modal('U0BOB')).not.toBeNull(), WAIT);
    await rig.workspace.submitView({ user: 'U0BOB', values: { reason: 'fix-forward' } });
    await vi.waitFor(async () => expect(await stateOf(id)).toBe('declined'), WAIT);
    await again(id);
    expect(await stateOf(id)).toBe('declined');
  });
});

describe('afterwards', () => {
  it('the postmortem lies in the thread as a file, and history tells the rollback', async () => {
    const id = await propose();
    await approve('U0BOB');
    await untilTold('U0BOB', /🔵 Approved/);
    expect(await rig.sharePostmortem(id)).toMatchObject({ kind: 'lines' });
    const posted = rig.workspace.thread(CHANNEL, rig.rootTs()).flatMap(({ files }) => files ?? []);
    expect(posted).toMatchObject([{ name: `${id}.md`, title: `Postmortem ${id}` }]);
    expect(await rig.sharePostmortem('M-999')).toMatchObject({ outcome: 'error' });
    rig.workspace.faults.add({ method: 'files.getUploadURLExternal', kind: 'platform-error', error: 'missing_scope' });
    expect(await rig.sharePostmortem(id)).toMatchObject({ why: 'Slack refuses the file: missing_scope' });
  });
});
