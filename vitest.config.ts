import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Every wait is on a condition with a deadline of its own; these only end a test that hangs on a busy machine.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    // Most tests wait for real processes: on two cores, two workers leave a core idle (1.1 of 2 used, 583 s).
    maxWorkers: 3,
    // The files of a worker share what they import: each had to import Bolt and BullMQ anew, 280 s in all of 1900.
    isolate: false,
    // Within a file that runs its tests side by side: each starts several processes.
    maxConcurrency: 3,
  },
});
