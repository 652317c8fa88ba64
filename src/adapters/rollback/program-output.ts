/** What a program wrote, in a file of its own directory: bounded, and only its end is quoted. */
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** More is no report any more; the disk of the collector is not the program's. */
export const MAX_OUTPUT_BYTES = 16 * 2 ** 20;
const TAIL_BYTES = 2000;
const MAX_QUOTE = 200;

export async function sizeOfOutput(directory: string): Promise<number> {
  return await stat(join(directory, 'output')).then(
    ({ size }) => size,
    () => 0,
  );
}

/** The last line that says something, cut to 200 characters; empty: none, or the file is gone. */
export async function tailOfOutput(directory: string): Promise<string> {
  const file = await open(join(directory, 'output'), 'r').catch(() => null);
  if (file === null) return '';
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(TAIL_BYTES),
      position: Math.max(0, size - TAIL_BYTES),
    });
    return lastLine(buffer.subarray(0, bytesRead).toString('utf8'));
  } finally {
    await file.close();
  }
}

export async function removeOutput(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}

/** The last line of a text that is not empty, without control characters. */
export function lastLine(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.replaceAll(/\p{Cc}/gu, ' ').trim())
    .filter((line) => line !== '');
  return Array.from(lines.at(-1) ?? '')
    .slice(0, MAX_QUOTE)
    .join('');
}
