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
    const floors: number[] = [];
    const stalls: number[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      floors.push(await service.forkMilliseconds());
      await setTimeout(200);
      await service.latencies();
      const { child, notes } = await service.look(null, true);
      if (child === null) throw new Error(notes.join(' '));
      stops.push(child.stopSeconds * 1000);
      stalls.push((await service.latencies()).max);
    }
    const rss = service.rssMib();
    const where = `${tracedBlocks / 1e6}M traced blocks`;
    console.log(`fork at ${where}, ${rss.toFixed(0)} MiB: ${load()}`);
    const told = `${spread(stops)} ms at ${rss.toFixed(0)} MiB; fork() alone ${spread(floors)}; slowest request ${spread(stalls)}`;
    return { goal: `forked child stops ${where} <= ${goalMs} ms`, isMet: median(stops) <= goalMs, told };
  });
}
