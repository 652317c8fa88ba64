/** What `helm history` tells, and the decisions that are made by it alone. */
import { z } from 'zod';
import { failed, type Outcome, ok } from '../../errors.ts';
import type { ActStatus } from '../../mitigation/executor.ts';

/** As `helm history --output json` writes it; what else it tells is not used. */
const Revision = z.object({
  revision: z.number().int().positive(),
  /** `deployed`, `superseded`, `failed`, `pending-rollback`, `pending-upgrade`, … */
  status: z.string(),
  chart: z.string().default(''),
  app_version: z.string().default(''),
  description: z.string().default(''),
});
export type Revision = z.infer<typeof Revision>;
export const History = z.array(Revision);

/** `before`: the newest revision by then: what the rollback writes is newer. */
export type HelmPlan =
  | { kind: 'already'; message: string }
  | { kind: 'change'; target: number; before: number; isGuess: boolean };

type Change = { from: string; to: string };

/**
 * The newest good revision that has the release by its app version, chart or description. Where the history names
 * neither of the two releases (charts that leave their app version as it is), the good one before the running one.
 */
export function planHelm(title: string, history: readonly Revision[], { from, to }: Change): Outcome<HelmPlan> {
  const [running, ...earlier] = history.toSorted((a, b) => b.revision - a.revision);
  if (running === undefined) return failed('operator', `${title} has no revisions`, 'Mend rollback.via.helm');
  if (isPending(running)) {
    const cure = `Wait for it, or look with helm why it hangs: nothing is done over it`;
    return failed('user', `revision ${running.revision} of ${title} is ${running.status}`, cure);
  }
  const good = earlier.filter(({ status }) => status === 'superseded' || status === 'deployed');
  const named = good.find((one) => hasRelease(one, to));
  const isSuspect = hasRelease(running, from);
  if (hasRelease(running, to) && !isSuspect && running.status === 'deployed')
    return ok({ kind: 'already', message: `${title} has ${to} already, as revision ${running.revision}` });
  const before = running.revision;
  if (isSuspect && named !== undefined) return ok({ kind: 'change', target: named.revision, before, isGuess: false });
  const isNamed = history.some((one) => hasRelease(one, from) || hasRelease(one, to));
  const [previous] = good;
  if (!isNamed && previous !== undefined && running.status === 'deployed')
    return ok({ kind: 'change', target: previous.revision, before, isGuess: true });
  return cannotTell(title, running, { from, to, isSuspect });
}

function cannotTell(
  title: string,
  running: Revision,
  { from, to, isSuspect }: Change & { isSuspect: boolean },
): Outcome<never> {
  const cure = `Look at helm history, and roll ${title} back by hand if it is right`;
  const runs = `revision ${running.revision} is ${running.status} with app version ${running.app_version || 'none'}`;
  const why = isSuspect ? `no good revision of ${title} has ${to}` : `${title} does not run ${from} by its history`;
  return failed('user', `${why}: ${runs}`, cure);
}

/**
 * What became of a rollback to `target` by the revisions newer than `before`. Helm writes the revision as
 * `pending-rollback` before it changes anything, and `failed` with a description of its own when it gives up.
 */
export function readHelmEnd(
  title: string,
  history: readonly Revision[],
  { target, before }: { target: number; before: number },
): ActStatus {
  const newer = history.filter(({ revision }) => revision > before).toSorted((a, b) => a.revision - b.revision);
  const [next] = newer;
  if (next === undefined)
    return { state: 'not-begun', message: `${title} is at revision ${before} as before: nothing was changed` };
  const ours = newer.find(({ description }) => description === `Rollback to ${target}`);
  const told = (one: Revision): string => `revision ${one.revision} of ${title} is ${one.status} (${one.description})`;
  if (ours === undefined) {
    const message = told(next);
    return { state: next.status === 'failed' ? 'failed' : 'unknown', message };
  }
  if (ours.status === 'deployed' || ours.status === 'superseded') return { state: 'done', message: told(ours) };
  return { state: ours.status === 'pending-rollback' ? 'under-way' : 'failed', message: told(ours) };
}

export function isPending({ status }: Revision): boolean {
  return status.startsWith('pending-') || status === 'uninstalling';
}

function hasRelease({ app_version, chart, description }: Revision, release: string): boolean {
  return [app_version, chart, description].includes(release) || chart.endsWith(`-${release}`);
}
