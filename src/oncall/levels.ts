import type { Team } from '../config/config.ts';
import { type OnCallNow, peopleOf, type Rota, usersOf } from './rota.ts';

/** How many levels a team has: one more than it has waits between them. */
export function levelCount({ escalateAfterSeconds }: Pick<Team, 'escalateAfterSeconds'>): number {
  return escalateAfterSeconds.length + 1;
}

/** Seconds after that level until the next one is asked, or until everybody was asked in vain. */
export function waitAfter({ escalateAfterSeconds }: Pick<Team, 'escalateAfterSeconds'>, level: number): number {
  return escalateAfterSeconds[Math.min(level, escalateAfterSeconds.length) - 1] ?? 0;
}

/**
 * Whom a level asks: 1 who is on call, 2 the backup, 3 the leads (the team's approvers), from 4 on everybody of the
 * rota and the leads. `leads`: Slack users, groups resolved. Empty: there is nobody (a gap, one person only).
 */
export function peopleOfLevel(level: number, rota: Rota | null, now: OnCallNow, leads: readonly string[]): string[] {
  switch (level) {
    case 1:
      return usersOf(now.people);
    case 2:
      return now.backup?.userId == null ? [] : [now.backup.userId];
    case 3:
      return [...new Set(leads)];
    default:
      return [...new Set([...(rota === null ? [] : peopleOf(rota)), ...leads])];
  }
}
