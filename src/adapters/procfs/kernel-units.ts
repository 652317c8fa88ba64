import { readFileSync } from 'node:fs';

/** The kernel's units on this machine, from the auxiliary vector (getauxval(3)): 4 KiB pages are not a given on aarch64. */
export type KernelUnits = { pageBytes: number; ticksPerSecond: number };

const AT_PAGESZ = 6n;
const AT_CLKTCK = 17n;
/** Both types of the vector's entries are machine words; every Linux that memtriage supports has 64-bit ones. */
const ENTRY_BYTES = 16;

export const kernelUnits: KernelUnits = readKernelUnits('/proc/self/auxv');

/** Falls back to 4096 bytes and 100 Hz, the values of every x86-64 Linux, where the vector can't be read. */
export function readKernelUnits(path: string): KernelUnits {
  const units = { pageBytes: 4096, ticksPerSecond: 100 };
  let vector: Buffer;
  try {
    vector = readFileSync(path);
  } catch {
    return units;
  }
  for (let at = 0; at + ENTRY_BYTES <= vector.length; at += ENTRY_BYTES) {
    const type = vector.readBigUInt64LE(at);
    const value = Number(vector.readBigUInt64LE(at + 8));
    if (type === AT_PAGESZ && value > 0) units.pageBytes = value;
    if (type === AT_CLKTCK && value > 0) units.ticksPerSecond = value;
  }
  return units;
}
