import type { Service } from '../config/config.ts';
import type { DeskWorld } from './desk-world.ts';
import type { Rotas } from './rotas.ts';

/** Nobody waits longer for a list of holidays; weekends and evenings are known without it. */
const PATIENCE_MS = 500;

/**
 * Is the team of the service not at work at that moment (epoch milliseconds)? Null: the service has no team, or it may be
 * a holiday, since those are not known.
 */
export type OffHours = (service: Service, nowMs: number) => Promise<boolean | null>;

export function createOffHours({ config }: Pick<DeskWorld, 'config'>, rotas: Rotas): OffHours {
  return async (service, nowMs) => {
    const team = service.team === null ? undefined : config.teams.get(service.team);
    if (team === undefined) return null;
    const { hours, problems } = await rotas.hoursOf(team, PATIENCE_MS);
    if (hours.at(nowMs).kind !== 'open') return true;
    return problems.length === 0 ? false : null;
  };
}
