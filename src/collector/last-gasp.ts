import type { Logger } from 'pino';
import type { Snapshot } from '../analysis/snapshot.ts';
import { messageOf, type Outcome } from '../errors.ts';
import type { LastLook } from '../incident/last-look.ts';
import type { Instance } from './instance.ts';
import { createNearLimit, ratioOf, toUsages, type Usage } from './near-limit.ts';

export type LastGaspParts = {
  /** Of a service whose processes may be looked into when they come near their limit; null: it has no limit configured. */
  limitOf: (service: string) => number | null;
  /** Whether the service wants such looks. */
  isWanted: (service: string) => boolean;
  /** One bounded look, without attaching and without a fork: the probe's own guards of room hold for it. */
  look: (target: Instance, context: LookContext) => Promise<Outcome<Snapshot>>;
  /** The same instance and time again: takes the place of what was saved. */
  save: (service: string, look: LastLook) => Promise<void>;
  now: () => number;
  logger: Logger;
  signal: AbortSignal;
};

/** `keep`: stores what was seen so far. What it looks at may be killed at any moment, and we with it. */
type LookContext = { keep: (partial: Snapshot) => Promise<void>; signal: AbortSignal };

/** A look holds a process up for milliseconds; one that leaks fast must not be held up at every sample. */
const SAME_SERVICE_EVERY_MS = 30_000;
/** The probe answers one at a time: another look was under way. */
const AGAIN_AFTER_MS = 5000;
const DEADLINE_MS = 20_000;

export interface LastGasp {
  /** Looks into the fullest that passed a threshold, behind the caller's back; at most one look at a time. */
  consider(live: readonly Instance[]): void;
  /**
   * Does a look that somebody asked for, after one of ours that is under way; none of ours begins meanwhile: of two looks
   * into one process at a time, neither sees what grew.
   */
  standBack<T>(look: () => Promise<T>): Promise<T>;
  settled(): Promise<void>;
}

/** Evidence from before a kill: whoever comes near its limit is looked into while there is room. */
export function createLastGasp(parts: LastGaspParts): LastGasp {
  const near = createNearLimit();
  const lookedMs = new Map<string, number>();
  let running: Promise<void> | null = null;
  let asked = 0;

  function isRested(service: string): boolean {
    return parts.now() - (lookedMs.get(service) ?? Number.NEGATIVE_INFINITY) >= SAME_SERVICE_EVERY_MS;
  }

  return {
    consider(live) {
      // Not asked while a look runs or rests: what passed meanwhile is seen at a later sample.
      if (running !== null || asked > 0 || parts.signal.aborted) return;
      const wanted = live.filter(({ service }) => parts.isWanted(service) && isRested(service));
      const fullest = near.next(toUsages(wanted, parts.limitOf));
      if (fullest === null) return;
      lookedMs.set(fullest.service, parts.now());
      running = takeLook(fullest, parts)
        .then((wasSeen) => {
          if (wasSeen || fullest.largest.socketPath === null) return;
          near.forget(fullest.key);
          lookedMs.set(fullest.service, parts.now() - SAME_SERVICE_EVERY_MS + AGAIN_AFTER_MS);
        })
        .finally(() => {
          running = null;
        });
    },
    async standBack(look) {
      asked += 1;
      try {
        await running;
        return await look();
      } finally {
        asked -= 1;
      }
    },
    settled: async () => void (await running),
  };
}

/** True when the inside of the process was seen and is stored; from outside alone, nobody can be named. */
async function takeLook(usage: Usage, { look, save, now, logger, signal }: LastGaspParts): Promise<boolean> {
  const { service, largest, usedBytes, limitBytes } = usage;
  const fields = { service, instance: largest.instance, ratio: Math.round(ratioOf(usage) * 100) / 100 };
  const at = new Date(now()).toISOString();
  const keep = async (snapshot: Snapshot): Promise<void> =>
    await save(service, { schema: 1, at, instance: largest.instance, usedBytes, limitBytes, snapshot });
  try {
    const seen = await look(largest, { keep, signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]) });
    if (seen.outcome !== 'ok') {
      logger.info({ ...fields, why: seen.why }, 'near its limit, and not looked into');
      return false;
    }
    await keep(seen.value);
    const isInside = seen.value.gc !== null;
    logger.info(fields, isInside ? 'near its limit: looked into' : 'near its limit: seen from outside only');
    return isInside;
  } catch (err) {
    logger.warn({ ...fields, why: messageOf(err) }, 'near its limit, and the look was not stored');
    return false;
  }
}
