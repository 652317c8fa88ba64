import type { Baseline } from '../analysis/baseline.ts';
import type { TriagedService } from '../triage/context.ts';
import type { MemorySource } from '../triage/ports.ts';
import { type AlarmLevel, advance, type OpenIncident, type WatchAction, type WatchState } from './hysteresis.ts';
import { type Judged, judgeMemory } from './judge-memory.ts';
import { watchEverySeconds, watchPace, watchWindowSeconds } from './pace.ts';
import { type RecordBaselinePorts, recordBaseline } from './record-baseline.ts';

export type IdentifiedIncident = OpenIncident & { id: string };

/** What watching needs of the outside world. */
export type WatchPorts = RecordBaselinePorts & {
  memory: MemorySource;
  baselines: { current(service: string): Promise<Baseline | null> };
  states: {
    load(service: string): Promise<WatchState | null>;
    /** False, and nothing stored, when another look was counted since `before` was loaded. */
    save(service: string, next: WatchState, before: WatchState | null): Promise<boolean>;
  };
  incidents: {
    openOf(service: string): Promise<IdentifiedIncident | null>;
    /** Opens an incident and queues its triage, or joins the one under way. Safe to repeat with the same `requestId`. */
    open(service: string, alarm: Alarm): Promise<void>;
    /** Triages the reported incident anew, in its thread. Safe to repeat. */
    lookAgain(incidentId: string, alarm: Alarm): Promise<void>;
    close(service: string, incidentId: string): Promise<void>;
  };
};

export type Alarm = {
  level: AlarmLevel;
  why: string;
  /** The same again for the same look. */
  requestId: string;
};

export type Watched =
  | { kind: 'looked'; judged: Judged; action: WatchAction; baseline: Baseline | null }
  | { kind: 'not-seen'; why: string };

/** Of the time between two looks: what comes sooner is a job done twice, or one that a restart brought forward. */
const SOONEST = 0.5;

/**
 * One look at one service while nobody asks. `atMs`: the moment that it stands for, epoch milliseconds; a look at the
 * same moment again changes nothing. Trouble that lasts opens an incident, a healthy window closes it, and a healthy
 * release becomes the baseline. Never while an incident is open: what it is about must not become "healthy".
 */
export async function watchService(
  service: TriagedService,
  atMs: number,
  ports: WatchPorts,
  signal: AbortSignal,
): Promise<Watched> {
  const { name, policy } = service;
  const before = await ports.states.load(name);
  if (before !== null && atMs < before.atMs + SOONEST * 1000 * watchEverySeconds(policy)) {
    return { kind: 'not-seen', why: 'this look was done already' };
  }
  const answer = await ports.memory.readMemory(name, watchWindowSeconds(policy), signal);
  if (answer.outcome !== 'ok') return { kind: 'not-seen', why: answer.why };

  const memory = answer.value;
  const [open, current] = await Promise.all([ports.incidents.openOf(name), ports.baselines.current(name)]);
  const judged = judgeMemory({ memory, baseline: current, policy, nowSeconds: ports.now() / 1000 });
  const { signs, release } = judged;
  const { next, action } = advance(before, { atMs, signs, release }, open, watchPace(policy));
  // First the deed, which may be repeated, then the memory of it: a crash between the two loses nothing.
  await act(action, { name, atMs, open, judged }, ports);
  await ports.states.save(name, next, before);
  const mayRecord = open === null && action.kind === 'none' && signs?.length === 0;
  const baseline = mayRecord ? await recordBaseline(service, { memory, current }, ports) : null;
  return { kind: 'looked', judged, action, baseline };
}

async function act(
  action: WatchAction,
  look: { name: string; atMs: number; open: IdentifiedIncident | null; judged: Judged },
  { incidents }: WatchPorts,
): Promise<void> {
  const { name, atMs, open, judged } = look;
  if (action.kind === 'none') return;
  if (action.kind === 'close') {
    if (open !== null) await incidents.close(name, open.id);
    return;
  }
  const alarm = { level: action.level, why: judged.why, requestId: `watch/${name}/${atMs}` };
  if (action.kind === 'look-again' && open !== null) await incidents.lookAgain(open.id, alarm);
  else await incidents.open(name, alarm);
}
