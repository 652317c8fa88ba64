import { loadavg } from 'node:os';
import type { Python } from '../../test/support/pythons.ts';

/** One line of the table at the end. `told`: what was measured, with its spread. `isMet: null`: for comparison only. */
export type Goal = { goal: string; isMet: boolean | null; told: string };

/** A part of the benchmark. It prints what it sees on the way, and returns its lines of the table. */
export type Phase = (pythons: readonly Python[]) => Promise<Goal[]>;

export function printTable(goals: readonly Goal[]): void {
  const width = Math.max(...goals.map(({ goal }) => goal.length));
  for (const { goal, isMet, told } of goals)
    console.log(`${isMet === null ? '      ' : isMet ? 'met   ' : 'MISSED'}  ${goal.padEnd(width)}  ${told}`);
}

/** Processes that want a core, means over 1 and 5 minutes: figures of a loaded machine are to be read with it. */
export function load(): string {
  const [one = 0, five = 0] = loadavg();
  return `load ${one.toFixed(1)}, ${five.toFixed(1)}`;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** `median (least to most)`, with one decimal. */
export function spread(values: readonly number[]): string {
  return `${median(values).toFixed(1)} (${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)})`;
}

/** Of a few at a time; results in the order of the items. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  async function takeTurns(): Promise<void> {
    for (const [index, item] of queue) results[index] = await work(item);
  }
  await Promise.all(Array.from({ length: width }, takeTurns));
  return results;
}
