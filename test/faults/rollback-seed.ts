/** What is stored of a rollback that one of two people approved, right before the second one presses. */
import { createEscalationQueue } from '../../src/adapters/bullmq/escalation-queue.ts';
import { REDIS_PREFIX } from '../../src/adapters/redis/connection.ts';
import { createDeployBook } from '../../src/adapters/redis/deploy-book.ts';
import { createIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import { createPagerBook } from '../../src/adapters/redis/pager-book.ts';
import { createRollbackBook } from '../../src/adapters/redis/rollback-book.ts';
import { createOutbox } from '../../src/adapters/slack/outbox.ts';
import { createSlackWeb } from '../../src/adapters/slack/slack-web.ts';
import type { Workspace } from '../../src/demo/workspace/workspace.ts';
import { rollbackParts } from '../../src/desks/root-parts.ts';
import type { Guard } from '../../src/incident/rollback.ts';
import { approve } from '../../src/incident/rollback-decisions.ts';
import { type Proposal, propose } from '../../src/incident/rollback-moves.ts';
import { assess, newPager, type Situation } from '../../src/oncall/escalation.ts';
import { silent } from '../slack/outbox-rig.ts';
import { aReport } from '../slack/reports.ts';
import type { TestRedis } from '../support/redis.ts';

export const CHANNEL = 'C0ONCALL';
const MIB = 2 ** 20;
const GUARDS = ['fresh data', 'suspect runs', 'healthy target', 'no rollout', 'cooldown', 'migration', 'GitOps'];

/** As triage, desk and pager leave it: proposed and approved by Bob, and then a page whose next level is due in 4 s. */
export async function seedRollback(redis: TestRedis, workspace: Workspace): Promise<void> {
  const client = redis.connect();
  const incidents = createIncidentBook(client, REDIS_PREFIX, Date.now);
  const rollbacks = createRollbackBook(client, REDIS_PREFIX);
  const deploys = createDeployBook(client, REDIS_PREFIX);
  const at = (secondsAgo: number): string => new Date(Date.now() - secondsAgo * 1000).toISOString();
  await deploys.save({ schema: 1, service: 'checkout', release: 'v1', at: at(7200), migration: 'none' });
  await deploys.save({ schema: 1, service: 'checkout', release: 'v2', at: at(1800), migration: 'none' });
  const request = { service: 'checkout', symptom: 'memory-growth', openedBy: 'watch', channelId: CHANNEL } as const;
  const asked = { ...request, sinceSeconds: 3600, takeSnapshot: false };
  const { incident } = await incidents.openOrJoin(asked, 'local');
  const base = aReport();
  const recommendation = { ...base.recommendation, from: 'v2', to: 'v1' };
  const report = { ...base, incident: incident.id, generatedAt: at(0), recommendation };
  await incidents.saveReport(incident.id, report);
  const guards: Guard[] = GUARDS.map((name) => ({ name, state: 'green', evidence: 'held when it was proposed' }));
  const proposal: Proposal = {
    incident: incident.id,
    service: 'checkout',
    site: 'local',
    from: 'v2',
    to: 'v1',
    approvers: ['U0BOB', 'U0CAROL'],
    approvalsNeeded: 2,
    isTierZero: false,
    reportedAt: report.generatedAt,
    before: { rssBytes: 200 * MIB, growth: null },
    guards,
    secondsToLimit: null,
    secondsToRollBack: null,
  };
  await rollbacks.change(incident.id, (before) => propose(before, proposal, Date.now(), false));
  const press = {
    userId: 'U0BOB',
    version: 1,
    permission: 'allowed',
    guards,
    answers: null,
    approvalsNeeded: 2,
  } as const;
  await rollbacks.change(incident.id, (before) => approve(before, press, Date.now()).move);
  await page(incident.id, client);
  const web = createSlackWeb({ botToken: workspace.botToken, slackApiUrl: workspace.apiUrl, logger: silent });
  const rootParts = async () => await rollbackParts(incident.id, rollbacks);
  const outbox = createOutbox({
    redis: client,
    connection: client,
    prefix: REDIS_PREFIX,
    web,
    logger: silent,
    rootParts,
  });
  await outbox.publishReport({ ...incident, state: 'reported' }, report);
  await outbox.close();
}

async function page(incident: string, client: ReturnType<TestRedis['connect']>): Promise<void> {
  const known = newPager({ incident, service: 'checkout', team: 'payments' });
  const situation: Situation = {
    trouble: 'critical',
    kills: 0,
    limitFrom: null,
    decision: 'page',
    why: 'memory of checkout is critical',
    setback: null,
    firstWaitSeconds: 4,
    onCall: known.onCall,
  };
  // Later than Bob's approval, which otherwise would be seen as somebody who is at it.
  await createPagerBook(client, REDIS_PREFIX).change(incident, () => assess(known, situation, Date.now() + 5));
  const escalations = createEscalationQueue(client, REDIS_PREFIX);
  await escalations.add({ kind: 'level', incidentId: incident, round: 1, level: 1 }, Date.now());
  await escalations.close();
}
