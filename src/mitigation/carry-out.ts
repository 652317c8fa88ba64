/**
 * An approved rollback, one step at a time until its proof. Each step is safe to repeat: a bot may die after any line.
 * What is stored decides what comes next, never what a bot remembers.
 */
import type { Guard, Rollback } from '../incident/rollback.ts';
import { begin, block, conclude, endAct, progress, type Step } from '../incident/rollback-course.ts';
import { formatDuration } from '../units.ts';
import { type ActEnd, type RollbackOrder, untouched } from './executor.ts';
import { NOT_CONFIGURED_WHY, type ProofPorts, takeProof } from './take-proof.ts';
import { toOrder } from './to-order.ts';

/** Looks at an order under way, and at the memory after it. Seconds. */
const LOOK_SECONDS = 2;
/** After an act whose end nobody saw: the release that runs is looked for until so long after the order. */
const SEEN_WITHIN_SECONDS = 90;
const LIVE_SECONDS = 120;
/** Longer than any executor may take, twice over (as long as the ledger holds a service): its collector is gone for good. */
const ACTING_SECONDS = 3600;
const MOST_SECONDS_BETWEEN_PROOFS = 30;
const PROOFS = 20;

/** `waiting`: no collector has taken it yet. `gone`: it is not in the queue. */
export type OrderState =
  | { state: 'waiting' | 'acting'; progress: string | null }
  | { state: 'ended'; end: ActEnd }
  | { state: 'gone' };

export type CarryOutPorts = ProofPorts & {
  rollbacks: {
    find(incidentId: string): Promise<Rollback | null>;
    change(incidentId: string, decide: (before: Rollback | null) => Step | null): Promise<Rollback | null>;
  };
  /** As they are at this moment. */
  guardsNow(rollback: Rollback): Promise<readonly Guard[]>;
  orders: {
    give(order: RollbackOrder): Promise<void>;
    takeBack(order: RollbackOrder): Promise<boolean>;
    look(order: RollbackOrder): Promise<OrderState>;
  };
  /** The thread and its people learn of it, once for each version of the record. Safe to repeat. */
  tell(rollback: Rollback): Promise<void>;
  /** The root shows what is stored. */
  refresh(incidentId: string): Promise<void>;
  closeIncident(rollback: Rollback): Promise<void>;
};

const NOT_CONFIGURED: Guard = {
  name: 'configuration',
  state: 'red',
  evidence: NOT_CONFIGURED_WHY,
};

/** Seconds until the next step is due; null: it has ended. */
export type Due = number | null;

export async function carryOutStep(incidentId: string, ports: CarryOutPorts): Promise<Due> {
  const rollback = await ports.rollbacks.find(incidentId);
  switch (rollback?.state) {
    case 'approved':
      return await start(rollback, ports);
    case 'acting':
      return await follow(rollback, ports);
    case 'verifying':
      return await prove(rollback, ports);
    case 'recovered':
    case 'not-recovered':
    case 'unproven':
    case 'failed':
    case 'blocked':
      // A bot may have died between the end and its telling.
      await tellEnd(rollback, ports);
      return null;
    case 'proposed':
    case 'declined':
    case 'expired':
    case undefined:
      return null;
  }
}

async function start(rollback: Rollback, ports: CarryOutPorts): Promise<Due> {
  const guards = ports.settings(rollback.service) === null ? [NOT_CONFIGURED] : await ports.guardsNow(rollback);
  const isBlocked = guards.some(({ state }) => state === 'red');
  const decide = isBlocked ? block : begin;
  const after = await ports.rollbacks.change(rollback.incident, (before) => decide(before, guards, ports.now()));
  if (after?.state === 'acting') await ports.orders.give(toOrder(after));
  await ports.refresh(rollback.incident);
  return 0;
}

