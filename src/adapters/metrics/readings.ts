import { Gauge, type Registry } from 'prom-client';

/** What is read at the moment of a scrape. Null and absent: it could not be read, and no series is shown, never 0. */
export type Readings = {
  /** Null: Redis does not answer. */
  redisPingSeconds: number | null;
  queues: readonly { queue: string; jobs: Readonly<Record<string, number>>; oldestSeconds: number | null }[];
  /** Threads that are wanted and not yet at Slack; the age of the oldest wish, null without one. */
  outbox: { threads: number; oldestSeconds: number | null } | null;
  sites: readonly SiteReading[];
  incidents: Readonly<Record<string, number>>;
  /** Since a job went through the triage queue and back; null: none was sent yet. */
  pulseAgeSeconds: number | null;
};

export type SiteReading = {
  site: string;
  isAlive: boolean;
  collectors: number;
  /** Since samples of the site were last stored, the slowest collector; null: none told. */
  lagSeconds: number | null;
  processes: number;
  droppedSamples: number;
  residentBytes: number | null;
};

/** The gauges of readings; what it returns sets them all, and takes away what is not there any more. */
export function readingGauges(registers: Registry[]): (readings: Readings) => void {
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `memtriage_${name}`, help, labelNames, registers });
  const redisUp = gauge('redis_up', 'Whether Redis answers this bot.');
  const optional = {
    redisPing: gauge('redis_ping_seconds', 'Time that Redis took to answer a PING.'),
    jobs: gauge('queue_jobs', 'Jobs by queue and state.', ['queue', 'state']),
    oldest: gauge('queue_oldest_job_age_seconds', 'Age of the oldest job that waits for a worker.', ['queue']),
    threads: gauge('outbox_threads', 'Threads that are not yet at Slack as they are wanted.'),
    oldestThread: gauge('outbox_oldest_age_seconds', 'Age of the oldest wish that is not at Slack.'),
    incidents: gauge('incidents', 'The newest 1,000 incidents by state.', ['state']),
    pulse: gauge('pulse_age_seconds', 'Since a job of this bot last went through the triage queue and back.'),
    siteUp: gauge('collector_up', 'Whether a collector serves the site.', ['site']),
    collectors: gauge('collectors', 'Collectors that sample the site.', ['site']),
    lag: gauge('sampler_lag_seconds', 'Since samples of the site were last stored.', ['site']),
    processes: gauge('sampled_processes', 'Processes of the site that are sampled.', ['site']),
    dropped: gauge('dropped_samples', 'Samples lost since the collectors started.', ['site']),
    resident: gauge('collector_resident_memory_bytes', 'RSS of the largest collector of the site.', ['site']),
  };
  const plain = [optional.redisPing, optional.threads, optional.oldestThread, optional.pulse];
  return (readings) => {
    for (const one of Object.values(optional)) one.reset();
    // Reset, a gauge without labels shows 0.
    for (const one of plain) one.remove();
    redisUp.set(readings.redisPingSeconds === null ? 0 : 1);
    setKnown(optional.redisPing, readings.redisPingSeconds);
    setKnown(optional.pulse, readings.pulseAgeSeconds);
    if (readings.outbox !== null) optional.threads.set(readings.outbox.threads);
    if (readings.outbox !== null) optional.oldestThread.set(readings.outbox.oldestSeconds ?? 0);
    for (const { queue, jobs, oldestSeconds } of readings.queues) {
      for (const [state, count] of Object.entries(jobs)) optional.jobs.set({ queue, state }, count);
      optional.oldest.set({ queue }, oldestSeconds ?? 0);
    }
    for (const [state, count] of Object.entries(readings.incidents)) optional.incidents.set({ state }, count);
    for (const one of readings.sites) showSite(one, optional);
  };
}

type SiteGauges = Record<'siteUp' | 'collectors' | 'lag' | 'processes' | 'dropped' | 'resident', Gauge>;

function showSite(one: SiteReading, gauges: SiteGauges): void {
  const { site } = one;
  gauges.siteUp.set({ site }, one.isAlive ? 1 : 0);
  if (one.collectors === 0) return;
  gauges.collectors.set({ site }, one.collectors);
  gauges.processes.set({ site }, one.processes);
  gauges.dropped.set({ site }, one.droppedSamples);
  if (one.lagSeconds !== null) gauges.lag.set({ site }, one.lagSeconds);
  if (one.residentBytes !== null) gauges.resident.set({ site }, one.residentBytes);
}

function setKnown(gauge: Gauge, value: number | null): void {
  if (value !== null) gauge.set(value);
}
