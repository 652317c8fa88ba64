import type { Outcome } from '../../errors.ts';
import type { Rota, Span } from '../../oncall/rota.ts';

/** Slack ids of the members of a user group. */
export type MembersOf = (groupId: string) => Promise<Outcome<readonly string[]>>;

/** Where a team's shifts come from. A further kind of schedule is one more file beside this one. */
export interface RotaSource {
  /** For people, without secrets: `rotation`, `calendar pay.ics`, `PagerDuty schedule P1`. */
  readonly name: string;
  /** The shifts that touch `known`. Ends within some seconds; what can't be read is a Failure, never an empty rota. */
  readRota(known: Span, signal: AbortSignal): Promise<Outcome<Rota>>;
}
