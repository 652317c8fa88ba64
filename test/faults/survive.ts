/** Waves of runs through one world, until as many were survived as were asked for. */
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { problemsOf } from './check.ts';
import { type Driven, driveRun } from './drive.ts';
import { planWave, type RunPlan } from './plan.ts';
import { type FaultWorld, openWorld } from './world.ts';

export type Survived = {
  runs: number;
  alerts: number;
  /** Requests that senders had to repeat. */
  repeated: number;
  /** How often each kind of fault struck. */
  faults: ReadonlyMap<string, number>;
  /** Empty: everything was survived. */
  problems: readonly string[];
  /** Longest time from the last thing planned to calm, seconds. */
  slowestSeconds: number;
};

export type FaultOptions = {
  seed: number;
  /** Number of the first run: a wave that was not survived can be played again alone. */
  from?: number;
  runs: number;
  /** Under way at the same time. */
  atOnce: number;
  /** Faults of what runs share, in each wave. */
  worldFaults: number;
  /** In how long everything of a wave happens. */
  spanMs: number;
  /** The second bot is of this older build: only what that one is known to survive. */
  oldCli?: string | null;
  tell?: (line: string) => void;
};

/** A killed bot's jobs and half-told threads are taken over within 30 s, and Slack's longest rest is as long. */
const CALM_MS = 150_000;
const LOOK_AGAIN_MS = 250;

export async function survive({
  seed,
  from = 0,
  runs,
  atOnce,
  worldFaults,
  spanMs,
  oldCli = null,
  tell = () => {},
}: FaultOptions): Promise<Survived> {
  const world = await openWorld(from + runs, oldCli);
  const faults = new Map<string, number>();
  const all: { run: RunPlan; driven: Driven }[] = [];
  const problems: string[] = [];
  let slowestSeconds = 0;
  try {
    for (let first = from; first < from + runs; first += atOnce) {
      const wave = planWave({
        seed,
        first,
        runs: Math.min(atOnce, from + runs - first),
        worldFaults,
        spanMs,
        isOldToo: oldCli !== null,
      });
      const struck = strikeAll(wave.worldFaults, world, faults);
      const driven = await Promise.all(wave.runs.map(async (run) => ({ run, driven: await driveRun(run, world) })));
      await struck;
      const beganMs = Date.now();
      const left = await untilCalm(driven, world);
      countSlackFaults(world, faults);
      slowestSeconds = Math.max(slowestSeconds, (Date.now() - beganMs) / 1000);
      tell(`runs ${first + 1} to ${first + driven.length}: ${left.length === 0 ? 'survived' : left.join('\n  ')}`);
      problems.push(...left);
      all.push(...driven);
    }
    // What comes twice may come late.
    const late = await Promise.all(all.map(async ({ run, driven }) => await problemsOf(run, driven, world)));
    problems.push(...late.flat().filter((problem) => !problems.includes(problem)));
    if (problems.length > 0) tell(`logs: ${await keepLogs(world, seed)}`);
  } finally {
    await world.close();
  }
  const sum = (of: (driven: Driven) => number): number => all.reduce((total, { driven }) => total + of(driven), 0);
  return {
    runs: all.length,
    alerts: sum(({ sent }) => sent),
    repeated: sum(({ repeated }) => repeated),
    faults,
    problems,
    slowestSeconds,
  };
}

/** The world's own directory goes with it. */
async function keepLogs({ dir }: FaultWorld, seed: number): Promise<string> {
  const kept = join(tmpdir(), `memtriage-faults-${seed}`);
  await cp(dir, kept, { recursive: true, filter: (source) => !source.endsWith('/sockets') });
  return kept;
}

/** One after another where they overlap: Redis is not killed while it is killed. */
async function strikeAll(
  planned: ReturnType<typeof planWave>['worldFaults'],
  world: FaultWorld,
  faults: Map<string, number>,
): Promise<void> {
  const began = Date.now();
  for (const fault of planned) {
    await wait(Math.max(0, began + fault.afterMs - Date.now()));
    await world.strike(fault);
    faults.set(fault.kind, (faults.get(fault.kind) ?? 0) + 1);
  }
}

async function untilCalm(driven: readonly { run: RunPlan; driven: Driven }[], world: FaultWorld): Promise<string[]> {
  const deadline = Date.now() + CALM_MS;
  let left = driven;
  let problems: string[] = [];
  while (left.length > 0) {
    const found = await Promise.all(left.map(async (one) => await problemsOf(one.run, one.driven, world)));
    problems = found.flat();
    left = left.filter((_, i) => (found[i]?.length ?? 0) > 0);
    if (Date.now() > deadline) return problems;
    await wait(LOOK_AGAIN_MS);
  }
  return [];
}

/** What of Slack's faults really struck, by what became of the calls. */
function countSlackFaults({ workspace, ended }: FaultWorld, faults: Map<string, number>): void {
  const count = (name: string, struck: number): void => void faults.set(name, struck);
  for (const how of new Set(ended())) count(how, ended().filter((one) => one === how).length);
  const calls = workspace.calls();
  count('Slack 429', calls.filter(({ status }) => status === 429).length);
  count('Slack 500', calls.filter(({ status }) => status === 500).length);
  count('Slack 503', calls.filter(({ status }) => status === 503).length);
  count('Slack call cut before it was done', calls.filter(({ status, ok }) => status === 0 && !ok).length);
  count('Slack answer lost after it was done', calls.filter(({ status, ok }) => status === 0 && ok).length);
  count('Slack error word', calls.filter(({ error = '' }) => /_error$|_unavailable$/.test(error)).length);
}
