import { createTriageQueue, type TriageQueue } from '../adapters/bullmq/triage-queue.ts';
import { createAlertBook } from '../adapters/redis/alert-book.ts';
import { createAuditBook } from '../adapters/redis/audit-book.ts';
import { createIncidentBook } from '../adapters/redis/incident-book.ts';
import { createLastLooks } from '../adapters/redis/last-looks.ts';
import { createPagerBook } from '../adapters/redis/pager-book.ts';
import { createRollbackBook } from '../adapters/redis/rollback-book.ts';
import { createSilenceBook } from '../adapters/redis/silence-book.ts';
import { createTallyReader } from '../adapters/redis/tally-reader.ts';
import { createPeopleByEmail } from '../adapters/slack/people-by-email.ts';
import { createSlackWeb } from '../adapters/slack/slack-web.ts';
import { createUserGroups } from '../adapters/slack/user-groups.ts';
import { createLastLookOf } from '../desks/root-parts.ts';
import { createRotas } from '../desks/rotas.ts';
import { openBaselines } from './baselines.ts';
import { toPagerDuty } from './environment.ts';
import { createObserving } from './observing.ts';
import { reportLinks } from './reports.ts';
import { slackSettings } from './slack-settings.ts';
import { openSnapshotTaker } from './snapshot-taker.ts';
import type { World } from './world.ts';

export type Keepers = ReturnType<typeof openKeepers>;

/** What a bot knows and whom it asks: the books in Redis, the queues it fills, Slack's Web API. Closed with the world. */
export function openKeepers(world: World) {
  const { config, logger, redis, closers } = world;
  const connection = redis.command();
  const { prefix } = redis;
  const tallies = createTallyReader();
  const incidents = createIncidentBook(connection, prefix, Date.now, tallies);
  const snapshots = openSnapshotTaker(connection, prefix);
  closers.add('snapshot queues', snapshots.close);
  const queue: TriageQueue = createTriageQueue(connection, prefix);
  closers.add('triage queue', queue.close);
  const observing = createObserving(world, incidents);
  const web = observing.measureSlack(createSlackWeb({ ...slackSettings(world), logger }));
  const groups = createUserGroups(web);
  const links = reportLinks(world);
  return {
    incidents,
    alertBook: createAlertBook(connection, prefix, tallies),
    snapshots,
    queue,
    observing,
    web,
    groups,
    links,
    linkTo: (id: string): string | null => links?.linkTo(id) ?? null,
    baselines: openBaselines({ redis: connection, prefix, config, snapshots }),
    audit: createAuditBook(connection, prefix),
    rollbacks: observing.measureRollbacks(createRollbackBook(connection, prefix)),
    pagers: createPagerBook(connection, prefix),
    silences: createSilenceBook(connection, prefix),
    lastLookOf: createLastLookOf(createLastLooks(connection, prefix)),
    rotas: createRotas({
      ...world,
      pagerDuty: toPagerDuty(world.environment),
      findPeople: createPeopleByEmail(web),
      membersOf: groups.membersOf,
    }),
  };
}
