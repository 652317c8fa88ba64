import { once } from 'node:events';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { openQueue } from '../../src/adapters/open-queue.ts';
import { startRedis } from '../support/redis.ts';

it('a queue that was opened while Redis did not answer takes jobs when it answers again', async () => {
  const redis = await startRedis();
  const options = { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: 100 };
  const connection = new Redis({ path: redis.path, ...options });
  try {
    await once(connection, 'ready');
    await redis.connect().call('CLIENT', 'PAUSE', '400', 'ALL');
    const queue = openQueue('some', connection, '{test}');
    await expect(queue.add('job', {})).rejects.toThrow('timed out');
    await expect.poll(() => connection.ping().catch(() => 'no answer'), { timeout: 10_000 }).toBe('PONG');
    await queue.add('job', {});
    await queue.close();
  } finally {
    connection.disconnect();
    await redis.close();
  }
});
