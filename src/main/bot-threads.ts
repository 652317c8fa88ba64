import { createOutbox, type Outbox } from '../adapters/slack/outbox.ts';
import { startOutboxWorker } from '../adapters/slack/outbox-worker.ts';
import { createAddresses } from '../desks/addresses.ts';
import { createEarlierCase } from '../desks/earlier-case.ts';
import type { RootParts } from '../desks/refresh-thread.ts';
import { createRootParts } from '../desks/root-parts.ts';
import type { UmbrellaDesk } from '../desks/umbrella-desk.ts';
import type { Keepers } from './bot-keepers.ts';
import { openUmbrellas } from './start-umbrellas.ts';
import type { World } from './world.ts';

export type Threads = { outbox: Outbox; umbrellas: UmbrellaDesk; rootParts: RootParts };

/** The threads as they are wanted, and the worker that brings Slack to them. `refresh`: of what becomes of an incident. */
export async function openThreads(
  world: World,
  keepers: Keepers,
  refresh: (incidentId: string) => Promise<void>,
): Promise<Threads> {
  const { logger, redis, closers } = world;
  const { web, linkTo, observing } = keepers;
  const connection = redis.command();
  const { prefix } = redis;
  const rootParts = createRootParts({
    ...keepers,
    umbrellaPart: (incident) => umbrellas.part(incident),
    earlierCase: (incident) => earlierCase(incident),
  });
  const outbox = createOutbox({ redis: connection, connection, prefix, web, logger, rootParts, linkTo });
  closers.add('outbox', outbox.close);
  const addressOf = createAddresses(outbox.permalink);
  const earlierCase = createEarlierCase(addressOf);
  const umbrellas = openUmbrellas({ world, ...keepers, outbox, addressOf, refresh });
  const delivery = await startOutboxWorker({
    redis: connection,
    queueConnection: connection,
    workerConnection: redis.blocking(),
    prefix,
    web,
    logger,
    onTold: observing.onTold,
    onRootPosted(id) {
      observing.onTold([id]);
      umbrellas
        .onRootPosted(id)
        .catch((err: unknown) => logger.debug({ err, id }, 'links to it come with the next look'));
    },
  });
  closers.add('outbox worker', delivery.close);
  return { outbox, umbrellas, rootParts };
}