async function follow(rollback: Rollback, ports: CarryOutPorts): Promise<Due> {
  const order = toOrder(rollback);
  const seen = await ports.orders.look(order);
  const isLate = ports.now() > Date.parse(order.notAfter);
  if (seen.state === 'ended' && seen.end.state === 'unknown') return await decideUnknown(rollback, seen.end, ports);
  if (seen.state === 'ended') return await ended(rollback, seen.end, ports);
  // A bot died before the order was given; the ledger of the site knows one that was done, however long ago.
  if (seen.state === 'gone') {
    await ports.orders.give(order);
    return LOOK_SECONDS;
  }
  if (seen.state === 'waiting' && isLate && (await ports.orders.takeBack(order))) {
    const message = `no collector of site ${rollback.site} took the order in time; nothing was changed`;
    return await ended(rollback, untouched(message), ports);
  }
  const { progress: message } = seen;
  const begunMs = Date.parse(rollback.act?.startedAt ?? rollback.proposedAt);
  if (seen.state === 'acting' && ports.now() > begunMs + ACTING_SECONDS * 1000) {
    return await decideUnknown(rollback, goneForGood(rollback, message), ports);
  }
  if (message !== null && message !== rollback.act?.message) {
    await ports.rollbacks.change(rollback.incident, (before) => progress(before, message));
    await ports.refresh(rollback.incident);
  }
  return LOOK_SECONDS;
}

/** A collector that comes back after all begins nothing any more: the order is too old for that. */
function goneForGood({ site }: Rollback, lastSeen: string | null): ActEnd {
  const seen = lastSeen === null ? '' : `; last seen: ${lastSeen}`;
  const message = `the collector of site ${site} began it and told no end for ${formatDuration(ACTING_SECONDS)}${seen}`;
  return { state: 'unknown', message };
}

/** Nobody saw its end; but what runs can be measured, and instances need a moment to be seen. */
async function decideUnknown(rollback: Rollback, end: ActEnd, ports: CarryOutPorts): Promise<Due> {
  const { service, to, act, proposedAt } = rollback;
  const memory = await ports.readMemory(service, LIVE_SECONDS);
  const live = memory.outcome === 'ok' ? memory.value.instances.filter(({ endedAt }) => endedAt === null) : [];
  if (live.length > 0 && live.every(({ release }) => release === to)) {
    const message = `${end.message}; but every instance (${live.length}) runs ${to}`;
    return await ended(rollback, { state: 'done', message }, ports);
  }
  if (ports.now() < Date.parse(act?.startedAt ?? proposedAt) + SEEN_WITHIN_SECONDS * 1000) return LOOK_SECONDS;
  const runs = live.filter(({ release }) => release === to).length;
  const message = `${end.message}; ${runs} of ${live.length} instances run ${to}`;
  return await ended(rollback, { state: 'unknown', message }, ports);
}

async function ended(rollback: Rollback, end: ActEnd, ports: CarryOutPorts): Promise<Due> {
  const after = await ports.rollbacks.change(rollback.incident, (before) => endAct(before, end, ports.now()));
  if (after === null) return null;
  await tellEnd(after, ports);
  return after.state === 'verifying' ? proofEvery(verifySeconds(after, ports)) : null;
}

async function prove(rollback: Rollback, ports: CarryOutPorts): Promise<Due> {
  await ports.tell(rollback);
  const seconds = verifySeconds(rollback, ports);
  const { verdict, isFinal, passedSeconds, proof } = await takeProof(rollback, ports);
  if (passedSeconds < seconds && !isFinal) return proofEvery(seconds);
  // The figures may be away for a moment, with a collector that starts again; as long again, then a person has to look.
  if (passedSeconds < 2 * seconds && verdict === 'unproven') return proofEvery(seconds);
  const after = await ports.rollbacks.change(rollback.incident, (before) => conclude(before, verdict, proof));
  if (after !== null) await tellEnd(after, ports);
  return null;
}

async function tellEnd(rollback: Rollback, ports: CarryOutPorts): Promise<void> {
  await ports.tell(rollback);
  if (rollback.state === 'recovered') await ports.closeIncident(rollback);
  await ports.refresh(rollback.incident);
}

function verifySeconds({ service }: Rollback, ports: CarryOutPorts): number {
  return ports.settings(service)?.verifyForSeconds ?? 0;
}

function proofEvery(verifyForSeconds: number): number {
  return Math.min(MOST_SECONDS_BETWEEN_PROOFS, verifyForSeconds / PROOFS);
}
