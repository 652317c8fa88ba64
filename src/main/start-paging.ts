import { createEscalationQueue, startEscalationWorker } from '../adapters/bullmq/escalation-queue.ts';
import type { TriageQueue } from '../adapters/bullmq/triage-queue.ts';
import { closeWorker } from '../adapters/close-worker.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { PagerBook } from '../adapters/redis/pager-book.ts';
import { patiently } from '../adapters/redis/patiently.ts';
import type { RollbackBook } from '../adapters/redis/rollback-book.ts';
import type { SilenceBook } from '../adapters/redis/silence-book.ts';
import { createDirectMessages } from '../adapters/slack/direct-messages.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import type { SlackWeb } from '../adapters/slack/slack-web.ts';
import type { UserGroups } from '../adapters/slack/user-groups.ts';
import type { PagingParts } from '../desks/page-desk.ts';
import { createPaging } from '../desks/paging.ts';
import type { Rotas } from '../desks/rotas.ts';
import type { UmbrellaDesk } from '../desks/umbrella-desk.ts';
import type { World } from './world.ts';

export type PagingNeeds = {
  world: World;
  web: SlackWeb;
  incidents: RedisIncidentBook;
  pagers: PagerBook;
  rollbacks: RollbackBook;
  silences: Pick<SilenceBook, 'find'>;
  rotas: Rotas;
  groups: UserGroups;
  outbox: Outbox;
  triageQueue: TriageQueue;
  umbrellas: Pick<UmbrellaDesk, 'openOf' | 'claimPage'>;
  refresh: (incidentId: string) => Promise<void>;
};

/** What pages need, its queue open; closed with the world. */
export function openPaging({ web, ...needs }: PagingNeeds): PagingParts {
  const { redis, closers } = needs.world;
  const escalations = createEscalationQueue(redis.command(), redis.prefix);
  closers.add('escalation queue', escalations.close);
  return { ...needs, escalations, messages: createDirectMessages(web) };
}

/** Takes what is due from now on, in any replica; closed with the world. */
export async function startPaging({ logger, redis, closers }: World, parts: PagingParts): Promise<void> {
  const worker = startEscalationWorker({
    connection: redis.blocking(),
    prefix: redis.prefix,
    run: createPaging(parts).run,
    onError: (err) => logger.warn({ err }, 'an escalation failed and is tried again'),
  });
  closers.add('escalation worker', () => closeWorker(worker));
  await patiently(() => parts.escalations.keepSweeping(), logger);
}
