import { existsSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { lookTwice } from '../../src/adapters/transports/look-twice.ts';
import type { Snapshot } from '../../src/analysis/snapshot.ts';
import { anyPython } from '../support/pythons.ts';
import { startTarget, type Target, type TargetOptions } from './target.ts';

const python = anyPython().path;
const JEMALLOC = '/usr/lib/x86_64-linux-gnu/libjemalloc.so.2';
let targets: Target[] = [];

afterEach(async () => {
  await Promise.all(targets.map((target) => target.end()));
  targets = [];
});

async function start(program: string, options: TargetOptions = {}): Promise<Target> {
  const target = await startTarget(python, program, options);
  targets.push(target);
  return target;
}

async function lookInto(target: Target, keep?: (partial: Snapshot) => Promise<void>): Promise<Snapshot> {
  const { target: subject, context } = await target.lookTarget();
  const outcome = await lookTwice(subject, { ...context, ...(keep === undefined ? {} : { keep }) });
  if (outcome.outcome !== 'ok') throw new Error(outcome.why);
  return outcome.value;
}

it.skipIf(!existsSync(JEMALLOC))(
  'under jemalloc the owner is named, and anonymous memory is not split: malloc has no account of it',
  async () => {
    const target = await start('retry_queue.py', { env: { LD_PRELOAD: JEMALLOC } });
    const snapshot = await lookInto(target);
    expect(snapshot.containers?.[0]).toMatchObject({ path: 'app.retries.QUEUE', type: 'list' });
    expect(snapshot.layers.map(({ layer }) => layer)).toEqual(['file', 'stacks', 'shared']);
    expect(snapshot.notes.join(' ')).toContain('anonymous memory (Python objects, allocators and native together)');
    expect(target.stderr()).toBe('');
  },
);

it('two looks at once into one process do no harm, and one that comes too early says that the other is under way', async () => {
  const target = await start('retry_queue.py');
  const [one, other] = await Promise.all([lookInto(target), lookInto(target)]);
  for (const snapshot of [one, other]) expect(snapshot.rssBytes).toBeGreaterThan(5_000_000);
  const seen = [one, other].filter(({ containers }) => containers?.[0]?.path === 'app.retries.QUEUE');
  expect(seen.length).toBeGreaterThanOrEqual(1);
  for (const { containers, notes } of [one, other])
    if (containers?.length === 0) expect(notes.join(' ')).toMatch(/another look|busy|under way/);
  expect(target.stderr()).toBe('');
});

it('a process that puts another program in its place between the looks is not compared with that', async () => {
  const target = await start('execs_on_signal.py', { env: { PYTHONDONTWRITEBYTECODE: '1' } });
  const snapshot = await lookInto(target, async ({ brokenOff }) => {
    if (brokenOff?.rung === 'first-look') target.process.kill('SIGUSR1');
  });
  expect(snapshot.brokenOff).toMatchObject({ rung: 'first-look', why: expect.stringContaining('another program') });
  expect(snapshot.containers).toContainEqual(expect.objectContaining({ path: '__main__.HELD', length: 20_000 }));
  expect(snapshot.rssDeltaBytes).toBeNull();
});
