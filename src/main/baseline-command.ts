import { userInfo } from 'node:os';
import { createBaselineStore } from '../adapters/redis/baseline-store.ts';
import type { Baseline } from '../analysis/baseline.ts';
import { CommandError, EXIT_UNAVAILABLE, EXIT_USAGE, type Outcome } from '../errors.ts';
import { baselineLine } from '../report/baseline-text.ts';
import { printable } from '../report/report-text.ts';
import { setBaseline } from '../watch/set-baseline.ts';
import { openBaselines } from './baselines.ts';
import { openSnapshotTaker } from './snapshot-taker.ts';
import { openWorld, type World } from './world.ts';

type Verb = (world: World, service: string) => Promise<readonly string[]>;

const VERBS: Readonly<Record<string, Verb>> = { show, set, revert };

/** `memtriage baseline show|set|revert SERVICE`. */
export async function baselineCommand([verb, service, ...rest]: readonly string[]): Promise<number> {
  const run = verb !== undefined && Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (run === undefined || service === undefined || rest.length > 0) {
    throw new CommandError(EXIT_USAGE, 'wrong words', 'Use `memtriage baseline show|set|revert SERVICE`.');
  }
  const world = await openWorld(new AbortController().signal);
  try {
    world.requireService(service);
    const lines = await run(world, service);
    process.stdout.write(`${lines.map(printable).join('\n')}\n`);
    return 0;
  } finally {
    await world.closers.closeAll();
  }
}

async function show({ redis }: World, service: string): Promise<readonly string[]> {
  const known = await createBaselineStore({ redis: redis.command(), prefix: redis.prefix }).list(service);
  if (known.length === 0) return [`${service} has no baseline yet`];
  return known.map(({ baseline, isCurrent }) => `${isCurrent ? '*' : ' '} ${baselineLine(baseline)}`);
}

async function set({ redis, ...world }: World, service: string): Promise<readonly string[]> {
  const snapshots = openSnapshotTaker(redis.command(), redis.prefix);
  world.closers.add('snapshot queues', snapshots.close);
  const { config } = world;
  const baselines = openBaselines({ redis: redis.command(), prefix: redis.prefix, config, snapshots });
  const ports = { now: Date.now, memory: world.memory, baselines };
  const configured = world.requireService(service);
  return [`now ${baselineLine(orThrow(await setBaseline(configured, userInfo().username, ports, world.signal)))}`];
}

async function revert({ redis }: World, service: string): Promise<readonly string[]> {
  const store = createBaselineStore({ redis: redis.command(), prefix: redis.prefix });
  return [`back to ${baselineLine(orThrow(await store.revert(service)))}`];
}

function orThrow(outcome: Outcome<Baseline>): Baseline {
  if (outcome.outcome === 'ok') return outcome.value;
  throw new CommandError(EXIT_UNAVAILABLE, outcome.why, `${outcome.tryThis}.`);
}
