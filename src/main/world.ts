/** What every role and one-shot command that knows a configuration starts from: opened once, closed once. */
import { createPrometheus } from '../adapters/prometheus/prometheus.ts';
import { collectorMemory } from '../adapters/redis/collector-memory.ts';
import { openRedis } from '../adapters/redis/connection.ts';
import { createDeployBook } from '../adapters/redis/deploy-book.ts';
import { patiently } from '../adapters/redis/patiently.ts';
import { ensureSchema } from '../adapters/redis/schema-version.ts';
import type { DeskWorld } from '../desks/desk-world.ts';
import { CommandError, EXIT_USAGE } from '../errors.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { loadConfig } from './load-config.ts';
import { createLogger } from './logging.ts';
import { chooseMemorySource } from './memory-source.ts';
import { withNodeRooms } from './node-rooms.ts';
import { type Closers, createClosers } from './shutdown.ts';
import { withToldDeploys } from './told-deploys.ts';

export type World = DeskWorld & {
  environment: Environment;
  closers: Closers;
};

/** Reads environment and configuration, opens Redis and the way to Prometheus. Throws CommandErrors with their cure. */
export async function openWorld(signal: AbortSignal): Promise<World> {
  const environment = readEnvironment();
  const config = await loadConfig(environment);
  const logger = createLogger({ level: environment.logLevel, secrets: environment.secrets });
  const closers = createClosers();
  const redis = await openRedis({ url: environment.redisUrl?.reveal() ?? null, configDir: config.directory, logger });
  closers.add('redis', redis.close);
  await patiently(() => ensureSchema(redis.command(), redis.prefix, logger), logger).catch(async (error: unknown) => {
    await redis.close();
    throw error;
  });
  const prometheus =
    config.prometheus === null
      ? null
      : createPrometheus({ url: config.prometheus.url, services: config.services, logger });
  const collected = collectorMemory({
    redis: redis.command(),
    prefix: redis.prefix,
    keepSeconds: config.sampling.keepSeconds,
    services: config.services,
  });
  return {
    environment,
    config,
    logger,
    redis,
    prometheus,
    memory: withToldDeploys(
      withNodeRooms(chooseMemorySource(config, prometheus, collected), config, {
        redis: redis.command(),
        prefix: redis.prefix,
      }),
      createDeployBook(redis.command(), redis.prefix),
      Date.now,
    ),
    closers,
    signal,
    requireService(name) {
      const service = config.services.get(name);
      if (service !== undefined) return service;
      const known = [...config.services.keys()].join(', ');
      throw new CommandError(EXIT_USAGE, `no service is called ${name}`, `Those of the configuration: ${known}.`);
    },
  };
}
