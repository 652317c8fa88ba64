import { setTimeout } from 'node:timers/promises';
import { findPythons, type Python } from '../../test/support/pythons.ts';
import { type Goal, load, median, type Phase, spread } from './goal.ts';
import { type Service, type ServiceOptions, withService } from './service.ts';

/** What T1 adds to the p99 of requests: phases without and with looks back to back in turn, so that noise shows. */
const ROUNDS = 6;
const PHASE_MS = 3_000;

export const latency: Phase = async (pythons) => {
  const python = newest(pythons);
  const [objects, naive] = await withService(python, { objects: 1_000_000 }, async (service) => [
    await measure(service, 'at 1M objects', 2),
    await measureNaive(service),
  ]);
  const modules = await measureModules(python, { objects: 100_000, modules: 2_000 });
  return [objects, naive, modules];
};

/** The goals of one interpreter are told for the newest. */
export function newest(pythons: readonly Python[]): Python {
  const python = pythons.at(-1) ?? findPythons().at(-1);
  if (python === undefined) throw new Error('no CPython on this machine');
  return python;
}

function measureModules(python: Python, options: ServiceOptions): Promise<Goal> {
  return withService(python, options, (service) => measure(service, 'at 2,000 modules', 10));
}

async function measure(service: Service, where: string, goalMs: number): Promise<Goal> {
  const without: number[] = [];
  const during: number[] = [];
  await service.look(null);
  const looked = service.costs.length;
  let looks = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await service.latencies();
    await setTimeout(PHASE_MS);
    without.push((await service.latencies()).p99);
    const more = await lookFor(service, PHASE_MS);
    looks += more;
    during.push((await service.latencies()).p99);
    console.log(
      `${where}: p99 ${without.at(-1)?.toFixed(1)} -> ${during.at(-1)?.toFixed(1)} ms, ${more} looks, ${load()}`,
    );
  }
  const added = during.map((p99, round) => p99 - (without[round] ?? Number.NaN));
  const cpuMs = (service.costs.slice(looked).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) / looks) * 1000;
  const told = `${spread(added)} ms by round; p99 without ${spread(without)}, with ${spread(during)}; ${cpuMs.toFixed(0)} ms of CPU a look`;
  return { goal: `T1 adds to p99 ${where} <= ${goalMs} ms`, isMet: median(added) <= goalMs, told };
}

async function lookFor(service: Service, milliseconds: number): Promise<number> {
  const end = Date.now() + milliseconds;
  let looks = 0;
  for (; Date.now() < end; looks += 1) await service.look(null);
  return looks;
}

/** The usual way, in the same process. */
async function measureNaive(service: Service): Promise<Goal> {
  const before = service.rssMib();
  const { p99, max, seconds, peakMib } = await service.naive();
  const told = `p99 ${p99.toFixed(1)} ms, longest ${max.toFixed(0)} ms, ${seconds.toFixed(1)} s, peak RSS +${(peakMib - before).toFixed(0)} MiB`;
  return { goal: 'beside it: take_snapshot + compare_to, 1M blocks, 1 frame', isMet: null, told };
}
