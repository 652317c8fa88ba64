import { Queue } from 'bullmq';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWatchSchedule } from '../../src/adapters/bullmq/watch-queue.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const PREFIX = '{watch-test}';
const EVERY_SECONDS = 300;

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

/** When each service is looked at next, milliseconds into its turn. */
async function turns(queue: Queue): Promise<number[]> {
  const schedulers = await queue.getJobSchedulers(0, -1, true);
  return schedulers.map(({ next = 0 }) => next % (EVERY_SECONDS * 1000)).toSorted((a, b) => a - b);
}

test('services have their turns spread over the time between two looks, also those that once began together', async () => {
  const queue = new Queue('watch', { connection: redis.connect(), prefix: PREFIX });
  const schedule = createWatchSchedule(redis.connect(), PREFIX);
  const services = Array.from({ length: 100 }, (_, i) => ({ name: `service-${i}`, everySeconds: EVERY_SECONDS }));
  try {
    await schedule.keep(services);
    const spread = await turns(queue);
    expect(spread).toHaveLength(100);
    // In a tenth of the time, a tenth of them: by chance, never more than three times as many.
    for (let from = 0; from < EVERY_SECONDS * 1000; from += EVERY_SECONDS * 100) {
      const inIt = spread.filter((at) => at >= from && at < from + EVERY_SECONDS * 100);
      expect(inIt.length).toBeGreaterThan(0);
      expect(inIt.length).toBeLessThan(30);
    }
    // As another version left them: all at one moment.
    for (const { key } of await queue.getJobSchedulers()) {
      await queue.removeJobScheduler(key);
      await queue.upsertJobScheduler(key, { every: EVERY_SECONDS * 1000 }, { name: 'watch', data: {} });
    }
    await schedule.keep(services);
    expect(await turns(queue)).toEqual(spread);
    // A second replica, and a restart, move nobody.
    await schedule.keep(services.slice(0, 50));
    expect(await turns(queue)).toHaveLength(50);
  } finally {
    await schedule.close();
    await queue.close();
  }
});
