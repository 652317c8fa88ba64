import { readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { collectorMemory } from '../../src/adapters/redis/collector-memory.ts';
import { claimSampling, isSiteAlive } from '../../src/adapters/redis/heartbeat.ts';
import { samplerKey } from '../../src/adapters/redis/keys.ts';
import type { ServiceMemory } from '../../src/analysis/memory.ts';
import { hasEnded, nameCollector } from '../../src/collector/collector-identity.ts';
import { runCollector } from '../../src/main/collector.ts';
import { probeAccess } from '../../src/main/probe-access.ts';
import { openSnapshotTaker } from '../../src/main/snapshot-taker.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { createPrograms, type Programs } from './programs.ts';

const PREFIX = '{collector-test}';
const KEEP_SECONDS = 86_400;

/** The machine may be busy; what is waited for comes within two seconds on an idle one. */
const PATIENTLY = { timeout: 20_000, interval: 100 };

let redis: TestRedis;
let client: Redis;
let programs: Programs;
let stops: (() => Promise<void>)[] = [];
let site = 0;

beforeAll(async () => {
  redis = await startRedis();
  client = redis.connect();
});
afterAll(() => redis.close());
beforeEach(async () => {
  programs = await createPrograms();
  site += 1;
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await programs.close();
});

const service = () => `checkout-${site}`;
const siteName = () => `site-${site}`;

/** Starts a collector of this test's site; returns how to stop it. */
function startCollector(): () => Promise<void> {
  const stop = new AbortController();
  const running = runCollector({
    site: siteName(),
    services: [{ name: service(), sockets: programs.sockets, windowSeconds: 0.2, attach: false, fork: false }],
    everySeconds: 0.1,
    keepSeconds: KEEP_SECONDS,
    redis: redis.connect(),
    queueConnection: redis.connect(),
    prefix: PREFIX,
    probe: probeAccess,
    logger: pino({ level: 'silent' }),
    signal: stop.signal,
  });
  const end = async () => {
    stop.abort();
    await running;
  };
  stops.push(end);
  return end;
}

async function readMemory(): Promise<ServiceMemory | null> {
  const source = collectorMemory({
    redis: client,
    prefix: PREFIX,
    keepSeconds: KEEP_SECONDS,
    services: new Map([[service(), { site: siteName(), limitBytes: null }]]),
  });
  const answer = await source.readMemory(service(), 3600, AbortSignal.timeout(5000));
  return answer.outcome === 'ok' ? answer.value : null;
}

function instanceOf(memory: ServiceMemory | null, pid: number) {
  return memory?.instances.find(({ instance }) => instance.startsWith(`${pid}.`));
}

function openTaker() {
  const taker = openSnapshotTaker(redis.connect(), PREFIX, 20);
  stops.push(taker.close);
  return taker;
}

describe('sampling', () => {
  test('records RSS, release and start of a real process, found by its socket', async () => {
    const program = await programs.start({ MB: '64', MEMTRIAGE_RELEASE: 'v1' });
    const startedBefore = Date.now() / 1000;
    startCollector();

    await expect
      .poll(async () => instanceOf(await readMemory(), program.pid)?.samples.length ?? 0, PATIENTLY)
      .toBeGreaterThan(3);
    await expect.poll(async () => instanceOf(await readMemory(), program.pid)?.release, PATIENTLY).toBe('v1');
    const found = instanceOf(await readMemory(), program.pid);
    expect(found?.samples.at(-1)?.[1]).toBeGreaterThan(64 << 20);
    expect(found?.samples.at(-1)?.[1]).toBeLessThan(120 << 20);
    expect(Math.abs((found?.startedAt ?? 0) - startedBefore)).toBeLessThan(10);
    await expect
      .poll(async () => (await readMemory())?.deploys.map(({ release }) => release), PATIENTLY)
      .toEqual(['v1']);
  });

  test('calls the end of an old release a deploy and a plain end a restart', async () => {
    const old = await programs.start({ MEMTRIAGE_RELEASE: 'v1' });
    const stays = await programs.start({ MEMTRIAGE_RELEASE: 'v2' });
    startCollector();
    await expect.poll(async () => instanceOf(await readMemory(), old.pid)?.release, PATIENTLY).toBe('v1');
    await expect.poll(async () => instanceOf(await readMemory(), stays.pid)?.release, PATIENTLY).toBe('v2');
    await old.kill();
    await expect.poll(async () => instanceOf(await readMemory(), old.pid)?.endReason, PATIENTLY).toBe('deploy');
    await stays.kill();
    await expect.poll(async () => instanceOf(await readMemory(), stays.pid)?.endReason, PATIENTLY).toBe('restart');
    expect((await readMemory())?.deploys.map(({ release }) => release)).toEqual(['v1', 'v2']);
  });

  test('names the release of a stopped process, whose probe is silent', async () => {
    const program = await programs.start({ MEMTRIAGE_RELEASE: 'v7' });
    program.child.kill('SIGSTOP');
    startCollector();
    await expect.poll(async () => instanceOf(await readMemory(), program.pid)?.release, PATIENTLY).toBe('v7');
    expect(instanceOf(await readMemory(), program.pid)?.samples.length).toBeGreaterThan(0);
  });

  test('removes the socket of a process that was killed', async () => {
    const program = await programs.start();
    await program.kill('SIGKILL');
    expect(readdirSync(programs.sockets)).toHaveLength(1);
    startCollector();
    await expect.poll(() => readdirSync(programs.sockets), PATIENTLY).toEqual([]);
  });

  test('keeps what it saw while Redis was gone and writes it afterwards', async () => {
    const program = await programs.start({ MEMTRIAGE_RELEASE: 'v1' });
    startCollector();
    await expect
      .poll(async () => instanceOf(await readMemory(), program.pid)?.samples.length ?? 0, PATIENTLY)
      .toBeGreaterThan(3);
    await redis.kill();
    const goneAt = Date.now() / 1000;
    await expect.poll(() => Date.now() / 1000 - goneAt, PATIENTLY).toBeGreaterThan(2);
    const backAt = Date.now() / 1000;
    await redis.start();
    await expect
      .poll(async () => {
        const samples = instanceOf(await readMemory(), program.pid)?.samples ?? [];
        return samples.filter(([at]) => at > goneAt + 0.1 && at < backAt).length;
      }, PATIENTLY)
      .toBeGreaterThan(10);
  });

  test('a new collector goes on with the processes of the one before, and ends those that are gone', async () => {
    const stays = await programs.start({ MEMTRIAGE_RELEASE: 'v1' });
    const goes = await programs.start({ MEMTRIAGE_RELEASE: 'v1' });
    const stop = startCollector();
    await expect.poll(async () => instanceOf(await readMemory(), goes.pid)?.release, PATIENTLY).toBe('v1');
    await stop();
    await goes.kill();
    const before = instanceOf(await readMemory(), stays.pid);
    const lastSeen = instanceOf(await readMemory(), goes.pid)?.samples.at(-1)?.[0];

    startCollector();
    await expect.poll(async () => instanceOf(await readMemory(), goes.pid)?.endReason, PATIENTLY).toBe('restart');
    expect(instanceOf(await readMemory(), goes.pid)?.endedAt).toBeCloseTo(lastSeen ?? 0, 2);
    await expect
      .poll(async () => instanceOf(await readMemory(), stays.pid)?.samples.length, PATIENTLY)
      .toBeGreaterThan(before?.samples.length ?? 0);
    expect(instanceOf(await readMemory(), stays.pid)?.startedAt).toBe(before?.startedAt);
  });

  test('takes over at once from a collector of this host that was killed, not from one that may live', async () => {
    const place = { site: siteName(), host: hostname() };
    const claim = async (who: string) =>
      await claimSampling(client, PREFIX, place, {
        who,
        ttlSeconds: 60,
        hasEnded: (owner) => hasEnded(owner, place.host),
      });
    const [host, pid, start, namespace, id] = nameCollector(place.host).split('/');
    const other = async (...parts: (string | undefined)[]) => await claim(parts.join('/'));
    // One of an older version, of another container, and a living one: only their own end or time frees the place.
    for (const owner of [
      [host, '999999', id],
      [host, '999999', '1', 'pid:[1]', id],
      [host, pid, start, namespace, 'x'],
    ]) {
      expect(await other(...owner)).toBe(true);
      expect(await claim(nameCollector(place.host))).toBe(false);
      await client.del(samplerKey(PREFIX, place.site, place.host));
    }
    // Its pid belongs to nobody any more, or to a process that began later.
    for (const owner of [
      [host, '999999', start, namespace, id],
      [host, pid, '1', namespace, id],
    ]) {
      expect(await other(...owner)).toBe(true);
      expect(await claim(nameCollector(place.host))).toBe(true);
      await client.del(samplerKey(PREFIX, place.site, place.host));
    }
  });

  test('a second collector of the host stands by and takes over when the first ends', async () => {
    const program = await programs.start();
    const stopFirst = startCollector();
    await expect
      .poll(async () => instanceOf(await readMemory(), program.pid)?.samples.length ?? 0, PATIENTLY)
      .toBeGreaterThan(5);
    startCollector();
    const gaps = async () => {
      const times = (instanceOf(await readMemory(), program.pid)?.samples ?? []).map(([at]) => at);
      return times.slice(1).map((at, index) => at - (times[index] ?? 0));
    };
    const before = (await gaps()).length;
    await expect.poll(async () => (await gaps()).length, PATIENTLY).toBeGreaterThan(before + 10);
    // Both together would leave gaps of much less than the 0.1 s of one.
    expect(median(await gaps())).toBeGreaterThan(0.08);
    await stopFirst();
    const handed = (await gaps()).length;
    await expect.poll(async () => (await gaps()).length, PATIENTLY).toBeGreaterThan(handed + 5);
  });
});

describe('snapshot jobs', () => {
  test('looks into the largest live process when none is named', async () => {
    await programs.start({ MB: '8' });
    const large = await programs.start({ MB: '64', MEMTRIAGE_RELEASE: 'v2' });
    startCollector();
    const taker = openTaker();
    await expect
      .poll(async () => instanceOf(await readMemory(), large.pid)?.samples.length ?? 0, PATIENTLY)
      .toBeGreaterThan(0);
    const request = { key: 'M-1/snapshot', service: service(), site: siteName(), instance: null };
    const answer = await taker.takeSnapshot(request, AbortSignal.timeout(20_000));
    expect(answer).toMatchObject({
      outcome: 'ok',
      value: { release: 'v2', instance: expect.stringContaining(`${large.pid}.`) },
    });
    expect(answer.outcome === 'ok' ? answer.value.rssBytes : 0).toBeGreaterThan(64 << 20);
    // The same key is the same look: its time does not change.
    expect(await taker.takeSnapshot(request, AbortSignal.timeout(20_000))).toEqual(answer);
  });

  test('says at once that no collector serves the site', async () => {
    const taker = openTaker();
    const request = { key: 'M-2/snapshot', service: service(), site: siteName(), instance: null };
    const started = Date.now();
    const answer = await taker.takeSnapshot(request, AbortSignal.timeout(20_000));
    expect(answer).toMatchObject({ outcome: 'inconclusive', who: 'operator' });
    expect(answer.outcome !== 'ok' && answer.why).toContain(`no collector reported for site ${siteName()}`);
    expect(Date.now() - started).toBeLessThan(1000);
  });

  test('answers that the named instance is gone', async () => {
    startCollector();
    const taker = openTaker();
    await expect.poll(() => isSiteAlive(client, PREFIX, siteName()), PATIENTLY).toBe(true);
    const request = { key: 'M-3/snapshot', service: service(), site: siteName(), instance: '999999.1' };
    const answer = await taker.takeSnapshot(request, AbortSignal.timeout(20_000));
    expect(answer).toMatchObject({ outcome: 'inconclusive' });
    expect(answer.outcome !== 'ok' && answer.why).toContain('instance 999999.1');
  });
});

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
