import type { Redis } from 'ioredis';
import type { QueuedSnapshots } from '../adapters/bullmq/snapshot-queue-taker.ts';
import { type BaselineStore, createBaselineStore } from '../adapters/redis/baseline-store.ts';
import type { Config } from '../config/config.ts';

export type BaselineParts = {
  redis: Redis;
  prefix: string;
  config: Config;
  snapshots: Pick<QueuedSnapshots, 'requestCensus'>;
};

/**
 * The store of baselines; whoever sets one also asks the service's site for a census of a healthy process, which comes
 * later and is best effort: it is what a look is compared with where no healthy sibling runs.
 */
export function openBaselines({ redis, prefix, config, snapshots }: BaselineParts): BaselineStore {
  const store = createBaselineStore({ redis, prefix });
  return {
    ...store,
    async set(baseline) {
      await store.set(baseline);
      const { service, release, recordedAt } = baseline;
      const site = config.services.get(service)?.site;
      if (site !== undefined) await snapshots.requestCensus({ site, service, release, recordedAt }).catch(() => {});
    },
  };
}
