import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { createHelmExecutor } from '../../src/adapters/rollback/helm.ts';
import { planHelm } from '../../src/adapters/rollback/helm-history.ts';
import { findGroups } from '../../src/adapters/rollback/process-groups.ts';
import type { RollbackOrder } from '../../src/mitigation/executor.ts';
import { aRevision, installHelm } from './helm-stand-in.ts';
import { aContext, anOrder as anyOrder } from './order.ts';

const HISTORY = [aRevision(3, 'v1'), aRevision(4, 'v0'), aRevision(5, 'v2', 'deployed')];

let helm: Awaited<ReturnType<typeof installHelm>>;

beforeEach(async () => {
  helm = await installHelm();
  await helm.has(HISTORY);
});
afterEach(async () => {
  await helm.remove();
});

function anExecutor({ release = 'checkout', deadlineSeconds = 60 } = {}) {
  const environment = { PATH: process.env['PATH'] };
  const place = { namespace: 'shop', release, context: 'prod', program: helm.program };
  return createHelmExecutor({ ...place, environment, deadlineSeconds });
}

/** Programs are found by their key: those of other tests, which run beside these, have another one. */
const anOrder = (over: Partial<RollbackOrder> = {}) => anyOrder({ key: 'M-12/rollback/helm', ...over });
const rehearse = (executor = anExecutor()) => executor.dryRun(anOrder(), AbortSignal.timeout(20_000));

