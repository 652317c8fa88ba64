/** Why a workload of Kubernetes was not changed, and for whom that is. */
import { type Failure, failed } from '../../errors.ts';
import { type ActEnd, untouched } from '../../mitigation/executor.ts';
import type { ApiAnswer } from '../kubernetes-api.ts';

/** What an answer other than 200 means, and for whom. */
export function refusal(what: string, verb: 'read' | 'change', { status, message }: ApiAnswer): Failure {
  if (status === 401 || status === 403) {
    const cure = 'Apply deploy/kubernetes/rbac.yaml for its namespace, or mend the credentials of the collector';
    return failed('operator', `the collector may not ${verb} ${what} (HTTP ${status}: ${message})`, cure);
  }
  if (status === 404) return failed('operator', `there is no ${what}`, 'Mend rollback.via in the configuration');
  if (status === 409 || status === 422) {
    return failed(
      'upstream',
      `${what} was changed by somebody else, or refuses: ${message}`,
      'Look who deploys, and ask again',
    );
  }
  return failed('upstream', `the Kubernetes API answered HTTP ${status} for ${what}: ${message}`, 'Ask again');
}

export function nothingChanged({ why, tryThis }: Failure): ActEnd {
  return untouched(`${why}; nothing was changed. ${tryThis}`);
}

/** Why none of the revisions can be the target, for people who have to label them. */
export function noRevision(title: string, to: string, known: readonly string[]): Failure {
  const has =
    known.length === 0 ? 'it keeps no earlier revision' : `those it keeps have ${[...new Set(known)].join(', ')}`;
  const cure = 'Set MEMTRIAGE_RELEASE or the label app.kubernetes.io/version in the pod template, or roll back by hand';
  return failed('operator', `no revision of ${title} has the release ${to}: ${has}`, cure);
}

/** Not what the rollback was approved for. */
export function notTheSuspect(title: string, from: string, runs: readonly string[]): Failure {
  const has = runs.length === 0 ? 'its pod template names no release' : `it has ${runs.join(', ')}`;
  return failed('upstream', `${title} does not have ${from} any more: ${has}`, 'Ask for a fresh report');
}

/** The canary is gone, and what it wanted is not. */
export function halfUndone(title: string, from: string, { why }: Failure): ActEnd {
  const state = `the canary of ${from} is aborted and the stable pods serve, but ${title} still wants ${from}`;
  return { state: 'failed', message: `${state}: ${why}. Undo it by hand` };
}
