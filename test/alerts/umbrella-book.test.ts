import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createIncidentBook, incidentKey } from '../../src/adapters/redis/incident-book.ts';
import { createUmbrellaBook } from '../../src/adapters/redis/umbrella-book.ts';
import type { UmbrellaChild } from '../../src/incident/umbrella.ts';
import { giveThread, place } from '../../src/incident/umbrella-moves.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const PREFIX = '{test}';
let server: TestRedis;
let redis: Redis;
let channel = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
});
afterAll(async () => await server.close());

/** Incidents of so many services that were killed at this moment, stored as alerts leave them. */
async function killed(count: number): Promise<{ channelId: string; seen: UmbrellaChild[] }> {
  const incidents = createIncidentBook(redis, PREFIX, Date.now);
  const channelId = `C0TEST${++channel}`;
  const at = new Date().toISOString();
  const seen: UmbrellaChild[] = [];
  for (let n = 0; n < count; n += 1) {
    const service = `service-${channel}-${n}`;
    const asked = {
      service,
      symptom: 'oom-kill',
      openedBy: 'test',
      channelId,
      sinceSeconds: 60,
      takeSnapshot: false,
    } as const;
    const { incident } = await incidents.openOrJoin(asked, 'local');
    const times = { firstKillAt: at, lastKillAt: at, quietSince: null, silencedUntil: null };
    const own = { team: null, node: null, kills: 1, state: 'triaging' as const, report: null, hasThread: false };
    seen.push({ incident: incident.id, service, ...own, ...times });
  }
  return { channelId, seen };
}

it('opens one umbrella for twenty kills that four bots see at the same moment, each of them more than once', async () => {
  const { channelId, seen } = await killed(20);
  const bots = Array.from({ length: 4 }, () => createUmbrellaBook(server.connect(), PREFIX));
  await Promise.all(
    [...seen, ...seen].map(async (one, i) => {
      const bot = bots[i % bots.length];
      await bot?.change(channelId, null, (before) => place(before, one, channelId, Date.now()));
    }),
  );
  const incidents = createIncidentBook(redis, PREFIX, Date.now);
  const found = await Promise.all(seen.map(({ incident }) => incidents.find(incident)));
  expect(new Set(found.map((incident) => incident?.umbrella)).size).toBe(1);
  expect(found.filter((incident) => incident?.isListed === true)).toHaveLength(16);
  const [book] = bots;
  const umbrella = await book?.find(found[0]?.umbrella ?? '');
  expect(umbrella?.children.map(({ service }) => service).toSorted()).toEqual(
    seen.map(({ service }) => service).toSorted(),
  );
  expect(await book?.open()).toContain(umbrella?.id);
});

it('writes nothing when nothing is new, tells the incident when it gets a thread, and brings no incident back', async () => {
  const { channelId, seen } = await killed(6);
  const book = createUmbrellaBook(redis, PREFIX);
  for (const one of seen) await book.change(channelId, null, (before) => place(before, one, channelId, Date.now()));
  const [, , , , , last] = seen;
  if (last === undefined) throw new Error('there are six');
  const incidents = createIncidentBook(redis, PREFIX, Date.now);
  const { umbrella = '' } = (await incidents.find(last.incident)) ?? {};
  const again = await book.change(channelId, umbrella, (before) => place(before, last, channelId, Date.now()));
  expect(again.isChanged).toBe(false);
  await book.change(channelId, umbrella, (before) => giveThread(before, last.incident));
  expect(await incidents.find(last.incident)).toMatchObject({ umbrella, isListed: false });
  const [, , , , fifth] = seen;
  await redis.del(incidentKey(PREFIX, fifth?.incident ?? ''));
  await book.change(channelId, umbrella, (before) => giveThread(before, fifth?.incident ?? ''));
  expect(await redis.exists(incidentKey(PREFIX, fifth?.incident ?? ''))).toBe(0);
});
