import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandError, failed, inconclusive, ok } from '../../src/errors.ts';
import { Report } from '../../src/report/report.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { createWalk, FOUR_STEPS, growing, NOW_MS, never, runbookOf } from './walk.ts';

let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.close();
});

describe('the walk', () => {
  it('runs the steps in order, saves each before the next, and publishes before it ends the triage', async () => {
    const walk = createWalk(redis);
    const incident = await walk.open();
    const report = await walk.run(incident);
    expect(walk.asked).toEqual([
      'memory',
      'saved capture',
      'saved compare',
      'look M-1/snapshot at 4711.99',
      'saved snapshot',
      'saved evaluate',
      'published',
      'saved report',
    ]);
    expect(report.steps.map(({ step }) => step)).toEqual(['capture', 'compare', 'snapshot', 'evaluate']);
    expect(await walk.book.find(incident.id)).toMatchObject({ state: 'reported' });
    expect(JSON.parse((await walk.book.reportJson(incident.id)) ?? '')).toEqual(report);
  });

  it('shows before each step what is done, what runs and what waits', async () => {
    const walk = createWalk(redis);
    await walk.run(await walk.open());
    expect(walk.progress.map(({ steps }) => steps.map(({ state }) => state).join(' '))).toEqual([
      'running waiting waiting waiting',
      'ok running waiting waiting',
      expect.stringMatching(/^ok \w+ running waiting$/),
      expect.stringMatching(/^ok \w+ ok running$/),
    ]);
    expect(walk.progress.at(-1)?.steps[0]?.note).toMatch(/^RSS 5\d\d MiB, \+\d/);
  });

  it('reports in the shape that users of the JSON hold on to', async () => {
    const walk = createWalk(redis);
    const report = await walk.run(await walk.open());
    expect(Report.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
    expect(report).toMatchObject({
      schema: 1,
      incident: 'M-1',
      service: 'checkout',
      site: 'local',
      generatedAt: '2026-11-22T10:00:00.000Z',
      rss: { limitBytes: 1024 ** 3, instances: [{ instance: '4711.99', release: 'v812' }] },
      baseline: null,
      oomKills: { count: 0, windowSeconds: 3600 },
      snapshot: { instance: '4711.99' },
      pattern: { name: 'accumulated-results' },
    });
    expect(report.rss.bytes).toBeGreaterThan(500 * 1024 ** 2);
    expect(report.growth?.bytesPerHour).toBeCloseTo(60 * 1024 ** 2, -6);
    expect(['warning', 'critical']).toContain(report.verdict);
  });

  it('does not tell what an ended process held as what the service holds', async () => {
    const memory = growing();
    const ended = memory.instances.map((one) => ({ ...one, endedAt: NOW_MS / 1000 - 60 }));
    const walk = createWalk(redis, { memory: { readMemory: async () => ok({ ...memory, instances: ended }) } });
    const report = await walk.run(await walk.open());
    expect(report.steps[0]).toMatchObject({ outcome: 'inconclusive', note: expect.stringContaining('1 min ago') });
    expect(report.rss).toEqual({ bytes: null, limitBytes: null, instances: [] });
    expect(report.timeToLimitSeconds).toBeNull();
    expect(report.recommendation.reasons.join()).not.toContain('Reaches the limit');
  });

  it('calls nothing that ended a leak, and still counts how it ended', async () => {
    const memory = growing();
    const instances = memory.instances.map((one) => ({ ...one, endedAt: NOW_MS / 1000 - 60 }));
    const report = async (oomKillsAt: number[]) => {
      const walk = createWalk(redis, { memory: { readMemory: async () => ok({ ...memory, instances, oomKillsAt }) } });
      return await walk.run(await walk.open({ service: `ended-${oomKillsAt.length}` }));
    };
    const calm = await report([]);
    expect(calm).toMatchObject({ verdict: 'inconclusive', growth: null, onset: null });
    expect(calm.recommendation.reasons.join()).toContain('no instance of the service runs');
    expect(calm.recommendation.reasons.join()).not.toContain('Memory grows');
    const killed = await report([NOW_MS / 1000 - 900, NOW_MS / 1000 - 60]);
    expect(killed).toMatchObject({
      verdict: 'critical',
      oomKills: { count: 2 },
      recommendation: { action: 'investigate' },
    });
  });

  it('tells a day with the time since when it grows, and of no age where clocks differ', async () => {
    const memory = growing();
    const earlier = memory.instances.map((one) => ({
      ...one,
      startedAt: (one.startedAt ?? 0) - 86_400,
      samples: Array.from(
        { length: 1800 },
        (_, i) => [NOW_MS / 1000 - 108_000 + i * 60, 2e8 + i * 1e5 + (i % 7) * 1e4] as const,
      ),
    }));
    const old = createWalk(redis, {
      memory: { readMemory: async () => ok({ ...memory, instances: earlier, deploys: [] }) },
    });
    expect((await old.run(await old.open())).steps[1]?.note).toContain('grows since 2026-11-21 04:00 UTC');

    const ahead = memory.instances.map((one) => ({
      ...one,
      samples: one.samples.map(([at, bytes]) => [at + 7200, bytes] as const),
    }));
    const walk = createWalk(redis, { memory: { readMemory: async () => ok({ ...memory, instances: ahead }) } });
    const report = await walk.run(await walk.open());
    expect(report.data.ageSeconds).toBeNull();
    expect(report.steps[0]?.note).toContain('the clock of a host is 1 h 59 min ahead of the clock here');
  });

  it('does not take the first sample of a process whose start nobody knows for its deploy', async () => {
    const memory = growing();
    const unknown = memory.instances.map((one) => ({ ...one, startedAt: null }));
    const at = unknown[0]?.samples[0]?.[0] ?? 0;
    const deploys = [{ release: 'v812', at }];
    const walk = createWalk(redis, {
      memory: { readMemory: async () => ok({ ...memory, source: 'prometheus', instances: unknown, deploys }) },
    });
    const report = await walk.run(await walk.open());
    expect(report.onset).toMatchObject({ release: 'v812', afterDeploySeconds: null });
    expect(report.steps[1]?.note).not.toContain('after v812');
  });

  it('does not tell as present what nobody saw for long', async () => {
    const memory = growing();
    const [leaking] = memory.instances;
    if (leaking === undefined) throw new Error('one grows');
    const late = leaking.samples.map(([at, bytes]) => [at - 36_000, bytes] as const);
    const instances = [
      { ...leaking, instance: 'lost', startedAt: NOW_MS / 1000 - 57_600, samples: late },
      { ...leaking, instance: 'seen', samples: leaking.samples.map(([at], i) => [at, 2e8 + (i % 7) * 1e5] as const) },
    ];
    const walk = createWalk(redis, { memory: { readMemory: async () => ok({ ...memory, instances }) } });
    const report = await walk.run(await walk.open());
    expect(report.rss.instances.map(({ instance }) => instance)).toEqual(['seen']);
    expect(report).toMatchObject({ verdict: 'healthy', rss: { bytes: 2e8 + 2e5 } });
    expect(report.steps[0]?.note).toContain('1 of 2 instances was not seen for 10 h 1 min and is left out');

    const [lost] = instances;
    const gone = createWalk(redis, {
      memory: { readMemory: async () => ok({ ...memory, instances: [lost ?? leaking] }) },
    });
    const unknown = await gone.run(await gone.open());
    expect(unknown).toMatchObject({ verdict: 'inconclusive', rss: { bytes: null } });
    expect(unknown.steps[0]?.note).toContain('no instance of the service was seen for 10 h 1 min');
  });

  it.each([
    ['a release that failed to start', [{ release: 'v813', at: -1800 }]],
    ['a deploy that was told and not seen yet', [{ release: 'v813', at: -60 }]],
    ['a second deploy of the same release', [{ release: 'v812', at: -60 }]],
  ])('names the release that runs and the one before it, whatever %s says', async (_name, told) => {
    const walk = createWalk(redis, {
      memory: {
        readMemory: async () => {
          const memory = growing();
          const deploys = [{ release: 'v811', at: NOW_MS / 1000 - 90_000 }, ...memory.deploys];
          return ok({
            ...memory,
            deploys: [...deploys, ...told.map((one) => ({ ...one, at: NOW_MS / 1000 + one.at }))],
          });
        },
      },
    });
    const incident = await walk.open();
    await walk.run(incident);
    const compared = (await walk.book.savedSteps(incident.id)).find(({ kind }) => kind === 'compare');
    expect(compared?.finding).toMatchObject({ release: 'v812', previousRelease: 'v811', onset: { release: 'v812' } });
  });

  it('leaves the process alone when it was asked to', async () => {
    const walk = createWalk(redis);
    const report = await walk.run(await walk.open(), FOUR_STEPS, { takeSnapshot: false });
    expect(walk.asked.join()).not.toContain('look');
    expect(report.snapshot).toBeNull();
    expect(report.steps[2]).toMatchObject({ step: 'snapshot', outcome: 'inconclusive' });
  });
});

it('tells the age of figures that a bot read which died before the report', async () => {
  const walk = createWalk(redis);
  const incident = await walk.open();
  const { incidents } = walk.ports;
  const crash = async () => await Promise.reject(new Error('killed'));
  walk.ports.incidents = { ...incidents, saveReport: crash };
  await expect(walk.run(incident)).rejects.toThrow('killed');
  walk.ports.incidents = incidents;
  walk.ports.now = () => NOW_MS + 5 * 3_600_000;
  const report = await walk.run(incident);
  expect(report.data.ageSeconds).toBe(5 * 3600 + 60);
});

describe('a walk that was interrupted', () => {
  const points = ['saved capture', 'saved compare', 'saved snapshot', 'saved evaluate', 'published'];

  it.each(points)('goes on after "%s", repeats no saved step, and ends in the same report', async (point) => {
    const whole = createWalk(redis);
    const expected = await whole.run(await whole.open());

    const walk = createWalk(redis);
    const incident = await walk.open();
    const crash = new Error('killed');
    const { incidents, thread } = walk.ports;
    let isAlive = true;
    const dieAt = async (what: string, work: Promise<void>): Promise<void> => {
      await work;
      if (isAlive && what === point) {
        isAlive = false;
        throw crash;
      }
    };
    walk.ports = {
      ...walk.ports,
      incidents: {
        ...incidents,
        saveStep: (id, result) => dieAt(`saved ${result.step}`, incidents.saveStep(id, result)),
      },
      thread: { ...thread, publishReport: (of, report) => dieAt('published', thread.publishReport(of, report)) },
    };
    await expect(walk.run(incident)).rejects.toBe(crash);
    expect(await walk.book.find(incident.id)).toMatchObject({ state: 'triaging' });

    const report = await walk.run(incident);
    expect(report).toEqual(expected);
    const saves = walk.asked.filter((what) => what.startsWith('saved'));
    expect(saves).toEqual([...new Set(saves)]);
    expect(walk.asked.filter((what) => what.startsWith('look'))).toHaveLength(1);
    expect([...walk.published]).toEqual([['M-1', expected]]);
  });

  it.each(['throws', 'returns a failure'])('saves nothing of a step that %s because the bot stops', async (how) => {
    const walk = createWalk(redis);
    const incident = await walk.open();
    const stop = new AbortController();
    const { snapshots } = walk.ports;
    const stopping: typeof snapshots = {
      async takeSnapshot(_request, signal) {
        stop.abort(new Error('stopped by SIGTERM'));
        if (how === 'throws') signal.throwIfAborted();
        return await Promise.resolve(failed('upstream', 'the request was aborted', 'Ask again'));
      },
    };
    walk.ports = { ...walk.ports, snapshots: stopping };
    await expect(walk.run(incident, FOUR_STEPS, { signal: stop.signal })).rejects.toThrow('stopped by SIGTERM');
    expect((await walk.book.savedSteps(incident.id)).map(({ step }) => step).sort()).toEqual(['capture', 'compare']);
    expect(walk.publications).toBe(0);

    walk.ports = { ...walk.ports, snapshots };
    expect((await walk.run(incident)).steps[2]).toMatchObject({ step: 'snapshot', outcome: 'ok' });
  });
});

describe('a step that can not be done', () => {
  it('is a line with its cure in a report that still comes', async () => {
    const walk = createWalk(redis, {
      memory: {
        readMemory: async () =>
          await Promise.resolve(inconclusive('operator', 'no collector reported', 'Start `memtriage collector`')),
      },
      snapshots: {
        takeSnapshot: async () =>
          await Promise.resolve(failed('operator', 'the probe is silent', 'Restart the service')),
      },
    });
    const report = await walk.run(await walk.open());
    expect(report.steps).toMatchObject([
      { step: 'capture', outcome: 'inconclusive', note: 'no collector reported. Start `memtriage collector`' },
      { step: 'compare', outcome: 'inconclusive', note: 'no collector reported. Start `memtriage collector`' },
      { step: 'snapshot', outcome: 'error', note: 'the probe is silent. Restart the service' },
      { step: 'evaluate', outcome: 'inconclusive' },
    ]);
    expect(report).toMatchObject({
      verdict: 'inconclusive',
      recommendation: { action: 'investigate', confidence: 'low', from: null, to: null },
      rss: { bytes: null, limitBytes: null, instances: [] },
      growth: null,
      timeToLimitSeconds: null,
      baseline: null,
      onset: null,
      oomKills: null,
      snapshot: null,
      pattern: null,
      data: { source: 'none', ageSeconds: null },
    });
  });

  it('is an error line and a line of the log when it throws', async () => {
    const bug = new TypeError('x is not a function');
    const walk = createWalk(redis, {
      snapshots: {
        takeSnapshot: () => {
          throw bug;
        },
      },
    });
    const report = await walk.run(await walk.open());
    expect(report.steps[2]).toMatchObject({
      step: 'snapshot',
      outcome: 'error',
      note: 'not done: x is not a function. This looks like a bug of memtriage: please report it',
    });
    expect(report.steps[3]?.outcome).toBe('ok');
    expect(walk.errors).toEqual([
      { fields: { err: bug, incidentId: 'M-1', step: 'snapshot' }, message: 'a step threw' },
    ]);
  });

  it('tells the cure of an error that knows one', async () => {
    const walk = createWalk(redis, {
      baselines: {
        current: () => {
          throw new CommandError(69, 'Redis is full', 'Give it more memory');
        },
      },
    });
    const report = await walk.run(await walk.open());
    expect(report.steps[1]?.note).toBe('not done: Redis is full. Give it more memory');
  });

  it.each([
    ['that does not heed its signal', () => never<never>()],
    [
      'that ends with its signal',
      async (signal: AbortSignal) =>
        await new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ],
  ])('is given up at its deadline: a look %s', async (_title, look) => {
    const walk = createWalk(redis, { snapshots: { takeSnapshot: (_request, signal) => look(signal) } });
    const report = await walk.run(await walk.open(), FOUR_STEPS, { stepDeadlineSeconds: 0.05 });
    expect(report.steps[2]).toMatchObject({ step: 'snapshot', outcome: 'inconclusive' });
    expect(report.steps[2]?.note).toMatch(/^not done: no answer within the deadline of the step\. Ask again/);
    expect(report.steps[3]?.outcome).toBe('ok');
  });

  it('does not hold up the walk when the source of the samples never answers', async () => {
    const walk = createWalk(redis, { memory: { readMemory: () => never() } });
    const report = await walk.run(await walk.open(), FOUR_STEPS, { stepDeadlineSeconds: 0.05 });
    expect(report.steps.map(({ outcome }) => outcome)).toEqual(['inconclusive', 'inconclusive', 'ok', 'inconclusive']);
  });
});

describe("a team's own steps", () => {
  it('are told apart by their place, saved and shown as checks', async () => {
    const note = { step: 'note', title: 'Who knows', text: 'The payments team.' } as const;
    const walk = createWalk(redis);
    const runbook = runbookOf({ ...note, links: ['https://wiki.example.com/checkout'] }, ...FOUR_STEPS.steps, {
      ...note,
      title: 'Dashboard',
    });
    const report = await walk.run(await walk.open(), runbook);
    expect(report.steps.map(({ step }) => step)).toEqual([
      'note-1',
      'capture',
      'compare',
      'snapshot',
      'evaluate',
      'note-6',
    ]);
    expect(report.checks).toEqual([
      { title: 'Who knows', text: 'The payments team.', links: ['https://wiki.example.com/checkout'] },
      { title: 'Dashboard', text: 'The payments team.', links: [] },
    ]);
  });
});
