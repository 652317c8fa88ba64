import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRollbackQueue } from '../../src/adapters/bullmq/rollback-queue.ts';
import { createRollbackLedger } from '../../src/adapters/redis/rollback-ledger.ts';
import { type ActParts, actOnce } from '../../src/mitigation/act-once.ts';
import type { ActEnd } from '../../src/mitigation/executor.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { anOrder } from './order.ts';

/** Says that it ran, takes a moment, and says that it ended. */
const PROGRAM = `#!/usr/bin/env python3
import sys, time
open(sys.argv[1] + "/runs", "a").write("run\\n")
time.sleep(0.6)
open(sys.argv[1] + "/runs", "a").write("end\\n")
print("v1 runs")
`;

let redis: TestRedis;
let number = 0;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

/** Keys, a directory with the program, and a queue of its own; collectors are killed with it. */
async function openSite() {
  const dir = await mkdtemp(join(tmpdir(), 'mt-rollback-'));
  await writeFile(join(dir, 'rollback'), PROGRAM);
  await chmod(join(dir, 'rollback'), 0o700);
  const prefix = `{rollback-${(number += 1)}}`;
  const queue = createRollbackQueue(redis.connect(), prefix);
  const children: ChildProcess[] = [];
  return {
    prefix,
    queue,
    async collector(point: string) {
      const args = ['test/rollback/collect-rollbacks.mjs', redis.path, prefix, dir, point];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      await once(child.stdout, 'data');
      return child;
    },
    runs: () => readFile(join(dir, 'runs'), 'utf8').catch(() => ''),
    async endOf(order: ReturnType<typeof anOrder>): Promise<ActEnd | null> {
      const seen = await queue.look(order);
      return seen.state === 'ended' ? seen.end : null;
    },
    async close() {
      for (const child of children) child.kill('SIGKILL');
      await queue.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const crashes: Record<string, { end: ActEnd['state']; ran: string }> = {
  'before the intent': { end: 'done', ran: 'run\nend\n' },
  'after the intent': { end: 'done', ran: 'run\nend\n' },
  'right before it acts': { end: 'done', ran: 'run\nend\n' },
  'in the act': { end: 'unknown', ran: 'run\nend\n' },
  'after the act': { end: 'unknown', ran: 'run\nend\n' },
  'after the result': { end: 'done', ran: 'run\nend\n' },
};

describe.concurrent('a collector that is killed', () => {
  for (const [point, { end, ran }] of Object.entries(crashes)) {
    test(`${point}: the next one ends it as ${end}, and it ran at most once`, async ({ expect, onTestFinished }) => {
      const site = await openSite();
      onTestFinished(site.close);
      const order = anOrder({ key: `killed ${point} ${site.prefix}` });
      const first = await site.collector(point);
      await site.queue.give(order);
      await site.queue.give(order);
      await once(first, 'exit');
      await site.collector('never');
      await expect.poll(() => site.endOf(order), { timeout: 60_000 }).toMatchObject({ state: end });
      expect(await site.runs()).toBe(ran);
    });
  }
});

test('an order that nobody took can be taken back, and one that was begun cannot; a dry run changes nothing', async ({
  onTestFinished,
}) => {
  const site = await openSite();
  onTestFinished(site.close);
  const order = anOrder({ key: 'early' });
  await site.queue.give(order);
  expect(await site.queue.look(order)).toMatchObject({ state: 'waiting' });
  expect(await site.queue.takeBack(order)).toBe(true);
  expect(await site.queue.look(order)).toEqual({ state: 'gone' });

  await site.collector('never');
  const { outcome } = await site.queue.dryRun(anOrder(), AbortSignal.timeout(60_000));
  expect(outcome).toMatchObject({ outcome: 'ok', value: expect.stringContaining('would run') });
  expect(await site.runs()).toBe('');

  const late = anOrder({ key: `late ${site.prefix}` });
  await site.queue.give(late);
  await expect.poll(site.runs, { timeout: 60_000 }).toContain('run');
  expect(await site.queue.takeBack(late)).toBe(false);
  await expect.poll(() => site.endOf(late), { timeout: 60_000 }).toMatchObject({ state: 'done' });
  expect(await site.runs()).toBe('run\nend\n');
});

describe('the ledger', () => {
  function parts(act: () => Promise<ActEnd>): ActParts {
    return {
      executor: {
        dryRun: async () => ({ outcome: { outcome: 'ok', value: 'would' }, managedBy: null, isRollingOut: null }),
        act,
        status: async () => ({ state: 'not-begun', message: '' }),
        follow: act,
      },
      ledger: createRollbackLedger(redis.connect(), '{ledger}'),
      signal: new AbortController().signal,
      progress: () => {},
      now: Date.now,
    };
  }
  const done = async (): Promise<ActEnd> => ({ state: 'done', message: 'v1 runs' });

  test('ten collectors with one order act once and all tell its one end', async () => {
    let acts = 0;
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const act = async () => {
      acts += 1;
      await gate;
      return await done();
    };
    // Only who has the order from the queue may act: the others find it under way.
    const all = parts(act);
    const first = actOnce(anOrder({ service: 'ten' }), all);
    await expect.poll(() => acts, { timeout: 10_000 }).toBe(1);
    const under = {
      ...all,
      executor: {
        ...all.executor,
        status: async () => ({ state: 'under-way' as const, message: '' }),
        follow: async () => (await gate, await done()),
      },
    };
    const others = Array.from({ length: 9 }, () => actOnce(anOrder({ service: 'ten' }), under));
    open();
    const ends = await Promise.all([first, ...others]);
    expect(new Set(ends.map(({ message }) => message))).toEqual(new Set(['v1 runs']));
    expect(acts).toBe(1);
  });

  test('two orders for one service: the second changes nothing and names the first', async () => {
    const order = anOrder({ key: 'first', service: 'shared' });
    const begun = await parts(done).ledger.begin(order);
    expect(begun).toMatchObject({ state: 'begun' });
    const second = await actOnce(anOrder({ key: 'second', service: 'shared' }), parts(done));
    expect(second).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/under way \(first\); nothing was/),
    });
    await parts(done).ledger.end(order, await done());
    expect(await actOnce(anOrder({ key: 'third', service: 'shared' }), parts(done))).toMatchObject({ state: 'done' });
  });

  test('a collector that was overtaken cannot begin any more', async () => {
    const { ledger } = parts(done);
    const first = await ledger.begin(anOrder({ key: 'fenced', service: 'fenced' }));
    await ledger.begin(anOrder({ key: 'fenced', service: 'fenced' }));
    if (first.state !== 'begun') throw new Error(first.state);
    await expect(ledger.writeReceipt('fenced', first.fence, 'x')).rejects.toThrow('has taken over');
  });

  test('an order that waited too long is not begun', async () => {
    const order = anOrder({ key: 'old', notAfter: '2020-01-01T00:00:00Z' });
    expect(await actOnce(order, parts(done))).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('nothing was changed'),
    });
  });

  test('one that may have been given before a crash is not said to have changed nothing', async () => {
    const order = anOrder({ key: 'given', service: 'given', notAfter: '2020-01-01T00:00:00Z' });
    const { ledger, executor, ...others } = parts(() => Promise.reject(new Error('too late to act')));
    await ledger.begin(order);
    const message = 'the order was not seen to arrive';
    const status = async () => ({ state: 'not-begun' as const, message, mayBeDone: true });
    expect(await actOnce(order, { ...others, ledger, executor: { ...executor, status } })).toEqual({
      state: 'unknown',
      message: expect.stringMatching(/^the order was not seen to arrive; .* It may have been done$/),
    });
  });

  test('what was done is stored even when Redis dies in between', async () => {
    let restarted: Promise<void> = Promise.resolve();
    const order = anOrder({ key: 'through a crash of Redis', service: 'stored' });
    const act = async () => {
      await redis.kill();
      restarted = redis.start();
      return await done();
    };
    expect(await actOnce(order, parts(act))).toMatchObject({ state: 'done' });
    await restarted;
    expect(
      await actOnce(
        order,
        parts(() => Promise.reject(new Error('twice'))),
      ),
    ).toMatchObject({ state: 'done' });
  });
});
