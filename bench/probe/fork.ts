import { setTimeout } from 'node:timers/promises';
import type { Python } from '../../test/support/pythons.ts';
import { type Goal, load, median, type Phase, spread } from './goal.ts';
import { newest } from './latency.ts';
import { withService } from './service.ts';

/** How long a service of traced blocks stands still for a forked child; beside it what a bare fork() of it takes. */
const REPEATS = 5;

export const fork: Phase = async (pythons) => {
  const python = newest(pythons);
  return [
    await measure(python, { tracedBlocks: 1_000_000, padMib: 120, goalMs: 20 }),
    await measure(python, { tracedBlocks: 5_000_000, padMib: 250, goalMs: 50 }),
  ];
};

type Case = { tracedBlocks: number; padMib: number; goalMs: number };

function measure(python: Python, { tracedBlocks, padMib, goalMs }: Case): Promise<Goal> {
  return withService(python, { tracedBlocks, padMib }, async (service) => {
    const stops: number[] = [];
    const cpus: number[] = [];
    const floors: number[] = [];
    const floorCpus: number[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      const bare = await service.fork();
      floors.push(bare.milliseconds);
      floorCpus.push(bare.cpuMilliseconds);
      await setTimeout(200);
      const { child, notes } = await service.look(null, true);
      if (child === null) throw new Error(notes.join(' '));
      stops.push(child.stopSeconds * 1000);
      cpus.push((child.stopCpuSeconds ?? Number.NaN) * 1000);
    }
    const rss = service.rssMib().toFixed(0);
    console.log(`fork at ${tracedBlocks / 1e6}M traced blocks, ${rss} MiB: ${load()}`);
    const told = `${spread(stops)} ms at ${rss} MiB, CPU ${spread(cpus)}; bare fork() ${spread(floors)}, CPU ${spread(floorCpus)}`;
    const goal = `forked child stops ${tracedBlocks / 1e6}M traced blocks <= ${goalMs} ms`;
    return { goal, isMet: median(stops) <= goalMs, told };
  });
}
