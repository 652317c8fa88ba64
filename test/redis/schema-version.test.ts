import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  ensureSchema,
  type Migration,
  readSchemaVersion,
  SCHEMA_VERSION,
} from '../../src/adapters/redis/schema-version.ts';
import { CommandError } from '../../src/errors.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { openStage } from '../support/stage.ts';

const silent = pino({ level: 'silent' });
let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

/** The second step moves a number and adds one to it: seen if it is done twice. */
const STEPS: readonly Migration[] = [
  { to: 1, name: 'nothing', run: async () => {} },
  {
    to: 2,
    name: 'another key',
    run: async (client, prefix) => {
      await client.incr(`${prefix}:began`);
      const before = await client.get(`${prefix}:old`);
      if (before === null) return;
      await client
        .multi()
        .set(`${prefix}:new`, Number(before) + 1)
        .del(`${prefix}:old`)
        .exec();
    },
  },
];

it('brings older data to the newest version, once among replicas that start together', async () => {
  const client = redis.connect();
  await client.set('{a}:old', 41);
  await Promise.all(Array.from({ length: 8 }, async () => await ensureSchema(redis.connect(), '{a}', silent, STEPS)));
  expect(await client.mget('{a}:new', '{a}:began', '{a}:old')).toEqual(['42', '1', null]);
  expect(await readSchemaVersion(client, '{a}')).toBe(2);
  await ensureSchema(client, '{a}', silent, STEPS);
  expect(await client.get('{a}:began')).toBe('1');
});

it('takes a step up again that a replica died in', async () => {
  const client = redis.connect();
  await client.set('{b}:old', 41);
  const dies: Migration = { to: 2, name: 'dies', run: async () => await Promise.reject(new Error('killed')) };
  await expect(ensureSchema(client, '{b}', silent, [...STEPS.slice(0, 1), dies])).rejects.toThrow('killed');
  expect(await readSchemaVersion(client, '{b}')).toBe(1);
  // Its lock runs out by itself after 30 s.
  await client.del('{b}:schema-lock');
  await ensureSchema(client, '{b}', silent, STEPS);
  expect(await client.get('{b}:new')).toBe('42');
});

it('marks data that nobody has marked yet', async () => {
  await ensureSchema(redis.connect(), '{c}', silent);
  expect(await readSchemaVersion(redis.connect(), '{c}')).toBe(SCHEMA_VERSION);
});

it('of a newer memtriage are refused, by every role, with what to do', async () => {
  const client = redis.connect();
  await client.set('{memtriage}:schema', SCHEMA_VERSION + 1);
  await expect(ensureSchema(client, '{memtriage}', silent)).rejects.toThrow(CommandError);
  const stage = await openStage();
  try {
    const env = { REDIS_URL: `unix://${redis.path}`, SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1' };
    const ended = await Promise.all(['bot', 'collector'].map(async (role) => await stage.run([role], env)));
    for (const { code, stderr } of ended) {
      expect(code).toBe(69);
      expect(stderr).toContain(`version ${SCHEMA_VERSION + 1}, which a newer memtriage wrote`);
      expect(stderr).toContain('Run the newer memtriage again');
    }
    expect((await stage.run(['doctor'], env)).stdout).toContain('which a newer memtriage wrote');
  } finally {
    await stage.close();
  }
});
