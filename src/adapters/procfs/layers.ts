import { readdir, readFile } from 'node:fs/promises';
import type { OutsideLook } from '../../analysis/look.ts';
import { inconclusive, type Outcome, ok } from '../../errors.ts';
import { parseSmaps } from './smaps.ts';

export type LookTarget = { pid: number; startTicks: number };

/**
 * T0: a look at a process from outside, which a stuck interpreter can't hinder. Bytes; `at` in epoch milliseconds.
 * smaps take about 40 ms a gigabyte of RSS; no lock of Python is needed for them.
 * A Failure when the process has ended, or its pid has gone to another one (`startTicks` differ).
 */
export async function lookFromOutside(target: LookTarget, root = '/proc'): Promise<Outcome<OutsideLook>> {
  const dir = `${root}/${target.pid}`;
  const [stat, status, mappings, openFiles, memoryPressureRatio] = await Promise.all([
    readText(`${dir}/stat`),
    readText(`${dir}/status`),
    readMappings(dir),
    countOpenFiles(dir),
    readPressure(dir, root),
  ]);
  const process = stat === null ? null : parseStat(stat);
  if (process === null || process.startTicks !== target.startTicks || process.state === 'Z') return ended(target);
  const rssBytes = mappings === null ? vmRss(status) : sumOf(mappings);
  if (rssBytes === null) return ended(target);
  const { state, threads, minorFaults, majorFaults } = process;
  const faults = { minorFaults, majorFaults };
  return ok({ at: Date.now(), rssBytes, mappings, threads, state, openFiles, ...faults, memoryPressureRatio });
}

function ended({ pid }: LookTarget): Outcome<OutsideLook> {
  return inconclusive(
    'upstream',
    `process ${pid} has ended, or its pid belongs to another one now`,
    'ask again: another instance will be looked at',
  );
}

type Stat = { state: string; threads: number; startTicks: number; minorFaults: number; majorFaults: number };

/** Fields of proc(5): 3 state, 10 minflt, 12 majflt, 20 num_threads, 22 starttime; the name may hold parentheses. */
function parseStat(text: string): Stat | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const numbers = [7, 9, 17, 19].map((i) => Number(fields[i]));
  const [minorFaults = Number.NaN, majorFaults = 0, threads = 0, startTicks = 0] = numbers;
  return numbers.some(Number.isNaN) ? null : { state: fields[0] ?? '?', threads, startTicks, minorFaults, majorFaults };
}

function vmRss(status: string | null): number | null {
  const match = status === null ? null : /^VmRSS:\s+(\d+) kB$/m.exec(status);
  return match === null ? null : Number(match[1]) * 1024;
}

function sumOf(mappings: NonNullable<OutsideLook['mappings']>): number {
  return mappings.anonymousBytes + mappings.fileBytes + mappings.stackBytes + mappings.sharedBytes;
}

async function readMappings(dir: string) {
  const text = await readText(`${dir}/smaps`);
  // Empty for a process whose memory is gone already, and for kernel threads.
  return text === null || text === '' ? null : parseSmaps(text);
}

async function countOpenFiles(dir: string): Promise<number | null> {
  try {
    return (await readdir(`${dir}/fd`)).length;
  } catch {
    return null;
  }
}

/** The pressure of the process's own cgroup (v2), else of the whole machine; null on a kernel without PSI. */
async function readPressure(dir: string, root: string): Promise<number | null> {
  const groups = await readText(`${dir}/cgroup`);
  const path = groups
    ?.split('\n')
    .find((line) => line.startsWith('0::'))
    ?.slice(3);
  const own = path === undefined ? null : await readText(`/sys/fs/cgroup${path}/memory.pressure`);
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
