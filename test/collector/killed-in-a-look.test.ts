import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lookIdOf, snapshotJobId } from '../../src/adapters/bullmq/snapshot-queue.ts';
import { REDIS_PREFIX } from '../../src/adapters/redis/connection.ts';
import { isSiteAlive } from '../../src/adapters/redis/heartbeat.ts';
import { createLastLooks } from '../../src/adapters/redis/last-looks.ts';
import { createLooksSoFar } from '../../src/adapters/redis/looks-so-far.ts';
import type { Snapshot } from '../../src/analysis/snapshot.ts';
import { openSnapshotTaker } from '../../src/main/snapshot-taker.ts';
import { Report } from '../../src/report/report.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { LEAKING, openStage, type Stage, shortConfig } from '../support/stage.ts';

const WAIT = { timeout: 60_000, interval: 50 };
const REQUEST = { key: 'M-1/snapshot', service: 'checkout', site: 'local', instance: null };
const QUEUE = expect.arrayContaining([expect.objectContaining({ path: '__main__.QUEUE', type: 'list' })]);

let redis: TestRedis;
let stage: Stage;

beforeEach(async () => {
  redis = await startRedis();
  stage = await openStage((sockets) => shortConfig(sockets).replace('window: 1s', 'window: 20s'));
});
afterEach(async () => {
  await stage.close();
  await redis.close();
});

async function startCollector() {
  const collector = stage.role(['collector'], { REDIS_URL: `unix://${redis.path}` });
  await expect.poll(() => isSiteAlive(redis.connect(), REDIS_PREFIX, 'local'), WAIT).toBe(true);
  return collector;
}

/** As soon as the first of the two looks of a job is stored. */
async function firstLookOf(key: string): Promise<void> {
  const soFar = createLooksSoFar(redis.connect(), REDIS_PREFIX);
  const rung = async () => (await soFar.find(lookIdOf('local', snapshotJobId(key))))?.brokenOff?.rung;
  await expect.poll(rung, WAIT).toBe('first-look');
}

test('a collector that is killed in a look leaves what it saw, and the answer says what is missing', async () => {
  await stage.python(LEAKING);
  const collector = await startCollector();
  const taker = openSnapshotTaker(redis.connect(), REDIS_PREFIX);
  const answer = taker.takeSnapshot({ ...REQUEST, withinSeconds: 15 }, AbortSignal.timeout(60_000));
  await firstLookOf(REQUEST.key);
  await collector.kill();
  const outcome = await answer;
  await taker.close();
  if (outcome.outcome !== 'ok') throw new Error(outcome.why);
  expect(outcome.value).toMatchObject({
    containers: QUEUE,
    brokenOff: { rung: 'first-look', why: expect.stringContaining('did not answer within') },
  });
});

test('a triage whose process and collector are killed in the look still reports what was seen', async () => {
  const target = await stage.python(LEAKING);
  const collector = await startCollector();
  const triage = stage.run(['triage', 'checkout', '--json'], { REDIS_URL: `unix://${redis.path}` });
  await firstLookOf('M-1/snapshot');
  await collector.kill();
  target.kill('SIGKILL');
  await once(target, 'exit');
  // Another one takes the job over once the lock of the first has run out; the process is gone by then.
  await startCollector();
  const { stdout } = await triage;
  const report = Report.parse(JSON.parse(stdout));
  expect(report.snapshot).toMatchObject({ containers: QUEUE, brokenOff: { rung: 'first-look' } });
  const step = report.steps.find((row) => row.step === 'snapshot');
  expect(step).toMatchObject({ outcome: 'inconclusive', note: expect.stringContaining('the look broke off') });
  expect(step?.note).toContain('missing is what grew');
}, 180_000);

test('the look near a limit is stored rung by rung: what is saved again takes the place of what was there', async () => {
  const looks = createLastLooks(redis.connect(), REDIS_PREFIX);
  const look = (at: string, rssBytes: number) =>
    ({ schema: 1, at, instance: '1.1', usedBytes: 9, limitBytes: 10, snapshot: aSnapshot(rssBytes) }) as const;
  const [early, late] = ['2026-11-22T10:00:00.000Z', '2026-11-22T10:01:00.000Z'];
  await looks.save('checkout', look(early, 1));
  await looks.save('checkout', look(early, 2));
  await looks.save('checkout', look(late, 3));
  expect((await looks.list('checkout')).map(({ snapshot }) => snapshot.rssBytes)).toEqual([3, 2]);
});

function aSnapshot(rssBytes: number): Snapshot {
  const lists = { layers: [], sites: [], containers: [], types: [], notes: [] };
  const nothing = { release: null, rssDeltaBytes: null, longestPauseSeconds: null, gc: null, process: null };
  return {
    instance: '1.1',
    takenAt: '2026-11-22T10:00:00Z',
    windowSeconds: 1,
    rssBytes,
    ...lists,
    ...nothing,
    sibling: null,
  };
}
