/** `/memtriage oncall`: now, next and the gaps of the coming fortnight, for every team. */
import type { OnCallView } from '../adapters/slack/command-desk.ts';
import type { Team } from '../config/config.ts';
import { findGaps, onCallAt } from '../oncall/rota.ts';
import type { WorkHours } from '../oncall/work-hours.ts';
import { DAY_MS, shortTime } from '../oncall/zone-time.ts';
import type { Rotas } from './rotas.ts';

const FORTNIGHT_MS = 14 * DAY_MS;
/** Slack waits 3 s for the whole answer, and the desk for 2.5 s. */
const PATIENCE_MS = 1500;

export async function viewOnCall(
  teams: Iterable<Team>,
  rotas: Rotas,
  nowMs: number,
  patienceMs: number = PATIENCE_MS,
): Promise<readonly OnCallView[]> {
  return await Promise.all([...teams].map(async (team) => await viewTeam(team, rotas, nowMs, patienceMs)));
}

async function viewTeam(team: Team, rotas: Rotas, nowMs: number, patienceMs: number): Promise<OnCallView> {
  const [known, { hours, problems }] = await Promise.all([
    rotas.rotaOf(team, patienceMs),
    rotas.hoursOf(team, patienceMs),
  ]);
  const base = { team: team.name, timezone: team.timezone, nowMs, work: workPhrase(hours, nowMs), problems };
  if (known.outcome !== 'ok') return { ...base, known: known };
  const { rota, source, fetchedAtMs, staleWhy } = known.value;
  return {
    ...base,
    problems: [...problems, ...rota.problems],
    known: {
      outcome: 'ok',
      value: {
        ...onCallAt(rota, nowMs),
        hasShifts: rota.group === undefined,
        gaps: findGaps(rota, { fromMs: nowMs, toMs: nowMs + FORTNIGHT_MS }),
        source,
        ageSeconds: Math.max(0, (nowMs - fetchedAtMs) / 1000),
        staleWhy,
      },
    },
  };
}

/** `at work until Fri 18:00`, `weekend, back Mon 09:00`. Plain text, in the team's zone. */
export function workPhrase(hours: WorkHours, nowMs: number): string {
  const state = hours.at(nowMs);
  if (state.kind === 'open') return `at work until ${shortTime(state.closesMs, nowMs, hours.timezone)}`;
  const next = hours.nextOpen(nowMs);
  const back = next === null ? 'not back within a year' : `back ${shortTime(next, nowMs, hours.timezone)}`;
  return `${state.kind === 'holiday' ? state.name : state.kind}, ${back}`;
}
