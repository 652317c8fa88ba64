/** What a version from before data had a version left behind in Redis, in the middle of its work (old-data.json). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { readSchemaVersion, SCHEMA_VERSION } from '../../src/adapters/redis/schema-version.ts';
import { openRig, type Rig, WAIT } from '../alerts/bot-rig.ts';
import { alertOf } from '../alerts/senders.ts';
import type { TestRedis } from '../support/redis.ts';

const Stored = z.record(
  z.string(),
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('string'), value: z.string() }),
    z.object({ type: z.literal('hash'), value: z.record(z.string(), z.string()) }),
    z.object({ type: z.enum(['list', 'set', 'zset']), value: z.array(z.string()) }),
  ]),
);

let rig: Rig;
afterEach(async () => {
  await rig.close();
});

async function load({ connect }: TestRedis): Promise<void> {
  const client = connect();
  const stored = Stored.parse(JSON.parse(readFileSync('test/e2e/old-data.json', 'utf8')));
  for (const [key, { type, value }] of Object.entries(stored)) {
    if (type === 'string') await client.set(key, value);
    else if (type === 'hash') await client.hset(key, value);
    else if (type === 'list') await client.rpush(key, ...value);
    else if (type === 'set') await client.sadd(key, ...value);
    else for (let i = 0; i < value.length; i += 2) await client.zadd(key, Number(value[i + 1]), value[i] ?? '');
  }
  client.disconnect();
}

it("is taken to its end by today's bot: what was under way is reported, what repeats joins its thread", async () => {
  rig = await openRig(
    (sockets) => {
      const service = (name: string) => `  ${name}: { limit: 1GiB, sockets: ${JSON.stringify(join(sockets, name))} }\n`;
      return `slack: { channel: C0ONCALL }\nservices:\n${service('checkout')}${service('basket')}`;
    },
    {},
    load,
  );
  // Its triage had not begun, or not ended, when the old bot was killed.
  const rootOf = (service: string) => rig.roots().filter(({ text }) => text.includes(` ${service}: OOM kill`));
  await vi.waitFor(() => expect(rootOf('basket')[0]?.text).toMatch(/measured/i), WAIT);
  // Reported by the old one. Its root is not in this workspace, so it is posted anew with what joined since.
  expect(await rig.send(alertOf({ startsAt: '2026-11-22T10:20:00.000Z' }))).toBe(200);
  await vi.waitFor(() => expect(rootOf('checkout')[0]?.text).toContain('OOM kill ×2 in 20 min'), WAIT);
  expect([rootOf('basket').length, rootOf('checkout').length]).toEqual([1, 1]);
  expect(await readSchemaVersion(rig.redis.connect(), '{memtriage}')).toBe(SCHEMA_VERSION);
});
