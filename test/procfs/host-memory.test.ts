import { totalmem } from 'node:os';
import { expect, test } from 'vitest';
import { parseMemInfo, readHostMemory } from '../../src/adapters/procfs/host-memory.ts';

test('this machine has as much memory as Node says, and less of it is available', () => {
  const memory = readHostMemory();
  expect(memory?.totalBytes).toBe(totalmem());
  expect(memory?.availableBytes).toBeGreaterThan(0);
  expect(memory?.availableBytes).toBeLessThan(totalmem());
});

test('a kernel that does not tell what is available tells nothing', () => {
  expect(parseMemInfo('MemTotal:       16000 kB\nMemAvailable:    400 kB\n')).toEqual({
    availableBytes: 409_600,
    totalBytes: 16_384_000,
  });
  expect(parseMemInfo('MemTotal:       16000 kB\nMemFree:    400 kB\n')).toBeNull();
});
