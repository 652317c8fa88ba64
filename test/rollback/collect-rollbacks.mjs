// A collector that takes the rollback orders of a site and dies by SIGKILL at one point of an act: the last argument.
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRollbackWorker } from '../../dist/adapters/bullmq/rollback-queue-worker.js';
import { createRollbackLedger } from '../../dist/adapters/redis/rollback-ledger.js';
import { createCommandExecutor } from '../../dist/adapters/rollback/command.js';
import { actOnce } from '../../dist/mitigation/act-once.js';

const [path, prefix, dir, point] = process.argv.slice(2);
const dieAt = (name) => {
  if (name === point) process.kill(process.pid, 'SIGKILL');
};
const redis = new Redis({ path, maxRetriesPerRequest: null });
const executor = createCommandExecutor({ argv: [join(dir, 'rollback'), dir], environment: { PATH: process.env.PATH } });
const ledger = createRollbackLedger(redis, prefix);

startRollbackWorker({
  connection: redis,
  prefix,
  site: 'local',
  lockMs: 1000,
  dryRun: (order, signal) => executor.dryRun(order, signal),
  async act(order, { signal, progress }) {
    const end = await actOnce(order, {
      executor: {
        ...executor,
        dryRun: async (...args) => {
          dieAt('before the intent');
          return await executor.dryRun(...args);
        },
        act: async (asked, context) => {
          dieAt('after the intent');
          const write = async (text) => {
            await context.receipt.write(text);
            dieAt('right before it acts');
          };
          const done = await executor.act(asked, { ...context, receipt: { ...context.receipt, write } });
          dieAt('after the act');
          return done;
        },
      },
      ledger: {
        ...ledger,
        end: async (...args) => {
          const stored = await ledger.end(...args);
          dieAt('after the result');
          return stored;
        },
      },
      signal,
      progress: (text) => {
        progress(text);
        if (text.startsWith('runs ')) dieAt('in the act');
      },
      now: Date.now,
    });
    return end;
  },
  onError: (error) => console.error(error.message),
});
process.stdout.write('ready');
