import type { Config } from '../config/config.ts';
import { ok } from '../errors.ts';
import type { MemorySource } from '../triage/ports.ts';

/**
 * Where the series of a service come from: Prometheus where its configuration has a query for RSS, else the collector.
 * When Prometheus can't answer and the service has sockets, the collector's own samples stand in; the report names the source.
 */
export function chooseMemorySource(
  config: Config,
  prometheus: MemorySource | null,
  collector: MemorySource,
): MemorySource {
  return {
    async readMemory(service, sinceSeconds, signal) {
      const configured = config.services.get(service);
      if (prometheus === null || configured?.metrics?.rss == null) {
        return await collector.readMemory(service, sinceSeconds, signal);
      }
      const answer = await prometheus.readMemory(service, sinceSeconds, signal);
      if (answer.outcome === 'ok' || configured.sockets === null) return answer;
      const standIn = await collector.readMemory(service, sinceSeconds, signal);
      if (standIn.outcome !== 'ok') return answer;
      return ok({ ...standIn.value, sourceNote: `${answer.why}; the collector's samples stand in` });
    },
  };
}
