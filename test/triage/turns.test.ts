import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTurns } from '../../src/triage/turns.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { createWalk } from './walk.ts';

let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.close();
});

function holdTheLoop(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

it('leaves room for answers between two turns, which come in the order of asking', async () => {
  const client = redis.connect();
  await client.ping();
  const takeTurn = createTurns();
  const order: number[] = [];
  const walks = Array.from({ length: 40 }, async (_, i) => {
    await takeTurn();
    holdTheLoop(10);
    order.push(i);
  });
  const doneBeforeAnswer = client.ping().then(() => order.length);
  await Promise.all(walks);
  expect(order).toEqual(Array.from({ length: 40 }, (_, i) => i));
  expect(await doneBeforeAnswer).toBeLessThan(20);
});

it('is given again after one whose work threw', async () => {
  const takeTurn = createTurns();
  const failing = takeTurn().then(() => {
    throw new Error('in its turn');
  });
  await expect(failing).rejects.toThrow('in its turn');
  await expect(takeTurn()).resolves.toBeUndefined();
});

it('walks at the same time hold up nobody for longer than one analysis', async () => {
  const takeTurn = createTurns();
  const walk = createWalk(redis);
  const incidents = await Promise.all(Array.from({ length: 12 }, (_, i) => walk.open({ service: `s${i}` })));
  // Compiled and warm, so that the time of one is the time of each.
  await walk.run(await walk.open({ service: 'warm' }));
  const began = performance.now();
  await walk.run(await walk.open({ service: 'one' }));
  const oneMs = performance.now() - began;
  let longestMs = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const at = performance.now();
      await setTimeout(1);
      longestMs = Math.max(longestMs, performance.now() - at);
    }
  })();
  await Promise.all(incidents.map((incident) => walk.run(incident, undefined, { takeTurn })));
  isOver = true;
  await watching;
  expect(longestMs).toBeLessThan(Math.max(4 * oneMs, 200));
});
