/** The way in which a service is rolled back, as the collector of its site uses it. */
import { z } from 'zod';
import type { Outcome } from '../errors.ts';

/** One rollback that people (or the configuration) agreed to. */
export const RollbackOrder = z.object({
  schema: z.literal(1),
  /** The same order has the same key, however often it is given: what was done under it is not done again. */
  key: z.string().min(1),
  incident: z.string(),
  service: z.string(),
  site: z.string(),
  from: z.string(),
  to: z.string(),
  requestedBy: z.string(),
  approvedBy: z.array(z.string()),
  /** RFC 3339. Nobody may begin it later: what was right when it was asked for may be wrong when a site comes back. */
  notAfter: z.string(),
});
export type RollbackOrder = z.infer<typeof RollbackOrder>;

/** What a dry run found out; nothing was changed by it. */
export type DryRun = {
  /** What would be done, as a sentence; or why it would not work. */
  outcome: Outcome<string>;
  /** `Argo CD`, `Flux`: it would undo the rollback, so it has to be made there. Null: none was seen, or can't be seen. */
  managedBy: string | null;
  /** Is another change of the service under way? Null: can't be told this way. */
  isRollingOut: boolean | null;
  /** That change is the one to the release that is to be left, and the rollback ends it. Absent: no, or it can't be told. */
  endsRollout?: boolean;
};

/**
 * How an act ended. `failed`: the message says what was changed. `unknown`: it was begun, and nobody can tell how far it
 * came: a person has to look.
 */
export const ActEnd = z.object({
  state: z.enum(['done', 'failed', 'unknown']),
  message: z.string(),
  /** It failed before anything was changed, so it may be asked for again; absent: it is not sure that nothing was. */
  isUntouched: z.literal(true).optional(),
});
export type ActEnd = z.infer<typeof ActEnd>;

export function untouched(message: string): ActEnd {
  return { state: 'failed', message, isUntouched: true };
}

/**
 * `not-begun`: to act is safe: nothing was done under this key, or (`mayBeDone`) whoever does it takes the same key for
 * the same act.
 */
export type ActStatus =
  | ActEnd
  | { state: 'not-begun'; message: string; mayBeDone?: boolean }
  | { state: 'under-way'; message: string };

export type ActContext = {
  /** Aborted when the collector stops: the act is left as it stands, and is followed by whoever comes next. Rejects then. */
  signal: AbortSignal;
  /** A plain sentence for the thread, whenever something moved. */
  progress: (text: string) => void;
  /**
   * What the executor must know again after a crash, such as an address to ask. Kept with the order. To write it rejects
   * when another collector has taken over: so it is written last before anything is changed.
   */
  receipt: { read: () => Promise<string | null>; write: (text: string) => Promise<void> };
};

/** Every call ends by itself within the deadline of its executor. */
export interface RollbackExecutor {
  /** Changes nothing. */
  dryRun(order: RollbackOrder, signal: AbortSignal): Promise<DryRun>;
  /** Begins it and waits for its end. Called once for each key, unless `status` said `not-begun`. */
  act(order: RollbackOrder, context: ActContext): Promise<ActEnd>;
  /** What became of an act that somebody began and did not see to its end. Changes nothing. */
  status(order: RollbackOrder, context: ActContext): Promise<ActStatus>;
  /** Waits for the end of an act that is under way. */
  follow(order: RollbackOrder, context: ActContext): Promise<ActEnd>;
}
