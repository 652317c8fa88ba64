import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Every wait is on a condition with a deadline of its own; these only end a test that hangs on a busy machine.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    // Two cores: more workers than that only make real processes wait for each other.
    maxWorkers: 2,
    // Within a file that runs its tests side by side: each starts several processes.
    maxConcurrency: 3,
  },
});
