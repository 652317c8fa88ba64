import { hostname } from 'node:os';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readProcess } from '../../src/adapters/procfs/process.ts';
import { createInstanceStore } from '../../src/adapters/redis/instance-store.ts';
import { runCollector } from '../../src/main/collector.ts';
import { probeAccess } from '../../src/main/probe-access.ts';
import { openSnapshotTaker } from '../../src/main/snapshot-taker.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { createPrograms, type Programs } from './programs.ts';

const PREFIX = '{attach-test}';
const PATIENTLY = { timeout: 30_000, interval: 100 };
const GROWS =
  'import time\nSESSIONS = {}\nwhile True:\n    SESSIONS[len(SESSIONS)] = "x" * 200\n    time.sleep(0.002)\n';

let redis: TestRedis;
let programs: Programs;

beforeEach(async () => {
  redis = await startRedis();
  programs = await createPrograms();
});
afterEach(async () => {
  await programs.close();
  await redis.close();
});

test('a process without a probe gets one where the service allows it, and is compared with one of another release', async () => {
  const client = redis.connect();
  const sibling = await programs.start({ MEMTRIAGE_RELEASE: 'v1' });
  const bare = await programs.startBare(GROWS);
  const reading = readProcess(bare.pid);
  const instance = `${bare.pid}.${reading?.startTicks}`;
  const instances = createInstanceStore({ redis: client, prefix: PREFIX, keepSeconds: 3600 });
  // As a collector left it that saw the process when its probe still listened.
  const known = { schema: 1, instance, host: hostname(), release: 'v2', python: null, limitBytes: null } as const;
  await instances.save('checkout', [{ ...known, startedAt: reading?.startedAt ?? 0, endedAt: null, endReason: null }]);
  const stop = new AbortController();
  const collector = runCollector({
    site: 'here',
    services: [{ name: 'checkout', sockets: programs.sockets, windowSeconds: 0.5, attach: true, fork: false }],
    everySeconds: 0.1,
    keepSeconds: 3600,
    redis: redis.connect(),
    queueConnection: redis.connect(),
    prefix: PREFIX,
    probe: probeAccess,
    logger: pino({ level: 'silent' }),
    signal: stop.signal,
  });
  try {
    await expect
      .poll(async () => (await instances.list('checkout')).map(({ release }) => release), PATIENTLY)
      .toEqual(expect.arrayContaining(['v1', 'v2']));
    const taker = openSnapshotTaker(redis.connect(), PREFIX);
    const request = { key: 'M-1/snapshot', service: 'checkout', site: 'here', instance };
    const answer = await taker.takeSnapshot(request, AbortSignal.timeout(60_000));
    await taker.close();
    if (answer.outcome !== 'ok') throw new Error(answer.why);
    expect(answer.value).toMatchObject({ instance, release: 'v2', sibling: { release: 'v1' } });
    expect(answer.value.notes.join(' ')).toContain('the probe was attached to the running process');
    expect(answer.value.containers?.[0]).toMatchObject({ path: '__main__.SESSIONS', type: 'dict' });
    expect(answer.value.sibling?.instance).toContain(`${sibling.pid}.`);
  } finally {
    stop.abort();
    await collector;
  }
});
