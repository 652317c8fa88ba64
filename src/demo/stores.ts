import { setTimeout as wait } from 'node:timers/promises';
import { createBaselineStore } from '../adapters/redis/baseline-store.ts';
import { openRedis } from '../adapters/redis/connection.ts';
import { createIncidentBook } from '../adapters/redis/incident-book.ts';
import { CommandError, EXIT_UNAVAILABLE } from '../errors.ts';
import { createLogger } from '../main/logging.ts';
import type { Closers } from '../main/shutdown.ts';
import { baselineLine } from '../report/baseline-text.ts';
import { Report } from '../report/report.ts';

const POLL_MS = 250;

export type DemoStores = {
  /** The recorded baseline as a line. */
  waitForBaseline(service: string, seconds: number, signal: AbortSignal): Promise<string>;
  waitForReport(service: string, seconds: number, signal: AbortSignal): Promise<Report>;
};

/** The demonstration watches the same stores that bot and collector write: the embedded Redis beside its configuration. */
export async function openStores(configDir: string, closers: Closers): Promise<DemoStores> {
  const redis = await openRedis({ url: null, configDir, logger: createLogger({ level: 'warn' }) });
  closers.add('redis', redis.close);
  const baselines = createBaselineStore({ redis: redis.command(), prefix: redis.prefix });
  const incidents = createIncidentBook(redis.command(), redis.prefix, Date.now);
  return {
    waitForBaseline: (service, seconds, signal) =>
      poll('no baseline was recorded', seconds, signal, async () => {
        const baseline = await baselines.current(service);
        return baseline === null ? null : baselineLine(baseline);
      }),
    waitForReport: (service, seconds, signal) =>
      poll('no report came', seconds, signal, async () => {
        const incident = (await incidents.recent(10)).find((each) => each.service === service);
        const json = incident === undefined ? null : await incidents.reportJson(incident.id);
        return json === null ? null : Report.parse(JSON.parse(json));
      }),
  };
}

async function poll<T>(what: string, seconds: number, signal: AbortSignal, look: () => Promise<T | null>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    const found = await look();
    if (found !== null) return found;
    await wait(POLL_MS, undefined, { signal });
  }
  throw new CommandError(
    EXIT_UNAVAILABLE,
    `${what} within ${seconds} s`,
    'Read bot.log and collector.log in demo-report.',
  );
}
