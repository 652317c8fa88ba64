/** `npm run test:faults -- [--runs 60] [--seed 1] [--from 0] [--at-once 30] [--world-faults 10] [--old COMMIT]`. Exit 1 when something was not survived. */
import { parseArgs } from 'node:util';
import { buildOldTree } from '../support/old-tree.ts';
import { survive } from './survive.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '60' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    old: { type: 'string' },
    'at-once': { type: 'string', default: '30' },
    'world-faults': { type: 'string', default: '10' },
  },
});
const began = Date.now();
const old = values.old === undefined ? null : await buildOldTree(values.old);
const survived = await survive({
  oldCli: old?.cli ?? null,
  seed: Number(values.seed),
  from: Number(values.from),
  runs: Number(values.runs),
  atOnce: Number(values['at-once']),
  worldFaults: Number(values['world-faults']),
  spanMs: 12_000,
  tell: (line) => console.log(line),
});
await old?.close();
const { runs, alerts, repeated, faults, problems, slowestSeconds } = survived;
const struck = [...faults].toSorted((a, b) => b[1] - a[1]).map(([kind, times]) => `  ${times} × ${kind}`);
console.log(
  [
    `${runs} runs, seed ${values.seed}, ${((Date.now() - began) / 1000).toFixed(0)} s: ${alerts} notifications accepted, ${repeated} repeated by their senders`,
    `${problems.length === 0 ? 'all survived' : `${problems.length} PROBLEMS`}; calm at most ${slowestSeconds.toFixed(0)} s after the last fault; what struck:`,
    ...struck,
  ].join('\n'),
);
process.exitCode = problems.length === 0 ? 0 : 1;
