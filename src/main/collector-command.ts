import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { createAlertQueue } from '../adapters/bullmq/alert-queue.ts';
import { toChildKillAlert, toKillAlert } from '../alert/kill-alert.ts';
import type { Config } from '../config/config.ts';
import { CommandError, EXIT_CONFIG, EXIT_USAGE, messageOf } from '../errors.ts';
import { type CollectorOptions, type FarLookContext, runCollector } from './collector.ts';
import { farEnvironment } from './environment.ts';
import { createFarRelay, lookAcross } from './far-access.ts';
import { nodeRoomsOf } from './node-rooms.ts';
import { probeAccess } from './probe-access.ts';
import { startRollingBack } from './rolling-back.ts';
import { signalOfStop } from './shutdown.ts';
import { startWatchingPods } from './watching-pods.ts';
import { openWorld, type World } from './world.ts';

/** `memtriage collector [--site NAME]`. Reaches the targets of its site; needs and uses no Slack token. */
export async function collectorCommand(args: readonly string[]): Promise<number> {
  const site = readSite(args);
  const world = await openWorld(signalOfStop());
  try {
    if (world.environment.slackBotToken !== null) {
      world.logger.warn('a Slack token is in the environment of the collector: it is not used, take it away');
    }
    const alerts = createAlertQueue(world.redis.command(), world.redis.prefix);
    world.closers.add('alert queue', alerts.close);
    startRollingBack(world, site);
    await startWatchingPods(world, site, alerts.add);
    await runCollector({
      ...collectorOptions(world, site),
      nodeRooms: nodeRoomsOf(world.config, site),
      announceKills: (service, kills) => alerts.add(kills.map((kill) => toKillAlert(service, kill, hostname()))),
      announceChildKill: (service, at) => alerts.add([toChildKillAlert(service, at)]),
    });
  } finally {
    for (const failure of await world.closers.closeAll()) world.logger.error(failure, 'did not close in order');
  }
  return 0;
}

/** What the collector of a site needs of the world. Throws a CommandError (78) when the site has no service. */
export function collectorOptions({ config, redis, logger, signal }: World, site: string): CollectorOptions {
  const far = farLooks(config, site);
  const services = [...config.services.values()].flatMap(
    ({ name, site: own, sockets, snapshot, limitBytes, transport }) =>
      own === site && sockets !== null && transport === null
        ? [
            {
              name,
              sockets,
              windowSeconds: snapshot.windowSeconds,
              attach: snapshot.attach,
              fork: snapshot.fork,
              nearLimit: snapshot.nearLimit,
              limitBytes,
            },
          ]
        : [],
  );
  const isNeeded = [...config.services.values()].some(
    ({ site: own, rollback }) => own === site && (rollback.via !== null || config.kubernetes?.site === site),
  );
  if (services.length === 0 && far.size === 0 && !isNeeded) {
    throw new CommandError(
      EXIT_CONFIG,
      `no service of site ${site} has a socket directory or a way to roll back, and its pods are not watched: there is nothing to collect`,
      'Give a service `sockets: DIR` or `rollback.via` (and `site` where it is not local), or name another site with --site.',
    );
  }
  return {
    site,
    services,
    far,
    everySeconds: config.sampling.everySeconds,
    keepSeconds: config.sampling.keepSeconds,
    redis: redis.command(),
    queueConnection: redis.blocking(),
    prefix: redis.prefix,
    probe: probeAccess,
    logger,
    signal,
  };
}

/** Services behind a transport, and how they are looked into. */
function farLooks(config: Config, site: string): NonNullable<CollectorOptions['far']> {
  const far = [...config.services.values()].flatMap(({ name, site: own, sockets, snapshot, transport }) => {
    if (own !== site || transport === null || sockets === null) return [];
    const relay = createFarRelay(transport, sockets, farEnvironment());
    const { windowSeconds, fork } = snapshot;
    return [[name, (context: FarLookContext) => lookAcross(relay, { windowSeconds, fork, ...context })] as const];
  });
  return new Map(far);
}

function readSite(args: readonly string[]): string {
  try {
    const { values } = parseArgs({ args: [...args], options: { site: { type: 'string', default: 'local' } } });
    return values.site;
  } catch (error) {
    throw new CommandError(EXIT_USAGE, messageOf(error), 'Use `memtriage collector [--site NAME]`.');
  }
}
