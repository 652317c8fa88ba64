import { boundSnapshot } from '../adapters/bullmq/snapshot-bound.ts';
import { createLastLooks } from '../adapters/redis/last-looks.ts';
import { createLastGasp, type LastGasp } from '../collector/last-gasp.ts';
import type { CollectorOptions } from './collector.ts';

/** Between the two looks, seconds: whoever is near a limit may not have longer. */
const WINDOW_SECONDS = 2;

/** Looks of the collector that nobody asks for, into what comes near its limit. */
export function openLastGasp(options: CollectorOptions): LastGasp {
  const { redis, prefix, services, probe, logger, signal, now = Date.now } = options;
  const known = new Map(services.map((service) => [service.name, service]));
  const looks = createLastLooks(redis, prefix);
  return createLastGasp({
    limitOf: (service) => known.get(service)?.limitBytes ?? null,
    isWanted: (service) => known.get(service)?.nearLimit ?? true,
    look(target, context) {
      const windowSeconds = Math.min(WINDOW_SECONDS, known.get(target.service)?.windowSeconds ?? WINDOW_SECONDS);
      return probe.lookTwice(target, {
        windowSeconds,
        attachIn: null,
        fork: false,
        sibling: null,
        ...context,
      });
    },
    save: (service, { snapshot, ...look }) => looks.save(service, { ...look, snapshot: boundSnapshot(snapshot) }),
    now,
    logger,
    signal,
  });
}
