import type { Prometheus } from '../adapters/prometheus/prometheus.ts';
import type { ServiceMemory } from '../analysis/memory.ts';
import type { Service } from '../config/config.ts';
import { type Outcome, ok } from '../errors.ts';
import type { MemorySource } from '../triage/ports.ts';

/**
 * Where the series of a service come from: Prometheus where its configuration has a query for RSS, else the collector.
 * When Prometheus can't answer and the service has sockets, the collector's own samples stand in; the report names the
 * source. Traffic comes from Prometheus beside either; without it the memory is told all the same, and that it is missing.
 */
export function chooseMemorySource(
  config: { services: ReadonlyMap<string, Pick<Service, 'metrics' | 'sockets'>> },
  prometheus: (MemorySource & Pick<Prometheus, 'readTraffic'>) | null,
  collector: MemorySource,
): MemorySource {
  async function readSeries(
    service: string,
    sinceSeconds: number,
    signal: AbortSignal,
  ): Promise<Outcome<ServiceMemory>> {
    const configured = config.services.get(service);
    if (prometheus === null || configured?.metrics?.rss == null) {
      return await collector.readMemory(service, sinceSeconds, signal);
    }
    const answer = await prometheus.readMemory(service, sinceSeconds, signal);
    if (answer.outcome === 'ok' || configured.sockets === null) return answer;
    const standIn = await collector.readMemory(service, sinceSeconds, signal);
    if (standIn.outcome !== 'ok') return answer;
    return ok({ ...standIn.value, sourceNote: `${answer.why}; the collector's samples stand in` });
  }

  return {
    async readMemory(service, sinceSeconds, signal) {
      const [memory, traffic] = await Promise.all([
        readSeries(service, sinceSeconds, signal),
        prometheus?.readTraffic(service, sinceSeconds, signal) ?? null,
      ]);
      if (memory.outcome !== 'ok' || traffic === null) return memory;
      if (traffic.outcome === 'ok') return ok({ ...memory.value, traffic: traffic.value });
      const notes = [memory.value.sourceNote, `metrics.traffic: ${traffic.why}`];
      return ok({ ...memory.value, sourceNote: notes.filter((note) => note !== undefined).join('; ') });
    },
  };
}
