/** The collector's side of rollbacks: takes the orders of its site and carries each out once. */
import { startRollbackWorker } from '../adapters/bullmq/rollback-queue-worker.ts';
import { createRollbackLedger } from '../adapters/redis/rollback-ledger.ts';
import { removeStaleOutputs } from '../adapters/rollback/program-output.ts';
import { failed, messageOf, type Outcome } from '../errors.ts';
import { actOnce } from '../mitigation/act-once.ts';
import { type RollbackExecutor, type RollbackOrder, untouched } from '../mitigation/executor.ts';
import { chooseExecutor } from './executors.ts';
import type { World } from './world.ts';

/** From now on, until the world is closed. What is under way then is left to the next collector. */
export function startRollingBack({ config, environment, redis, logger, closers }: World, site: string): void {
  const ledger = createRollbackLedger(redis.command(), redis.prefix);

  async function executorOf({ service }: RollbackOrder): Promise<Outcome<RollbackExecutor>> {
    const known = config.services.get(service);
    if (known?.site === site) return await chooseExecutor(known, environment, config.kubernetes?.context ?? null);
    const cure = 'Run bot and collector with the same configuration';
    return failed('operator', `the collector of site ${site} knows no service ${service} of its site`, cure);
  }

  removeStaleOutputs(Date.now()).then(
    (count) => count > 0 && logger.info({ count }, 'removed what killed collectors left of programs that roll back'),
    (error: unknown) => logger.warn({ why: messageOf(error) }, 'what killed collectors left behind was not looked for'),
  );
  const worker = startRollbackWorker({
    connection: redis.blocking(),
    prefix: redis.prefix,
    site,
    async dryRun(order, signal) {
      const executor = await executorOf(order);
      if (executor.outcome === 'ok') return await executor.value.dryRun(order, signal);
      return { outcome: executor, managedBy: null, isRollingOut: null };
    },
    async act(order, { signal, progress }) {
      const executor = await executorOf(order);
      if (executor.outcome !== 'ok') {
        // Somebody with another configuration may have begun it: then nobody here can tell what was changed.
        if (await ledger.isIntended(order.key)) throw new Error(executor.why);
        return untouched(`${executor.why}; nothing was changed. ${executor.tryThis}`);
      }
      const fields = { incidentId: order.incident, service: order.service, from: order.from, to: order.to };
      logger.info(fields, 'a rollback was ordered');
      const end = await actOnce(order, { executor: executor.value, ledger, signal, progress, now: Date.now });
      logger.info({ ...fields, end }, 'a rollback ended');
      return end;
    },
    onError: (error) => logger.warn({ why: messageOf(error) }, 'a rollback job failed and is tried again'),
  });
  closers.add('rollback worker', worker.close);
}