describe('a Helm release', () => {
  it('is rehearsed, then rolled back to the revision that has the release, not to the one before', async () => {
    const rehearsal = await rehearse();
    expect(rehearsal).toMatchObject({ outcome: { outcome: 'ok' }, isRollingOut: false });
    expect(JSON.stringify(rehearsal.outcome)).toContain(
      "roll back to revision 3 (v1); the chart's hooks run with it, and may run migrations",
    );
    expect((await helm.history()).at(-1)).toBe('5 deployed Upgrade complete');
    const end = await anExecutor().act(anOrder(), aContext().context);
    expect(end).toEqual({
      state: 'done',
      message: 'revision 6 of Helm release shop/checkout is deployed (Rollback to 3)',
    });
    const place = '--namespace=shop --kube-context=prod';
    expect(await helm.calls()).toEqual([
      `rollback checkout 3 --dry-run ${place}`,
      `rollback checkout 3 ${place} --wait --timeout=600s`,
    ]);
    // What is there already is not done again.
    expect(await anExecutor().act(anOrder(), aContext().context)).toMatchObject({ state: 'done' });
    expect(await helm.calls()).toHaveLength(2);
  });

  it('that Flux keeps is refused, with the advice to revert in git', async () => {
    await helm.isOfFlux();
    const { outcome, managedBy } = await rehearse();
    expect(managedBy).toBe('Flux');
    expect(outcome).toMatchObject({ outcome: 'error', tryThis: expect.stringContaining('let Flux sync') });
    expect(await helm.calls()).toEqual([]);
  });

  it('that helm gives up on has failed, with what helm said and the revision that it left', async () => {
    await helm.setMode('fail');
    const end = await anExecutor().act(anOrder(), aContext().context);
    expect(end.state).toBe('failed');
    expect(end.message).toMatch(/exit code 1: "Error: timed out waiting.*By helm history, revision 6 .* is failed/);
  });

  it('that helm could not reach is as it was', async () => {
    await helm.setMode('refuse');
    const end = await anExecutor().act(anOrder(), aContext().context);
    expect(end).toMatchObject({ state: 'failed', message: expect.stringContaining('revision 5 as before') });
  });

  it('that does not exist is refused before anything is begun', async () => {
    const executor = anExecutor({ release: 'nobody' });
    expect((await rehearse(executor)).outcome).toMatchObject({
      outcome: 'error',
      why: expect.stringContaining('release: not found'),
    });
    const end = await executor.act(anOrder(), aContext().context);
    expect(end).toMatchObject({ state: 'failed', message: expect.stringContaining('nothing was changed') });
    expect(await helm.calls()).toEqual([]);
  });

  it('that another helm changes just now is left to it', async () => {
    await helm.has([...HISTORY, aRevision(6, 'v3', 'pending-upgrade', 'Preparing upgrade')]);
    expect(await rehearse()).toMatchObject({ outcome: { outcome: 'error' }, isRollingOut: true });
  });

  it('whose helm was killed in the middle is told as failed, pending as it stands', async () => {
    await helm.setMode('die');
    const { context, receipt } = aContext();
    const end = await anExecutor().act(anOrder(), context);
    expect(end).toMatchObject({ state: 'failed', message: expect.stringMatching(/SIGKILL.*is pending-rollback/) });
    // Whoever comes next can't tell whether a helm elsewhere is at it, waits, and then says so.
    const executor = anExecutor({ deadlineSeconds: 1 });
    expect(await executor.status(anOrder(), aContext(receipt).context)).toMatchObject({ state: 'under-way' });
    const followed = await executor.follow(anOrder(), aContext(receipt).context);
    expect(followed).toMatchObject({ state: 'unknown', message: expect.stringContaining('pending-rollback') });
    expect(await helm.calls()).toHaveLength(1);
  });

  it('is killed with its helm at the deadline', async () => {
    await helm.setMode('slow');
    const key = `late ${helm.dir}`;
    const end = await anExecutor({ deadlineSeconds: 3 }).act(anOrder({ key }), aContext().context);
    expect(end).toMatchObject({ state: 'failed', message: expect.stringContaining('was killed') });
    await expect.poll(() => findGroups('MEMTRIAGE_IDEMPOTENCY_KEY', key), { timeout: 10_000 }).toEqual([]);
  });
});

test('a collector that is killed in mid-rollback: helm goes on, the next one follows it and its history says done', async () => {
  await helm.setMode('slow');
  const key = `orphan ${helm.dir}`;
  const collector = spawn(process.execPath, ['test/rollback/act-helm-in-process.mjs', helm.dir, key], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [told] = await once(collector.stdout, 'data');
  await expect.poll(() => helm.history(), { timeout: 20_000 }).toContain('6 pending-rollback Rollback to 3');
  collector.kill('SIGKILL');
  await once(collector, 'exit');

  const next = aContext({ text: String(told) });
  expect(await anExecutor().status(anOrder({ key }), next.context)).toMatchObject({ state: 'under-way' });
  const end = anExecutor().follow(anOrder({ key }), next.context);
  await expect.poll(() => next.told.length, { timeout: 10_000 }).toBe(1);
  await helm.letGo();
  expect(await end).toMatchObject({ state: 'done', message: expect.stringContaining('revision 6') });
  expect(await helm.history()).toHaveLength(4);
});

test('without a receipt nothing was begun; with one, a history that has not moved says so too', async () => {
  expect(await anExecutor().status(anOrder(), aContext().context)).toMatchObject({ state: 'not-begun' });
  const { context } = aContext({ text: JSON.stringify({ target: 3, before: 5, output: '/nowhere' }) });
  expect(await anExecutor().status(anOrder(), context)).toMatchObject({ state: 'not-begun' });
});

test.each([
  ['the newest good one that has it', [aRevision(1, 'v1'), aRevision(2, 'v1'), aRevision(3, 'v2', 'deployed')], 2],
  ['never a failed one', [aRevision(1, 'v1'), aRevision(2, 'v1', 'failed'), aRevision(3, 'v2', 'deployed')], 1],
  ['from a failed upgrade to the suspect', [aRevision(1, 'v1', 'deployed'), aRevision(2, 'v2', 'failed')], 1],
  [
    'the one before where no release is named',
    [aRevision(1, '1'), aRevision(2, '1'), aRevision(3, '1', 'deployed')],
    2,
  ],
  ['none where only the suspect is named', [aRevision(1, 'v0'), aRevision(2, 'v2', 'deployed')], null],
  ['none where another release runs', [aRevision(1, 'v1'), aRevision(2, 'v2'), aRevision(3, 'v3', 'deployed')], null],
  ['none where nothing was there before', [aRevision(1, '1', 'deployed')], null],
  ['none where an unnamed upgrade failed', [aRevision(1, '1', 'deployed'), aRevision(2, '1', 'failed')], null],
])('the revision to go back to: %s', (_which, history, target) => {
  const plan = planHelm('checkout', history, { from: 'v2', to: 'v1' });
  expect(plan.outcome === 'ok' && plan.value.kind === 'change' ? plan.value.target : null).toBe(target);
});
