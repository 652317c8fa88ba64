import type { Logger } from 'pino';
import type { Prometheus } from '../adapters/prometheus/prometheus.ts';
import type { RedisHandle } from '../adapters/redis/connection.ts';
import type { Config, Service } from '../config/config.ts';
import type { MemorySource } from '../triage/ports.ts';

/** What desks need of the process that they run in: opened, and closed, by its role. */
export type DeskWorld = {
  config: Config;
  logger: Logger;
  redis: RedisHandle;
  prometheus: Prometheus | null;
  memory: MemorySource;
  /** Aborted when the process is asked to stop. */
  signal: AbortSignal;
  /** The configured service; throws a CommandError (64) that names those there are. */
  requireService(name: string): Service;
};
