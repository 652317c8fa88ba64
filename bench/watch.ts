/**
 * What watching by itself costs, and how often it would call somebody: `bench/watch.ts [--seeds 1] [--first 200001]`.
 * Cost (`--cost-only`): looks at services with a day of samples (15 s) in a real Redis, by services and instances. Alarms
 * (`--alarms-only`): fresh seeded services of every family from their start on, without a history, walked through time by
 * the same code as the live watch; one look each 5 min, or each `--every` seconds; `--traffic` with the figures that the
 * series have (without it nobody knows the load), `--only NAME,NAME` families.
 */
import { parseArgs } from 'node:util';
import { collectorMemory } from '../src/adapters/redis/collector-memory.ts';
import { createInstanceStore } from '../src/adapters/redis/instance-store.ts';
import { createSampleStore } from '../src/adapters/redis/sample-store.ts';
import { DEFAULT_POLICY } from '../src/analysis/policy.ts';
import { quantile } from '../src/analysis/quantiles.ts';
import { judgeMemory } from '../src/watch/judge-memory.ts';
import { watchWindowSeconds } from '../src/watch/pace.ts';
import { replay } from '../src/watch/replay.ts';
import { startRedis } from '../test/support/redis.ts';
import { FAMILIES } from './detect/families.ts';
import { generateCase } from './detect/generate.ts';
import { toMemory } from './watch-memory.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    first: { type: 'string', default: '200001' },
    every: { type: 'string', default: '300' },
    traffic: { type: 'boolean', default: false },
    only: { type: 'string' },
    'cost-only': { type: 'boolean', default: false },
    'alarms-only': { type: 'boolean', default: false },
  },
});
const HOUR = 3600;
const DAY = 86_400;
const MIB = 1 << 20;
const EVERY_SECONDS = 15;

if (!values['alarms-only']) await measureCost();
if (!values['cost-only']) measureAlarms(Number(values.first), Number(values.seeds));

async function measureCost(): Promise<void> {
  const server = await startRedis();
  try {
    const store = { redis: server.connect(), prefix: '{bench}', keepSeconds: 7 * DAY };
    for (const { services, instances } of [
      { services: 10, instances: 1 },
      { services: 40, instances: 1 },
      { services: 10, instances: 4 },
      { services: 10, instances: 16 },
    ]) {
      const names = Array.from({ length: services }, (_, i) => `s${services}-${instances}-${i}`);
      for (const name of names) await record(store, name, instances);
      const [readMs, judgeMs] = await lookAtAll(store, names);
      const perInstance = (readMs + judgeMs) / services / instances;
      console.log(
        `${services} services x ${instances} instances x 24 h: read ${readMs.toFixed(0)} ms, judged in ${judgeMs.toFixed(0)} ms, ${perInstance.toFixed(1)} ms an instance`,
      );
    }
  } finally {
    await server.close();
  }
}

type Store = Parameters<typeof createSampleStore>[0];

async function record(store: Store, service: string, instances: number): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  for (let i = 0; i < instances; i += 1) {
    const instance = `${i + 1}.1`;
    const samples = Array.from({ length: DAY / EVERY_SECONDS }, (_, n) => {
      const noise = Math.sin(n * 12.9898 + i) * 0.7 + Math.sin(n * 4.1414) * 0.3;
      const rssBytes = Math.round((300 + noise + i) * MIB);
      return { atMs: (now - DAY + n * EVERY_SECONDS) * 1000, rssBytes, anonymousBytes: rssBytes };
    });
    await createSampleStore(store).append([{ service, instance, samples }]);
    const life = { host: 'here', release: 'v1', python: null, endedAt: null, endReason: null, limitBytes: null };
    await createInstanceStore(store).save(service, [{ schema: 1, instance, startedAt: now - DAY, ...life }]);
  }
}

async function lookAtAll(store: Store, names: readonly string[]): Promise<[readMs: number, judgeMs: number]> {
  const services = new Map(names.map((name) => [name, { site: 'local', limitBytes: 1024 * MIB }]));
  const source = collectorMemory({ ...store, services });
  const total: [number, number] = [0, 0];
  for (const name of names) {
    const began = performance.now();
    const answer = await source.readMemory(name, watchWindowSeconds(DEFAULT_POLICY), AbortSignal.timeout(60_000));
    const read = performance.now();
    if (answer.outcome !== 'ok') throw new Error(answer.why);
    judgeMemory({ memory: answer.value, baseline: null, policy: DEFAULT_POLICY, nowSeconds: Date.now() / 1000 });
    total[0] += read - began;
    total[1] += performance.now() - read;
  }
  return total;
}

function measureAlarms(first: number, seeds: number): void {
  const count = { healthy: 0, called: 0, calm: 0, calmCalled: 0, calls: 0, days: 0, leaks: 0, found: 0, critical: 0 };
  const delays: number[] = [];
  const only = values.only?.split(',');
  for (const family of FAMILIES.filter(({ name }) => only?.includes(name) ?? true)) {
    for (let seed = first; seed < first + seeds; seed += 1) {
      const labelled = generateCase(family, seed);
      const { seriesCase, truth } = labelled;
      const memory = toMemory(labelled, values.traffic);
      const given = { service: family.name, memory, policy: DEFAULT_POLICY, everySeconds: Number(values.every) };
      const { alarms: all } = replay({ ...given, fromSeconds: 300, untilSeconds: seriesCase.now });
      // The release before a fix does leak: who tells that is right.
      const leakedUntil = family.name === 'deploy_fix' ? (seriesCase.deployAt ?? 0) : 0;
      const alarms = all.filter(({ openedAt }) => openedAt > leakedUntil);
      const onset = truth.onsetSeconds ?? 0;
      if (truth.label === 'leak') {
        const alarm = alarms.find(({ closedAt }) => closedAt === null || closedAt > onset);
        count.leaks += 1;
        if (alarm === undefined) {
          console.log(
            `  ${family.name}-${seed} is a leak from ${(onset / HOUR).toFixed(1)} h of ${(seriesCase.now / HOUR).toFixed(0)} h on: nothing told`,
          );
          continue;
        }
        count.found += 1;
        delays.push(Math.max(0, alarm.openedAt - onset) / HOUR);
        if (alarm.level === 'critical') count.critical += 1;
        continue;
      }
      count.healthy += 1;
      count.days += seriesCase.now / DAY;
      count.calls += alarms.length;
      if (truth.fills !== true) count.calm += 1;
      if (alarms.length === 0) continue;
      count.called += 1;
      if (truth.fills !== true) count.calmCalled += 1;
      for (const { openedAt, level, why } of alarms) {
        console.log(
          `  ${family.name}-${seed} ${level} at ${(openedAt / HOUR).toFixed(1)} h of ${(seriesCase.now / HOUR).toFixed(0)} h: ${why}`,
        );
      }
    }
  }
  const share = (part: number, all: number) => `${part} of ${all} (${((100 * part) / Math.max(1, all)).toFixed(1)} %)`;
  console.log(
    `healthy services with any incident: ${share(count.called, count.healthy)}, not filling ${share(count.calmCalled, count.calm)}`,
  );
  console.log(`incidents of healthy services: ${(count.calls / Math.max(1, count.days)).toFixed(2)} a service and day`);
  const at = (q: number) => quantile(delays, q).toFixed(1);
  console.log(
    `leaks with an incident: ${share(count.found, count.leaks)}, critical ${count.critical}; after ${at(0.5)} h, p90 ${at(0.9)} h`,
  );
}
