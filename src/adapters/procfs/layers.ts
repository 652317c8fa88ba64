import { readdir, readFile } from 'node:fs/promises';
import type { OutsideLook } from '../../analysis/look.ts';
import { inconclusive, type Outcome, ok } from '../../errors.ts';
import { type MemoryCgroup, readMemoryCgroup, readMemoryRoom } from './cgroup.ts';
import { parseStat } from './process.ts';
import { parseSmaps } from './smaps.ts';

export type LookTarget = { pid: number; startTicks: number };

/**
 * T0: a look at a process from outside, which a stuck interpreter can't hinder. Bytes; `at` in epoch milliseconds.
 * smaps take about 40 ms a gigabyte of RSS; no lock of Python is needed for them.
 * A Failure when the process has ended, or its pid has gone to another one (`startTicks` differ).
 */
export async function lookFromOutside(target: LookTarget, root = '/proc'): Promise<Outcome<OutsideLook>> {
  const dir = `${root}/${target.pid}`;
  const cgroup = readMemoryCgroup(target.pid);
  const [status, smaps, openFiles, threadStates, memoryPressureRatio] = await Promise.all([
    readText(`${dir}/status`),
    readText(`${dir}/smaps`),
    countOpenFiles(dir),
    readThreadStates(dir),
    readPressure(cgroup, root),
  ]);
  // After its memory: one that began to exit meanwhile gave some of it back already.
  const stat = await readText(`${dir}/stat`);
  const rest = { threadStates, memoryPressureRatio, room: cgroup === null ? null : readMemoryRoom(cgroup) };
  return toOutsideLook(target, { stat, status, smaps, openFiles }, rest);
}

/** Texts of /proc/PID; null: it can't be read. `smaps` may have been cut to its headers and the lines Rss and Swap. */
export type ProcTexts = {
  stat: string | null;
  status: string | null;
  smaps: string | null;
  openFiles: number | null;
};

const NOT_SEEN = { threadStates: null, memoryPressureRatio: null, room: null };

/** T0 from what was read, here or by a relay: there without cgroups, pressure and states of threads. */
export function toOutsideLook(
  target: LookTarget,
  { stat, status, smaps, openFiles }: ProcTexts,
  rest: Pick<OutsideLook, keyof typeof NOT_SEEN> = NOT_SEEN,
): Outcome<OutsideLook> {
  const process = stat === null ? null : parseStat(stat);
  if (process === null || process.startTicks !== target.startTicks || process.state === 'Z' || process.isExiting)
    return ended(target);
  // Empty for a process whose memory is gone already, and for kernel threads.
  const mappings = smaps === null || smaps === '' ? null : parseSmaps(smaps);
  const rssBytes = mappings === null ? vmRss(status) : sumOf(mappings);
  if (rssBytes === null) return ended(target);
  const { state, threads, minorFaults, majorFaults, stackStart } = process;
  const faults = { minorFaults, majorFaults };
  return ok({ at: Date.now(), rssBytes, mappings, state, threads, openFiles, ...faults, stackStart, ...rest });
}

function ended({ pid }: LookTarget): Outcome<OutsideLook> {
  return inconclusive(
    'upstream',
    `process ${pid} has ended, or its pid belongs to another one now`,
    'ask again: another instance will be looked at',
  );
}

function vmRss(status: string | null): number | null {
  const match = status === null ? null : /^VmRSS:\s+(\d+) kB$/m.exec(status);
  return match === null ? null : Number(match[1]) * 1024;
}

function sumOf(mappings: NonNullable<OutsideLook['mappings']>): number {
  return mappings.anonymousBytes + mappings.fileBytes + mappings.stackBytes + mappings.sharedBytes;
}

async function countOpenFiles(dir: string): Promise<number | null> {
  try {
    return (await readdir(`${dir}/fd`)).length;
  } catch {
    return null;
  }
}

/** States of threads are read for so many of them: a process with more has other troubles. */
const MOST_THREADS = 1000;

/** Threads by the kernel's letter: R, S, D, T. Null when they can't be read. */
async function readThreadStates(dir: string): Promise<Record<string, number> | null> {
  const names = await readdir(`${dir}/task`).catch(() => null);
  if (names === null) return null;
  const states: Record<string, number> = {};
  for (const name of names.slice(0, MOST_THREADS)) {
    const state = parseStat((await readText(`${dir}/task/${name}/stat`)) ?? '')?.state;
    if (state !== undefined) states[state] = (states[state] ?? 0) + 1;
  }
  return states;
}

/** The pressure of the process's own cgroup (v2), else of the whole machine; null on a kernel without PSI. */
async function readPressure(cgroup: MemoryCgroup | null, root: string): Promise<number | null> {
  const own = cgroup?.version === 2 ? await readText(`${cgroup.path}/memory.pressure`) : null;
  const text = own ?? (await readText(`${root}/pressure/memory`));
  const match = text === null ? null : /^some avg10=([\d.]+)/m.exec(text);
  return match === null ? null : Number(match[1]) / 100;
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
}
