import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { DEFAULT_TRACE_WINDOW, traceInside } from '../../src/adapters/transports/look-inside.ts';
import { load, type Phase, spread } from './goal.ts';
import { newest } from './latency.ts';
import { PROGRAM, type Service, withService } from './service.ts';

/** A tracing window on a heap of 5M live blocks (1.7M objects of three), several times. */
const OBJECTS = 1_700_000;
const REPEATS = 6;
const FEWEST_LEAKS = 20;
const GOAL = { stopMs: 5, extraMib: 2e6 / 2 ** 20 };
const LEAKING_LINE =
  readFileSync(PROGRAM, 'utf8')
    .split('\n')
    .findIndex((line) => line.endsWith('# the leak')) + 1;

export const window: Phase = (pythons) =>
  withService(newest(pythons), { objects: OBJECTS }, async (service) => {
    const runs: Awaited<ReturnType<typeof traceOnce>>[] = [];
    let blocks = 0;
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      const run = await traceOnce(service);
      runs.push(run);
      blocks = run.blocks;
      const { stopMs, extraMib, leaks, isFirst } = run;
      const first = isFirst ? 'leaking line first' : 'leaking line NOT FIRST';
      console.log(
        `window: stop ${stopMs.toFixed(1)} ms, +${extraMib.toFixed(2)} MiB, ${leaks} leaks, ${first}, ${load()}`,
      );
    }
    const enough = runs.filter(({ leaks }) => leaks >= FEWEST_LEAKS);
    const first = enough.filter(({ isFirst }) => isFirst).length;
    const at = `window at ${(blocks / 1e6).toFixed(1)}M live blocks`;
    const stops = runs.map(({ stopMs }) => stopMs);
    const extras = runs.map(({ extraMib }) => extraMib);
    return [
      { goal: `${at}: stop <= 5 ms`, isMet: Math.max(...stops) <= GOAL.stopMs, told: `${spread(stops)} ms` },
      {
        goal: `${at}: extra memory <= 2 MB`,
        isMet: Math.max(...extras) <= GOAL.extraMib,
        told: `${spread(extras)} MiB`,
      },
      {
        goal: `${at}: leaking line first with >= ${FEWEST_LEAKS} leaks`,
        isMet: first === enough.length && enough.length > 0,
        told: `${first} of ${enough.length} (${REPEATS - enough.length} had fewer leaks)`,
      },
    ];
  });

async function traceOnce(service: Service) {
  const first = await service.look(null);
  await setTimeout(500);
  const second = await service.look(first);
  const signal = AbortSignal.timeout(60_000);
  const before = service.rssMib();
  const ended = new AbortController();
  const peak = peakRss(service, ended.signal);
  const traced = await traceInside(service.transport, second.census?.token ?? '', DEFAULT_TRACE_WINDOW, signal);
  ended.abort();
  if (traced.outcome !== 'ok') throw new Error(traced.why);
  const { stopSeconds, sites } = traced.value;
  const [top] = sites;
  return {
    stopMs: stopSeconds * 1000,
    extraMib: (await peak) - before,
    leaks: top?.blocks ?? 0,
    isFirst: top?.container === 'app.SESSIONS' && top.frames[0]?.line === LEAKING_LINE,
    blocks: second.runtime?.allocatedBlocks ?? 0,
  };
}

/** The most RSS that was seen until the signal, MiB; read every 10 ms. */
async function peakRss(service: Service, ended: AbortSignal): Promise<number> {
  let peak = 0;
  while (!ended.aborted) {
    peak = Math.max(peak, service.rssMib());
    await setTimeout(10);
  }
  return peak;
}
