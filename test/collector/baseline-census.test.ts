import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createBaselineStore } from '../../src/adapters/redis/baseline-store.ts';
import { REDIS_PREFIX } from '../../src/adapters/redis/connection.ts';
import { Report } from '../../src/report/report.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { LEAKING, openStage, type Stage } from '../support/stage.ts';

const WAIT = { timeout: 90_000, interval: 300 };
/** The same program before it leaked. */
const HEALTHY = LEAKING.replace('QUEUE.append', 'len').replace('QUEUE = []', 'QUEUE = [{} for _ in range(40)]');

let redis: TestRedis;
let stage: Stage;

beforeEach(async () => {
  [redis, stage] = await Promise.all([startRedis(), openStage()]);
});
afterEach(async () => {
  await stage.close();
  await redis.close();
});

test('without a sibling, a look is compared with the census that the collector took when the baseline was set', async () => {
  const env = { REDIS_URL: `unix://${redis.path}` };
  const healthy = await stage.python(HEALTHY, { MEMTRIAGE_RELEASE: 'v811' });
  stage.role(['collector'], env);
  await vi.waitFor(
    async () => expect(await stage.run(['baseline', 'set', 'checkout'], env)).toMatchObject({ code: 0 }),
    WAIT,
  );
  const baselines = createBaselineStore({ redis: redis.connect(), prefix: REDIS_PREFIX });
  const census = await vi.waitFor(async () => {
    const found = (await baselines.current('checkout'))?.census ?? null;
    expect(found).not.toBeNull();
    return found;
  }, WAIT);
  expect(census?.instance).toMatch(new RegExp(`^${healthy.pid}\\.`));
  expect(census?.python).toMatch(/^3\./);
  expect(census?.containers).toContainEqual({ path: '__main__.QUEUE', type: 'list', length: 40 });
  expect(census?.types.length).toBeGreaterThan(5);

  healthy.kill('SIGKILL');
  await stage.python(LEAKING, { MEMTRIAGE_RELEASE: 'v812' });
  const report = await vi.waitFor(async () => {
    const { stdout } = await stage.run(['triage', 'checkout', '--json'], env);
    const made = Report.parse(JSON.parse(stdout));
    expect(made.snapshot?.release).toBe('v812');
    expect(made.snapshot?.containers?.[0]?.length).toBeGreaterThan(200);
    // Right after the kill the process that ended may still be taken for a sibling.
    expect(made.snapshot?.sibling).toMatchObject({
      instance: census?.instance,
      release: 'v811',
      recordedAt: census?.takenAt,
    });
    return made;
  }, WAIT);
  const queue = report.snapshot?.sibling?.containersDiff?.find(({ path }) => path === '__main__.QUEUE');
  expect(queue?.lengthDiff).toBeGreaterThan(100);
  expect(report.snapshot?.notes.join(' ')).toMatch(
    /no sibling to compare with: .* census of v811 at its baseline, .+ old/,
  );
  const text = (await stage.run(['triage', 'checkout'], env)).stdout;
  expect(text).toMatch(/Compared with the census of release v811 at its baseline, .+ old/);
}, 240_000);
