import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInstanceStore, type InstanceRecord } from '../../src/adapters/redis/instance-store.ts';
import { createSampleStore } from '../../src/adapters/redis/sample-store.ts';
import { ripple } from '../analysis/memory-of.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { openStage, type Stage } from '../support/stage.ts';

const MIB = 1024 * 1024;
const MINUTE = 60;
/** The story is told backwards from now: a healthy release, one that leaks until it is killed, and the healthy one again. */
const STORY = [
  { from: -40, until: -24, release: 'good', end: 'deploy' },
  { from: -24, until: -17, release: 'leaky', end: 'oom' },
  { from: -16.9, until: -16, release: 'leaky', end: 'deploy' },
  { from: -15.9, until: 0, release: 'good', end: null },
] as const;

/** Short windows: looks are 10 s apart, and an incident closes after 12 min. */
const config = (sockets: string) => `sampling: { every: 1s, keep: 1d }
policy:
  warning:  { over: 15%, for: 1m }
  critical: { over: 30%, for: 1m, oomKills: 2, within: 1m }
  warmUp:   15s
services:
  checkout: { limit: 700MiB, sockets: ${JSON.stringify(sockets)} }
  idle: { sockets: ${JSON.stringify(join(sockets, 'idle'))} }
`;

let stage: Stage;
let redis: TestRedis;

beforeAll(async () => {
  [stage, redis] = await Promise.all([openStage(config), startRedis()]);
  await record();
});

afterAll(async () => {
  await stage.close();
  await redis.close();
});

/** As the collector would have written it. */
async function record(): Promise<void> {
  const stores = { redis: redis.connect(), prefix: '{memtriage}', keepSeconds: 86_400 };
  const now = Math.floor(Date.now() / 1000);
  const samples = createSampleStore(stores);
  const instances = createInstanceStore(stores);
  for (const [index, { from, until, release, end }] of STORY.entries()) {
    const instance = `${100 + index}.1`;
    const startedAt = now + from * MINUTE;
    const endsAt = now + until * MINUTE;
    const taken = Array.from({ length: Math.floor(endsAt - startedAt) }, (_, age) => {
      const rssBytes =
        (300 - 60 * Math.exp(-age / 15) + ripple(age) + (release === 'leaky' ? (40 * age) / 60 : 0)) * MIB;
      return { atMs: (startedAt + age) * 1000, rssBytes, anonymousBytes: rssBytes };
    });
    await samples.append([{ service: 'checkout', instance, samples: taken }]);
    const life: InstanceRecord = {
      schema: 1,
      instance,
      host: 'here',
      release,
      python: null,
      startedAt,
      endedAt: end === null ? null : endsAt,
      endReason: end,
      limitBytes: null,
    };
    await instances.save('checkout', [life]);
    if (end === 'oom') await instances.saveOomKills('checkout', [{ at: endsAt, instance }]);
  }
}

const run = (...args: string[]) => stage.run(['replay', ...args], { REDIS_URL: `unix://${redis.path}` });

describe('memtriage replay', () => {
  it('tells the alarm, the OOM kill after it and the figures, with no collector running', async () => {
    const { code, stdout } = await run('checkout', '--since', '25m');
    expect(code).toBe(0);
    expect(stdout).toMatch(/critical +for .*leaky.*an OOM kill followed, closed/);
    expect(stdout).toMatch(/OOM kill +\d+ min.* after the first alarm/);
    expect(stdout).toMatch(/alarms \(critical\) +1 \(1\)\n/);
    expect(stdout).toMatch(/OOM kills with an alarm before +1 of 1\n/);
    expect(stdout).not.toContain('are recorded');
  });

  it('says plainly when less is recorded than was asked for', async () => {
    const { code, stdout } = await run('checkout', '--since', '14d');
    expect(code).toBe(0);
    expect(stdout).toMatch(/Asked for 14 d, but only the last 4\d min.* are recorded/);
  });

  it('puts another policy beside the present one', async () => {
    const file = join(stage.dir, 'never.yaml');
    await writeFile(file, 'policy: { warmUp: 1d }\n');
    const { code, stdout } = await run('checkout', '--since', '25m', '--policy', file, '--json');
    expect(code).toBe(0);
    const told = JSON.parse(stdout);
    expect(told).toMatchObject({ schema: 1, service: 'checkout', source: 'collector' });
    expect(told.policies).toMatchObject([
      { name: 'memtriage.yaml', everySeconds: 10, summary: { alarms: 1, oomKills: 1, foretoldOomKills: 1 } },
      { name: 'never.yaml', everySeconds: 10, summary: { alarms: 0, oomKills: 1, foretoldOomKills: 0 } },
    ]);
    const [alarm] = told.policies[0].alarms;
    const [kill] = told.policies[0].oomKills;
    expect(alarm).toMatchObject({ level: 'critical', release: 'leaky', borneOutBy: 'oom-kill' });
    expect(kill.leadSeconds).toBeCloseTo((Date.parse(kill.at) - Date.parse(alarm.openedAt)) / 1000, 1);
    expect(told.policies[1].oomKills).toEqual([{ at: kill.at, leadSeconds: null }]);
  });

  it.each([
    [64, ['no-such-service'], 'no service is called no-such-service'],
    [64, [], 'memtriage replay SERVICE'],
    [64, ['checkout', '--since', 'long'], '--since long is not a duration'],
    [78, ['checkout', '--policy', '/nowhere.yaml'], '/nowhere.yaml can'],
    [69, ['idle'], 'the collector has seen no instance of idle'],
  ])('ends with %i on %j', async (code, args, words) => {
    const ended = await run(...args);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(words);
  });

  it('says what is wrong with a policy, where, and what was expected', async () => {
    const file = join(stage.dir, 'wrong.yaml');
    await writeFile(file, 'policy:\n  warning: { ovre: 10% }\n  warmUp: 15\n');
    const { code, stderr } = await run('checkout', '--policy', file);
    expect(code).toBe(78);
    expect(stderr).toMatch(/wrong\.yaml:2:14 policy\.warning\.ovre: found the unknown key "ovre", expected over/);
    expect(stderr).toMatch(/wrong\.yaml:3:3 policy\.warmUp: found 15, expected a duration/);
  });
});
