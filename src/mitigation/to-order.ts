import type { Rollback } from '../incident/rollback.ts';
import { orderKey } from '../incident/rollback-course.ts';
import type { RollbackOrder } from './executor.ts';

/** What was right when it was approved may be wrong when a site comes back after longer. */
const BEGIN_WITHIN_SECONDS = 600;

/** The order of a rollback that was begun: the very same one however often it is made. */
export function toOrder(rollback: Rollback): RollbackOrder {
  const { incident, service, site, from, to, requestedBy, approvals, act } = rollback;
  const begun = Date.parse(act?.startedAt ?? rollback.proposedAt);
  const notAfter = new Date(begun + BEGIN_WITHIN_SECONDS * 1000).toISOString();
  const approvedBy = approvals.map(({ userId }) => userId);
  return { schema: 1, key: orderKey(rollback), incident, service, site, from, to, requestedBy, approvedBy, notAfter };
}
