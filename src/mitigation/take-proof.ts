/** The proof of a rollback at one moment: memory read anew, judged, and put into the record's words. */
import type { Baseline } from '../analysis/baseline.ts';
import type { ServiceMemory } from '../analysis/memory.ts';
import type { Policy } from '../analysis/policy.ts';
import type { Outcome } from '../errors.ts';
import type { Rollback } from '../incident/rollback.ts';
import { type Judgement, judgeProof } from './judge-proof.ts';

export type ProofPorts = {
  /** Epoch milliseconds. */
  now: () => number;
  readMemory(service: string, sinceSeconds: number): Promise<Outcome<ServiceMemory>>;
  baseline(service: string): Promise<Baseline | null>;
  /** Of the incident, RFC 3339; null: it is gone. */
  openedAt(incidentId: string): Promise<string | null>;
  settings(service: string): { policy: Policy; verifyForSeconds: number } | null;
};

export type TakenProof = Pick<Judgement, 'verdict' | 'isFinal'> & {
  /** Since the end of the act. */
  passedSeconds: number;
  proof: NonNullable<Rollback['proof']>;
};

export const NOT_CONFIGURED_WHY = 'the service is not in the configuration any more';
/** Of the memory before the act: what ended with it tells on which hosts to look for what follows. */
const BEFORE_ACT_SECONDS = 900;

/** Changes nothing; memory that can't be read makes an `unproven` that says why. */
export async function takeProof(rollback: Rollback, ports: ProofPorts): Promise<TakenProof> {
  const { endedAt, startedAt } = rollback.act ?? { endedAt: null, startedAt: rollback.proposedAt };
  const nowSeconds = ports.now() / 1000;
  const actedAt = Date.parse(endedAt ?? startedAt) / 1000;
  const judgement = await judge(rollback, { actedAt, nowSeconds }, ports);
  const openedAt = await ports.openedAt(rollback.incident);
  const { instancesChanged, instances, after, message } = judgement;
  return {
    verdict: judgement.verdict,
    isFinal: judgement.isFinal,
    passedSeconds: nowSeconds - actedAt,
    proof: {
      judgedAt: new Date(nowSeconds * 1000).toISOString(),
      instancesChanged,
      instances,
      after,
      secondsToMitigation: Math.max(0, actedAt - Date.parse(openedAt ?? rollback.proposedAt) / 1000),
      message,
    },
  };
}

type Moments = { actedAt: number; nowSeconds: number };

async function judge(rollback: Rollback, moments: Moments, ports: ProofPorts): Promise<Judgement> {
  const settings = ports.settings(rollback.service);
  if (settings === null) return notRead(NOT_CONFIGURED_WHY);
  const since = moments.nowSeconds - moments.actedAt + BEFORE_ACT_SECONDS;
  const memory = await ports.readMemory(rollback.service, since);
  if (memory.outcome !== 'ok') return notRead(memory.why);
  const baseline = await ports.baseline(rollback.service);
  return judgeProof({ memory: memory.value, baseline, rollback, ...settings, ...moments });
}

function notRead(why: string): Judgement {
  const after = { rssBytes: null, growth: null };
  return { verdict: 'unproven', isFinal: false, instancesChanged: 0, instances: 0, after, message: why };
}
