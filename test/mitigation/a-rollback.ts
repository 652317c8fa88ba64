import type { Redis } from 'ioredis';
import { createIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import type { Rollback } from '../../src/incident/rollback.ts';

export const PROPOSED_AT = '2026-11-21T02:00:00.000Z';

/** One that was proposed for the first incident of a store, from v2 to v1. */
export const aRollback = (given: Partial<Rollback> = {}): Rollback => ({
  schema: 1,
  version: 0,
  incident: 'M-1',
  service: 'checkout',
  site: 'local',
  from: 'v2',
  to: 'v1',
  state: 'proposed',
  requestedBy: 'U0ALICE',
  approvalsNeeded: 1,
  approvers: ['U0ALICE'],
  approvals: [],
  proposedAt: PROPOSED_AT,
  expiresAt: PROPOSED_AT,
  reportedAt: PROPOSED_AT,
  before: { rssBytes: null, growth: null },
  guards: [],
  isTierZero: false,
  migrationWord: null,
  secondsToLimit: null,
  secondsToRollBack: null,
  withdrawn: null,
  declined: null,
  act: null,
  proof: null,
  ...given,
});

/** The incident that it belongs to. Resolves with its id. */
export async function openIncident(redis: Redis, prefix: string): Promise<string> {
  const incidents = createIncidentBook(redis, prefix, Date.now);
  const request = {
    service: 'checkout',
    symptom: 'asked' as const,
    openedBy: 'U0ALICE',
    channelId: 'C0ONCALL',
    sinceSeconds: 3600,
    takeSnapshot: false,
  };
  return (await incidents.openOrJoin(request, 'local')).incident.id;
}
