import { readStartVariable } from '../adapters/procfs/process.ts';
import type { Outcome } from '../errors.ts';
import type { Instance } from './instance.ts';

/** What a probe says of its process. */
export type Identity = { release: string | null; python: string | null };
export type Ping = (socketPath: string, options: { signal: AbortSignal }) => Promise<Outcome<Identity>>;

const AT_ONCE = 8;
const DEADLINE_MS = 1000;
/** A probe is silent while C code holds the GIL. Then it is asked again, less and less often. */
const AGAIN_AFTER_SECONDS = [0, 5, 15, 60, 300];

type Asked = { tries: number; lastMs: number };

export interface Identifier {
  /**
   * Asks the probes of instances that nobody knows yet; resolves with those that became known. Where the probe is silent
   * the release comes from the environment that the process was started with.
   */
  identify(live: readonly Instance[], nowMs: number, signal: AbortSignal): Promise<Instance[]>;
}

export function createIdentifier(ping: Ping): Identifier {
  const asked = new WeakMap<Instance, Asked>();
  let isBusy = false;

  function isDue(instance: Instance, nowMs: number): boolean {
    const { tries, lastMs } = asked.get(instance) ?? { tries: 0, lastMs: Number.NEGATIVE_INFINITY };
    const waitSeconds = AGAIN_AFTER_SECONDS[Math.min(tries, AGAIN_AFTER_SECONDS.length - 1)] ?? 0;
    return instance.python === null && nowMs - lastMs >= waitSeconds * 1000;
  }

  async function identifyOne(instance: Instance, nowMs: number, signal: AbortSignal): Promise<boolean> {
    asked.set(instance, { tries: (asked.get(instance)?.tries ?? 0) + 1, lastMs: nowMs });
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
    const answer = instance.socketPath === null ? null : await ping(instance.socketPath, { signal: deadline });
    const release =
      answer?.outcome === 'ok' ? answer.value.release : await readStartVariable(instance.pid, 'MEMTRIAGE_RELEASE');
    const python = answer?.outcome === 'ok' ? answer.value.python : null;
    const isNew = (release !== null && release !== instance.release) || (python !== null && instance.python === null);
    instance.release = release ?? instance.release;
    instance.python = python ?? instance.python;
    return isNew;
  }

  return {
    async identify(live, nowMs, signal) {
      if (isBusy) return [];
      isBusy = true;
      try {
        const due = live.filter((instance) => isDue(instance, nowMs));
        const known: Instance[] = [];
        for (let at = 0; at < due.length && !signal.aborted; at += AT_ONCE) {
          const part = due.slice(at, at + AT_ONCE);
          const isKnown = await Promise.all(part.map((instance) => identifyOne(instance, nowMs, signal)));
          known.push(...part.filter((_, index) => isKnown[index]));
        }
        return known;
      } finally {
        isBusy = false;
      }
    },
  };
}
