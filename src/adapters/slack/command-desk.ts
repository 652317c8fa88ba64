/** What Slack's commands need from the rest of the bot. Declared by the one who asks. */
import type { Failure, Outcome } from '../../errors.ts';
import type { Incident, TriageRequest } from '../../incident/incident.ts';
import type { OnCallNow, Span } from '../../oncall/rota.ts';

/** Where many services are told of that were killed at once. */
export type UmbrellaPlace = { id: string; permalink: string | null };

export type StartedTriage =
  | { kind: 'started'; incident: Incident }
  | {
      kind: 'running';
      incident: Incident;
      channelId: string | null;
      startedBy: string;
      permalink: string | null;
      /** Null: it is under no open one. */
      umbrella: UmbrellaPlace | null;
    }
  | { kind: 'unknown-service' }
  /** It is open and reported: it is looked at again in the thread that it has. */
  | { kind: 'looks-again'; incident: Incident; permalink: string | null; umbrella: UmbrellaPlace | null }
  /** Nothing was started and nothing is stored. */
  | { kind: 'not-stored'; why: string; tryThis: string };

export type SilenceRequest =
  | { verb: 'set'; service: string; seconds: number; reason: string; by: string }
  | { verb: 'end'; service: string; by: string }
  | { verb: 'list' };

export type ServiceLine = {
  service: string;
  team: string | null;
  /** One line of what is known: level, growth, open case. Plain text. */
  summary: string;
};

/** Lines of an answer, plain text. */
export type DeskAnswer =
  | { kind: 'lines'; title: string; lines: readonly string[] }
  | { kind: 'unknown-service' }
  | Failure;

/** Who is on call for one team. Plain text; times in epoch milliseconds. */
export type OnCallView = {
  team: string;
  timezone: string;
  nowMs: number;
  /** `weekend, back Mon 09:00`. */
  work: string;
  known: Outcome<
    OnCallNow & {
      /** Of the coming fortnight. */
      gaps: readonly Span[];
      /** False: of a group that is on call together, without hand-offs. */
      hasShifts: boolean;
      source: string;
      ageSeconds: number;
      /** Why it is older than some minutes; null: it is not. */
      staleWhy: string | null;
    }
  >;
  problems: readonly string[];
};

export interface CommandDesk {
  /** Names of all services, for near matches. No I/O. */
  serviceNames(): readonly string[];
  /** `sinceSeconds` when the command names none. */
  defaultSinceSeconds(service: string): number;
  /**
   * Stored before it resolves. The same `requestId` again starts nothing new. Must answer within 2 s, Redis up or down.
   */
  startTriage(request: TriageRequest & { requestId: string }): Promise<StartedTriage>;
  listServices(): Promise<readonly ServiceLine[]>;
  status(incidentId: string | null): Promise<DeskAnswer>;
  baseline(verb: 'show' | 'set' | 'revert', service: string, by: string): Promise<DeskAnswer>;
  silence(request: SilenceRequest): Promise<DeskAnswer>;
  history(service: string): Promise<DeskAnswer>;
  /** Puts the incident as a Markdown document into its thread. */
  postmortem(incidentId: string): Promise<DeskAnswer>;
  onCall(): Promise<readonly OnCallView[]>;
}
