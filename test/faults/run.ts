/**
 * `npm run test:faults -- [--runs 60] [--seed 1] [--from 0] [--at-once 30] [--world-faults 10] [--old COMMIT]`, or
 * `-- --rollback [--cases 60] [--from 0] [--seed 1] [--at-once 4] [--only TEXT]`: an approved rollback, every point and fault
 * without `--cases`. Exit 1 when something was not survived.
 */
import { parseArgs } from 'node:util';
import { buildOldTree } from '../support/old-tree.ts';
import { surviveRollbacks } from './rollback-faults.ts';
import { survive } from './survive.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '60' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    old: { type: 'string' },
    'at-once': { type: 'string' },
    'world-faults': { type: 'string', default: '10' },
    rollback: { type: 'boolean', default: false },
    cases: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const began = Date.now();
const seed = Number(values.seed);
const problems = values.rollback ? await runRollbacks() : await runAlerts();
process.exitCode = problems.length === 0 ? 0 : 1;

async function runAlerts(): Promise<readonly string[]> {
  const old = values.old === undefined ? null : await buildOldTree(values.old);
  const survived = await survive({
    oldCli: old?.cli ?? null,
    seed,
    from: Number(values.from),
    runs: Number(values.runs),
    atOnce: Number(values['at-once'] ?? '30'),
    worldFaults: Number(values['world-faults']),
    spanMs: 12_000,
    tell: (line) => console.log(line),
  });
  await old?.close();
  const { runs, alerts, repeated, faults, slowestSeconds } = survived;
  console.log(
    [
      `${runs} runs, seed ${seed}, ${seconds()} s: ${alerts} notifications accepted, ${repeated} repeated by their senders`,
      `${verdict(survived.problems)}; calm at most ${slowestSeconds.toFixed(0)} s after the last fault; what struck:`,
      ...counts(faults),
    ].join('\n'),
  );
  return survived.problems;
}

async function runRollbacks(): Promise<readonly string[]> {
  const survived = await surviveRollbacks({
    seed,
    cases: values.cases === undefined ? null : Number(values.cases),
    from: Number(values.from),
    atOnce: Number(values['at-once'] ?? '4'),
    only: values.only,
    tell: (line) => console.log(line),
  });
  const { points, struck, ends, missed } = survived;
  console.log(
    [
      `${points} writes from the second approval to the proof, seed ${seed}, ${seconds()} s; what struck:`,
      ...counts(struck),
      `${verdict(survived.problems)}; ${missed.length} writes did not come where they were to be struck; how it ended:`,
      ...counts(ends),
    ].join('\n'),
  );
  return survived.problems;
}

function verdict(found: readonly string[]): string {
  return found.length === 0 ? 'all survived' : `${found.length} PROBLEMS`;
}

function counts(of: ReadonlyMap<string, number>): string[] {
  return [...of].toSorted((a, b) => b[1] - a[1]).map(([kind, times]) => `  ${times} × ${kind}`);
}

function seconds(): string {
  return ((Date.now() - began) / 1000).toFixed(0);
}
