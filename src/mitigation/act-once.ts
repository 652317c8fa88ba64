/** One rollback, done once whatever dies: intent, act, result. */
import { setTimeout as wait } from 'node:timers/promises';
import { type ActContext, type ActEnd, type RollbackExecutor, type RollbackOrder, untouched } from './executor.ts';

/** Times that an act is taken up again after a crash before a person is asked. */
const MAX_TAKEOVERS = 5;
const STORE_AGAIN_MS = 1000;

/** What `begin` found. `busy`: another rollback of the service holds it. */
export type Begun =
  | { state: 'begun' | 'again'; takeovers: number; fence: number }
  | { state: 'ended'; end: ActEnd }
  | { state: 'busy'; by: string };

/** Kept in Redis: what was intended and how it ended, by the key of the order. */
export interface ActLedger {
  /** How it ended, or null; nothing is intended by asking. */
  ended(key: string): Promise<ActEnd | null>;
  isIntended(key: string): Promise<boolean>;
  /** Atomically writes the intent, holds the service, and takes the act from whoever had it before. */
  begin(order: RollbackOrder): Promise<Begun>;
  /** The end that counts: the first one. Lets go of the service. */
  end(order: RollbackOrder, end: ActEnd): Promise<ActEnd>;
  readReceipt(key: string): Promise<string | null>;
  /** Rejects unless `fence` is that of the last `begin`. */
  writeReceipt(key: string, fence: number, text: string): Promise<void>;
}

export type ActParts = {
  executor: RollbackExecutor;
  ledger: ActLedger;
  /** Rejects everything that is under way when the collector stops; the next one goes on. */
  signal: AbortSignal;
  progress: (text: string) => void;
  now: () => number;
};

/**
 * A dry run, then the intent, then the act, then its result. Taken up again after a crash, the executor's own status
 * decides: what was certainly not begun is begun, what goes on is followed, and where nobody can tell, the end is
 * `unknown` and a person is asked. Rejects when Redis fails or the signal aborts: call it again.
 */
export async function actOnce(order: RollbackOrder, parts: ActParts): Promise<ActEnd> {
  const { ledger, now } = parts;
  const known = await ledger.ended(order.key);
  if (known !== null) return known;
  if (!(await ledger.isIntended(order.key))) {
    if (now() > Date.parse(order.notAfter)) return await store(order, tooLate(order), parts);
    const refusal = await rehearse(order, parts);
    if (refusal !== null) return await store(order, refusal, parts);
  }
  const begun = await ledger.begin(order);
  if (begun.state === 'ended') return begun.end;
  if (begun.state === 'busy') return await store(order, busy(order, begun.by), parts);
  const end = await carryOn(order, begun, parts);
  return await store(order, end, parts);
}

async function carryOn(
  order: RollbackOrder,
  { state, takeovers, fence }: { state: 'begun' | 'again'; takeovers: number; fence: number },
  { executor, ledger, signal, progress, now }: ActParts,
): Promise<ActEnd> {
  const context: ActContext = {
    signal,
    progress,
    receipt: {
      read: () => ledger.readReceipt(order.key),
      write: (text) => ledger.writeReceipt(order.key, fence, text),
    },
  };
  if (state === 'begun') return await executor.act(order, context);
  if (takeovers > MAX_TAKEOVERS) return givenUp(takeovers);
  const status = await executor.status(order, context);
  if (status.state === 'under-way') return await executor.follow(order, context);
  if (status.state !== 'not-begun') return { state: status.state, message: status.message };
  if (now() <= Date.parse(order.notAfter)) return await executor.act(order, context);
  return status.mayBeDone === true ? tooLateToAsk(order, status.message) : tooLate(order);
}

async function rehearse(order: RollbackOrder, { executor, signal }: ActParts): Promise<ActEnd | null> {
  const { outcome } = await executor.dryRun(order, signal);
  signal.throwIfAborted();
  if (outcome.outcome === 'ok') return null;
  return untouched(`${outcome.why}; nothing was changed. ${outcome.tryThis}`);
}

/** What happened must not be forgotten because Redis is away for a moment: the act can't be asked again. */
async function store(order: RollbackOrder, end: ActEnd, { ledger, signal }: ActParts): Promise<ActEnd> {
  for (;;) {
    const stored = await ledger.end(order, end).catch(() => null);
    if (stored !== null) return stored;
    await wait(STORE_AGAIN_MS, undefined, { signal });
  }
}

function tooLate({ notAfter }: RollbackOrder): ActEnd {
  return untouched(`no collector began it before ${notAfter}; nothing was changed. Ask for it again`);
}

function tooLateToAsk({ notAfter }: RollbackOrder, seen: string): ActEnd {
  return { state: 'unknown', message: `${seen}; after ${notAfter} it is not given again. It may have been done` };
}

function busy({ service }: RollbackOrder, by: string): ActEnd {
  return untouched(`another rollback of ${service} is under way (${by}); nothing was changed`);
}

function givenUp(takeovers: number): ActEnd {
  const message = `it was taken up again ${takeovers} times, by collectors that died or could not learn how far it came`;
  return { state: 'unknown', message };
}
