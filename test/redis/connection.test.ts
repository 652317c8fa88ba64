import { once } from 'node:events';
import { createServer } from 'node:net';
import { Queue, Worker } from 'bullmq';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { openRedis, type RedisHandle } from '../../src/adapters/redis/connection.ts';
import { isTooOld } from '../../src/adapters/redis/server-info.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const AddressInfo = z.object({ port: z.number() });
let redis: TestRedis;
let handle: RedisHandle | null = null;
let lines: Record<string, unknown>[] = [];
const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) });

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(() => redis.close());

beforeEach(() => {
  lines = [];
});

afterEach(async () => {
  await handle?.close();
  handle = null;
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = AddressInfo.parse(server.address());
  server.close();
  await once(server, 'close');
  return port;
}

async function open(): Promise<RedisHandle> {
  handle = await openRedis({ url: `unix://${redis.path}`, configDir: redis.dir, logger });
  return handle;
}

test('carries a queue and its worker', async () => {
  const opened = await open();
  const { prefix } = opened;
  const queue = new Queue('double', { connection: opened.command(), prefix });
  const done: unknown[] = [];
  const worker = new Worker('double', async (job) => done.push(job.data.n * 2), {
    connection: opened.blocking(),
    prefix,
  });
  worker.on('error', () => {});
  await queue.add('n', { n: 21 });
  await expect.poll(() => done).toEqual([42]);
  expect(await opened.command().keys('*')).toSatisfy((keys: string[]) =>
    keys.every((key) => key.startsWith('{memtriage}:')),
  );
  await worker.close();
  await queue.close();
});

test('a command fails within a second while Redis is away, is not sent later, and works again after', async () => {
  const opened = await open();
  const queue = new Queue('away', { connection: opened.command(), prefix: opened.prefix });
  queue.on('error', () => {});
  await queue.waitUntilReady();
  await redis.kill();
  const startedAt = Date.now();
  await expect(opened.command().set('late', '1')).rejects.toThrow(/writeable|closed/);
  await expect(queue.add('late', {})).rejects.toThrow(/writeable|closed/);
  expect(Date.now() - startedAt).toBeLessThan(1000);
  await redis.start();
  await vi.waitFor(async () => expect(await opened.command().ping()).toBe('PONG'), { timeout: 10_000 });
  expect(await opened.command().get('late')).toBeNull();
  expect(await queue.getJobCounts()).toMatchObject({ waiting: 0 });
  await queue.add('now', {});
  expect(await queue.getJobCounts()).toMatchObject({ waiting: 1 });
  await queue.close();
  expect(lines.map(({ msg }) => msg)).toEqual(['Redis connection lost', 'Redis connection is back']);
});

test('a server that hangs fails a command within a second', async () => {
  const opened = await open();
  const pid = Number(/process_id:(\d+)/.exec(await opened.command().info())?.[1]);
  process.kill(pid, 'SIGSTOP');
  const startedAt = Date.now();
  await expect(opened.command().ping()).rejects.toThrow('Command timed out');
  expect(Date.now() - startedAt).toBeLessThan(1000);
  process.kill(pid, 'SIGCONT');
});

test('a server that may evict keys is a loud warning', async () => {
  const admin = redis.connect();
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await open();
  expect(lines).toEqual([
    expect.objectContaining({
      level: 40,
      msg: expect.stringContaining('maxmemory-policy is allkeys-lru; set it to noeviction'),
    }),
  ]);
  await admin.config('SET', 'maxmemory-policy', 'noeviction');
});

test('user and password of the URL open the door and are never shown; wrong ones are told at once', async () => {
  const admin = redis.connect();
  const port = await freePort();
  await admin.config('SET', 'port', String(port));
  await admin.call('ACL', 'SETUSER', 'someone', 'on', '>hunter:22%', '~*', '&*', '+@all');
  const url = (password: string): string => `redis://someone:${password}@127.0.0.1:${port}/1`;
  handle = await openRedis({ url: url('hunter%3A22%25'), configDir: redis.dir, logger });
  expect(await handle.command().call('ACL', 'WHOAMI')).toBe('someone');
  expect(handle.describe()).toBe(`Redis at redis://127.0.0.1:${port}/1`);

  const startedAt = Date.now();
  const refused = openRedis({ url: url('wrong-one'), configDir: redis.dir, logger });
  await expect(refused).rejects.toMatchObject({
    exitCode: 69,
    message: expect.stringMatching(/^(?!.*wrong-one).*WRONGPASS/),
  });
  expect(Date.now() - startedAt).toBeLessThan(2000);
});

test('waits for a Redis that is still starting', async () => {
  await redis.kill();
  const opening = open();
  await redis.start();
  expect(await (await opening).command().ping()).toBe('PONG');
});

test('versions before 6.2 are too old', () => {
  expect(['5.0.14', '6.0.16', '6.2.0', '7.0.15', '8.0.0'].map(isTooOld)).toEqual([true, true, false, false, false]);
});
