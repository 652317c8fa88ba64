import { createUmbrellaBook } from '../adapters/redis/umbrella-book.ts';
import { everyTick } from '../collector/ticker.ts';
import { createUmbrellaDesk, type UmbrellaDesk, type UmbrellaDeskParts } from '../desks/umbrella-desk.ts';
import type { World } from './world.ts';

/** So late at the most is shown what nobody told of: the end of an umbrella, and what a bot that died left undone. Seconds. */
const SWEEP_EVERY_SECONDS = 10;

export function openUmbrellas({
  world,
  ...parts
}: Omit<UmbrellaDeskParts, 'world' | 'umbrellas' | 'now'> & { world: World }): UmbrellaDesk {
  const umbrellas = createUmbrellaBook(world.redis.command(), world.redis.prefix);
  return createUmbrellaDesk({ world, umbrellas, now: Date.now, ...parts });
}

/** Looks through them until the world closes. */
export function startUmbrellas({ logger, closers }: World, desk: UmbrellaDesk): void {
  const stop = new AbortController();
  let sweeping: Promise<void> | null = null;
  const sweep = (): void => {
    sweeping ??= desk
      .sweep()
      .catch((err: unknown) => logger.warn({ err }, 'umbrellas could not be looked through; tried again'))
      .finally(() => {
        sweeping = null;
      });
  };
  const ticking = everyTick(SWEEP_EVERY_SECONDS, sweep, stop.signal);
  closers.add('umbrellas', async () => {
    stop.abort();
    await ticking;
    await sweeping;
  });
}
