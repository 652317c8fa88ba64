/** Who may set or revert a baseline: asked of the configuration, Slack's user groups and the rota at that moment. */
import { setTimeout } from 'node:timers/promises';
import type { AuditBook } from '../adapters/redis/audit-book.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { Service, Team } from '../config/config.ts';
import { inconclusive, type Outcome, ok } from '../errors.ts';
import { judgeBaselineChange, mayDecide, type UserGroups } from '../mitigation/who-decides.ts';
import { onCallAt, usersOf } from '../oncall/rota.ts';
import type { DeskWorld } from './desk-world.ts';
import type { Rotas } from './rotas.ts';

export type BaselineRightsParts = {
  world: Pick<DeskWorld, 'config' | 'logger'>;
  groups: UserGroups;
  rotas: Pick<Rotas, 'rotaOf'>;
  incidents: Pick<RedisIncidentBook, 'newestOf'>;
  audit: AuditBook;
  now?: () => number;
};

/**
 * Ok, or why not. A no is a line in the trail of the service's newest incident, once for each wish. `wish`: what was
 * asked for, such as `set_baseline`.
 */
export type MayChangeBaseline = (userId: string, service: Service, wish: string) => Promise<Outcome<null>>;

/** A person waits, and Slack's trigger for a form lives 3 s. */
const DEADLINE_MS = 1200;

export function createBaselineRights(parts: BaselineRightsParts): MayChangeBaseline {
  const { world } = parts;
  return async (userId, service, wish) => {
    const team = service.team === null ? undefined : world.config.teams.get(service.team);
    if (team === undefined) return ok(null);
    const [approver, onCall] = await Promise.all([isApprover(userId, team, parts), isOnCall(userId, team, parts)]);
    const judged = judgeBaselineChange(team.name, { approver, onCall });
    if (judged.outcome !== 'ok') await noteRefusal({ userId, service, wish, why: judged.why }, parts);
    return judged;
  };
}

async function isApprover(
  userId: string,
  { approvers }: Team,
  { groups }: BaselineRightsParts,
): Promise<Outcome<boolean> | null> {
  if (approvers.length === 0) return null;
  const late = setTimeout(DEADLINE_MS, NOT_IN_TIME, { ref: false });
  return await Promise.race([mayDecide(userId, approvers, groups), late]);
}

const NOT_IN_TIME = inconclusive(
  'upstream',
  'Slack did not tell in time who is in the user groups of the approvers',
  'Try again in a minute',
);

/** By an answer of the last minutes only: who left must not decide because a schedule can't be read. */
async function isOnCall(
  userId: string,
  team: Team,
  { rotas, now = Date.now }: BaselineRightsParts,
): Promise<Outcome<boolean> | null> {
  if (team.onCall === null) return null;
  const known = await rotas.rotaOf(team, DEADLINE_MS);
  if (known.outcome !== 'ok') return known;
  const { rota, staleWhy } = known.value;
  if (staleWhy !== null) return inconclusive('upstream', `who is on call now: ${staleWhy}`, 'Try again in a minute');
  return ok(usersOf(onCallAt(rota, now()).people).includes(userId));
}

async function noteRefusal(
  { userId, service, wish, why }: { userId: string; service: Service; wish: string; why: string },
  { world, incidents, audit, now = Date.now }: BaselineRightsParts,
): Promise<void> {
  world.logger.info({ service: service.name, userId, wish, why }, 'a change of a baseline was refused');
  const incident = await incidents.newestOf(service.name);
  if (incident === null) return;
  const line = { at: new Date(now()).toISOString(), who: userId, what: 'refused', why: `${wish}: ${why}` };
  await audit.append(incident.id, `refused-${wish}-${userId}-${incident.round ?? 1}-${why}`, line);
}
