import type { EndReason } from '../analysis/memory.ts';
import type { Alert } from './alert.ts';

/** What is known beside the alert. Times in epoch seconds. */
export type KillEvidence = {
  /** Lives of the service's processes as a collector saw them; empty: none did. */
  lives: readonly { startedAt: number; endedAt: number | null; endReason: EndReason | null }[];
  /** What the deploy pipeline told. */
  deploys: readonly { release: string; at: number }[];
};

/** `why`: a plain sentence without a full stop, for the thread. */
export type KillVerdict = { kind: 'kill' } | { kind: 'no-kill'; why: string };

/** The end that a sampler sees and the end that an alert names differ by scrape and evaluation, a minute each. */
const SAME_END_SECONDS = 180;
/** As in collector/end-reason.ts: end of the old and start of the new process in one deploy. */
const DEPLOY_SECONDS = 600;
/** kube-state-metrics shows the reason of the last end for ever. Sooner than this, a sampler may just not be there yet. */
const OLD_SECONDS = 900;

/** Reasons of Kubernetes for moving a pod off its node. */
const MOVED = /^(?:Evicted|NodeShutdown|NodeLost|Shutdown|Terminated|Preempting|DeletionByTaintManager)$/;

/**
 * Is an alert that says so an OOM kill? Only what was positively seen makes it none: what nobody saw stays a kill, since
 * a page too much costs less than one too few. Surest first: the kernel's counter (our collector), the reason that the
 * kubelet gives, and only then what was seen around that time. `toldAtMs`: when the alert came in.
 */
export function judgeKill(
  { source, labels, startsAt }: Pick<Alert, 'source' | 'labels' | 'startsAt'>,
  toldAtMs: number,
  evidence: KillEvidence,
): KillVerdict {
  if (source === 'collector') return { kind: 'kill' };
  const reason = labels['reason'];
  if (reason !== undefined && reason !== 'OOMKilled') return otherReason(reason);
  const at = Number(labels['killed_at'] ?? Date.parse(startsAt) / 1000);
  if (!(at > 0)) return { kind: 'kill' };
  const ends = evidence.lives.filter(({ endedAt }) => endedAt !== null && Math.abs(endedAt - at) <= SAME_END_SECONDS);
  if (ends.some(({ endReason }) => endReason === 'oom')) return { kind: 'kill' };
  if (toldAtMs / 1000 - at > OLD_SECONDS && ends.length === 0 && wasSeenAt(at, evidence)) return stale(at);
  // The kubelet says so of this very end.
  if (reason === 'OOMKilled' || labels['killed_at'] !== undefined) return { kind: 'kill' };
  return explainedEnd(at, ends, evidence);
}

function otherReason(reason: string): KillVerdict {
  if (MOVED.test(reason)) return noKill(`its pod was moved off its node (${reason}), which is no OOM kill`);
  return noKill(
    `its container ended with the reason ${reason}, which is no OOM kill; exit code 137 alone is any SIGKILL`,
  );
}

/** Somebody watched processes of the service then, and they lived on. */
function wasSeenAt(at: number, { lives }: KillEvidence): boolean {
  return lives.some(
    ({ startedAt, endedAt }) =>
      startedAt < at - SAME_END_SECONDS && (endedAt === null || endedAt > at + SAME_END_SECONDS),
  );
}

function stale(at: number): KillVerdict {
  const time = new Date(at * 1000).toISOString();
  return noKill(
    `it tells of an end at ${time}, when no process that the collector watches ended: most likely an old reason that is still shown, or a killed child`,
  );
}

function explainedEnd(at: number, ends: KillEvidence['lives'], { deploys }: KillEvidence): KillVerdict {
  const deploy = deploys.find((one) => Math.abs(one.at - at) <= DEPLOY_SECONDS);
  if (deploy !== undefined)
    return noKill(`the deploy of ${deploy.release} explains this restart; nothing else says OOM kill`);
  if (ends.some(({ endReason }) => endReason === 'deploy')) {
    return noKill('a newer release took the place of the process that ended; nothing else says OOM kill');
  }
  if (ends.some(({ endReason }) => endReason === 'recycle')) {
    return noKill('its own master replaced the process that ended; nothing else says OOM kill');
  }
  return { kind: 'kill' };
}

function noKill(why: string): KillVerdict {
  return { kind: 'no-kill', why };
}
