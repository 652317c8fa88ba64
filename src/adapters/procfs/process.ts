import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { kernelUnits } from './kernel-units.ts';

/** One process as /proc tells it. Nothing here needs the process to run: a stopped or stuck one reads the same. */
export type ProcessReading = {
  pid: number;
  ppid: number;
  /** Start time in clock ticks since boot: with the pid, unique until the next boot. */
  startTicks: number;
  /** Epoch seconds; follows the wall clock, so it moves by the size of a clock step. */
  startedAt: number;
  rssBytes: number;
  /** Resident anonymous memory: what is left of RSS without file and shared pages. */
  anonymousBytes: number;
};

/**
 * Reads one process; null when it is gone, a zombie, or not visible to us.
 *
 * RSS is the kernel's batched counter, off by 0.2 to 2 % (split per-CPU counters, proc(5)): good for a series, not for a
 * ledger. Reads are synchronous on purpose: /proc/PID/stat and statm take no lock of the target's, and two of them cost
 * 30 us, against 200 us through the thread pool of fs.promises.
 */
export function readProcess(pid: number): ProcessReading | null {
  try {
    // statm first: when stat then shows the start time that was expected, both were of that process.
    const statm = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ');
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    if (stat === null || stat.state === 'Z' || stat.state === 'X') return null;
    const resident = Number(statm[1]);
    const shared = Number(statm[2]);
    return {
      pid,
      ppid: stat.ppid,
      startTicks: stat.startTicks,
      startedAt: bootEpochSeconds() + stat.startTicks / kernelUnits.ticksPerSecond,
      rssBytes: resident * kernelUnits.pageBytes,
      anonymousBytes: Math.max(0, resident - shared) * kernelUnits.pageBytes,
    };
  } catch {
    return null;
  }
}

/**
 * Effective uid of the process; null when it is gone. The owner of its files in /proc is another one where the process is
 * not dumpable, as after every setuid(): root.
 */
export function readOwner(pid: number): number | null {
  try {
    const match = /^Uid:\t\d+\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return match === null ? null : Number(match[1]);
  } catch {
    return null;
  }
}

/**
 * One variable of the environment that the process was started with; null when unset or not readable for us.
 * Not synchronous: it takes a lock of the target's address space, and a target stuck in the kernel would hold us up.
 */
export async function readStartVariable(pid: number, name: string): Promise<string | null> {
  try {
    const entry = (await readFile(`/proc/${pid}/environ`, 'utf8'))
      .split('\0')
      .find((variable) => variable.startsWith(`${name}=`));
    return entry?.slice(name.length + 1) ?? null;
  } catch {
    return null;
  }
}

/** PF_EXITING of the kernel's include/linux/sched.h: its memory is being given back, so that its RSS tells nothing. */
const EXITING = 0x4;

export type ProcessStat = {
  state: string;
  /** It has ended but for the kernel's own work. */
  isExiting: boolean;
  ppid: number;
  minorFaults: number;
  majorFaults: number;
  threads: number;
  startTicks: number;
  /** Where its stack begins, another address with each program that it runs; null: we may not see it. */
  stackStart: number | null;
};

/** Fields of /proc/PID/stat. The name in parentheses may hold anything, `)` and newlines too: fields count from the last `)`. */
export function parseStat(text: string): ProcessStat | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // Numbers of the fields in proc(5), whose third is the first here.
  const [state, ...numbers] = [3, 4, 9, 10, 12, 20, 22, 28].map((field) => fields[field - 3]);
  const [ppid, flags, minorFaults, majorFaults, threads, startTicks, stack] = numbers.map(Number);
  if (state === undefined || !isWhole(ppid) || !isWhole(startTicks)) return null;
  if (!isWhole(minorFaults) || !isWhole(majorFaults) || !isWhole(threads)) return null;
  const isExiting = isWhole(flags) && (flags & EXITING) !== 0;
  const stackStart = isWhole(stack) && stack > 0 ? stack : null;
  return { state, isExiting, ppid, minorFaults, majorFaults, threads, startTicks, stackStart };
}

function isWhole(value: number | undefined): value is number {
  return value !== undefined && Number.isInteger(value);
}

function bootEpochSeconds(): number {
  const uptimeSeconds = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);
  return Date.now() / 1000 - uptimeSeconds;
}
