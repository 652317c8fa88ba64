/**
 * The probe against the figures that were asked of it, one line a goal: `bench/probe.ts [--only window,fork] [--python 3.12]`.
 * Real processes under load, on every CPython of this machine where the goal is about all of them, else on the newest;
 * beside it the usual way (tracemalloc, two snapshots and compare_to) in the same run. Some 10 minutes on two cores.
 */
import { parseArgs } from 'node:util';
import { findPythons } from '../test/support/pythons.ts';
import { fork } from './probe/fork.ts';
import { type Goal, load, type Phase, printTable } from './probe/goal.ts';
import { latency } from './probe/latency.ts';
import { layers } from './probe/layers.ts';
import { owner } from './probe/owner.ts';
import { patterns } from './probe/patterns.ts';
import { window } from './probe/window.ts';

const PHASES: Record<string, Phase> = { layers, patterns, latency, owner, window, fork };

const { values } = parseArgs({ options: { only: { type: 'string' }, python: { type: 'string' } } });
const chosen = values.only?.split(',') ?? Object.keys(PHASES);
const unknown = chosen.filter((name) => PHASES[name] === undefined);
if (unknown.length > 0) throw new Error(`no phase ${unknown.join(', ')}: ${Object.keys(PHASES).join(', ')}`);
const pythons = findPythons().filter(
  ({ version }) => values.python === undefined || version.startsWith(`${values.python}.`),
);
if (pythons.length === 0) throw new Error(`no CPython ${values.python ?? ''} on this machine`);

const goals: Goal[] = [];
for (const name of chosen) {
  const began = Date.now();
  console.log(`== ${name}, ${load()}`);
  goals.push(...((await PHASES[name]?.(pythons)) ?? []));
  console.log(`== ${name} took ${((Date.now() - began) / 1000).toFixed(0)} s, ${load()}`);
}
console.log(`\nCPython ${pythons.map(({ version }) => version).join(', ')}`);
printTable(goals);
