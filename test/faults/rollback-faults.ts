/** Many cases at once, until all that were asked for were survived or not. */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seeded } from '../../bench/detect/random.ts';
import { messageOf } from '../../src/errors.ts';
import { type Case, findPoints, KINDS, type Result, runCase } from './rollback-cases.ts';

export type RollbackFaults = {
  points: number;
  /** How often each kind struck. */
  struck: ReadonlyMap<string, number>;
  /** How rollbacks ended, and how often. */
  ends: ReadonlyMap<string, number>;
  /** Writes that did not come in the run that they were to be struck in. */
  missed: readonly string[];
  /** Empty: everything was survived. */
  problems: readonly string[];
};

export type RollbackFaultOptions = {
  seed: number;
  /** Of all cases, in the order of the seed, after the first `from`; null: every one. Each kind comes about equally often. */
  cases: number | null;
  from?: number;
  atOnce: number;
  /** Only points and kinds whose description has it. */
  only?: string;
  tell?: (line: string) => void;
};

export async function surviveRollbacks(options: RollbackFaultOptions): Promise<RollbackFaults> {
  const { seed, cases, from = 0, atOnce, only = '', tell = () => {} } = options;
  const points = await findPoints();
  const all = KINDS.flatMap((kind) => points.map((point) => ({ ...point, kind })));
  const wanted = all.filter((one) => describe(one).includes(only));
  const left = draw(wanted, seed).slice(from, from + (cases ?? wanted.length));
  const struck = new Map<string, number>();
  const ends = new Map<string, number>();
  const missed: string[] = [];
  const problems: string[] = [];
  const count = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);
  const worker = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      const { problems: found, how, struck: hit, logs } = await runCase(one).catch(notStaged);
      if (hit) count(struck, one.kind);
      else missed.push(describe(one));
      count(ends, how);
      problems.push(...found.map((problem) => `${describe(one)}: ${problem}`));
      const kept = found.length === 0 ? '' : `; logs: ${await keepLogs(logs)}`;
      tell(
        `${describe(one)}: ${hit ? '' : 'DID NOT COME, '}${how}${found.map((text) => `\n  ${text}`).join('')}${kept}`,
      );
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { points: points.length, struck, ends, missed, problems };
}

/** The others go on, and close what they opened. */
function notStaged(thrown: unknown): Result {
  return { problems: [messageOf(thrown)], how: 'not staged', struck: false, logs: '' };
}

/** By lot, one of each kind after the other. */
function draw(all: readonly Case[], seed: number): Case[] {
  const random = seeded(seed);
  const ranked = all.map((one) => ({ one, lot: random.uniform() })).toSorted((a, b) => a.lot - b.lot);
  const nth = new Map<string, number>();
  const inTurn = ranked.map(({ one }) => {
    const turn = (nth.get(one.kind) ?? 0) + 1;
    nth.set(one.kind, turn);
    return { one, turn };
  });
  return inTurn.toSorted((a, b) => a.turn - b.turn).map(({ one }) => one);
}

function describe({ role, at, kind }: Case): string {
  return `${role}: ${at}, ${kind}`;
}

let kept = 0;
async function keepLogs(logs: string): Promise<string> {
  kept += 1;
  const file = join(tmpdir(), `memtriage-rollback-faults-${process.pid}-${kept}.log`);
  await writeFile(file, logs);
  return file;
}
