import type { Redis } from 'ioredis';

import { createTriageQueue, startTriageWorker, type TriageQueue } from '../adapters/bullmq/triage-queue.ts';
import { closeWorker } from '../adapters/close-worker.ts';
import { type BotServer, startBotServer } from '../adapters/http/bot-server.ts';
import { createAuditBook } from '../adapters/redis/audit-book.ts';
import { isFirstSeen } from '../adapters/redis/first-seen.ts';
import { createIncidentBook, type RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import { createLastLooks } from '../adapters/redis/last-looks.ts';
import { createPagerBook } from '../adapters/redis/pager-book.ts';
import { patiently } from '../adapters/redis/patiently.ts';
import { createRollbackBook } from '../adapters/redis/rollback-book.ts';
import { createSilenceBook } from '../adapters/redis/silence-book.ts';
import { createOutbox } from '../adapters/slack/outbox.ts';
import { startOutboxWorker } from '../adapters/slack/outbox-worker.ts';
import { createPeopleByEmail } from '../adapters/slack/people-by-email.ts';
import { startSlackApp } from '../adapters/slack/slack-app.ts';
import { createSlackWeb } from '../adapters/slack/slack-web.ts';
import { createUserGroups } from '../adapters/slack/user-groups.ts';
import { createActionDesk } from '../desks/action-desk.ts';
import { createAddresses } from '../desks/addresses.ts';
import { createBaselineRights } from '../desks/baseline-rights.ts';
import { createDesk } from '../desks/desk.ts';
import { createEarlierCase } from '../desks/earlier-case.ts';
import { lookActions } from '../desks/look-actions.ts';
import { createOffHours } from '../desks/off-hours.ts';
import { consider } from '../desks/page-desk.ts';
import { pagerActions } from '../desks/pager-actions.ts';
import { findPostmortem } from '../desks/postmortem.ts';
import { refreshThread, shareRuns, withNewestAlerts } from '../desks/refresh-thread.ts';
import { createLastLookOf, createRootParts } from '../desks/root-parts.ts';
import { createRotas } from '../desks/rotas.ts';
import { runStoredTriage } from '../desks/run-triage.ts';
import { CommandError, EXIT_USAGE, messageOf } from '../errors.ts';
import type { Ports } from '../triage/ports.ts';
import { createTurns } from '../triage/turns.ts';
import { startAlerting } from './alerting.ts';
import { openBaselines } from './baselines.ts';
import { toPagerDuty } from './environment.ts';
import { loadRunbooks } from './load-runbooks.ts';
import { openMitigating } from './mitigating.ts';
import { createObserving } from './observing.ts';
import { findReport, reportLinks } from './reports.ts';
import { startRollbacks, withProposals } from './rollbacks.ts';
import { aborted, signalOfStop } from './shutdown.ts';
import { slackSettings } from './slack-settings.ts';
import { openSnapshotTaker } from './snapshot-taker.ts';
import { openPaging, startPaging } from './start-paging.ts';
import { startTeamNews } from './start-team-news.ts';
import { openUmbrellas, startUmbrellas } from './start-umbrellas.ts';
import { startWatching } from './watching.ts';
import { openWorld, type World } from './world.ts';

/** `memtriage bot`: Slack in and out, and the triage jobs. Holds Slack's tokens; reaches no target. */
export async function botCommand(args: readonly string[]): Promise<number> {
  if (args.length > 0)
    throw new CommandError(EXIT_USAGE, '`memtriage bot` takes no arguments', 'See `memtriage help`.');
  const world = await openWorld(signalOfStop());
  try {
    const bot = await startBot(world);
    world.logger.info(
      { redis: world.redis.describe(), services: world.config.services.size, port: bot.port },
      'the bot is up',
    );
    await Promise.race([aborted(world.signal), bot.lost]);
    world.logger.info('stopping');
  } finally {
    for (const failure of await world.closers.closeAll()) world.logger.error(failure, 'did not close in order');
  }
  return 0;
}

type Bot = {
  port: number;
  /** Rejects when Slack will not have us any more, or nothing gets done: a supervisor must see that. */
  lost: Promise<never>;
};

async function startBot(world: World): Promise<Bot> {
  const { config, logger, redis, signal, closers } = world;
  const slack = slackSettings(world);
  const runbooks = await loadRunbooks(config.runbooks);
  const connection = redis.command();
  const { prefix } = redis;
  // Closed in reverse: until all work has ended, whoever asks hears that this bot is being stopped.
  let server: BotServer | null = null;
  closers.add('http', async () => await server?.close());

  const incidents = createIncidentBook(connection, prefix, Date.now);
  const snapshots = openSnapshotTaker(connection, prefix);
  closers.add('snapshot queues', snapshots.close);
  const baselines = openBaselines({ redis: connection, prefix, config, snapshots });
  const observing = createObserving(world, incidents);
  const web = observing.measureSlack(createSlackWeb({ ...slack, logger }));
  const audit = createAuditBook(connection, prefix);
  const rollbacks = observing.measureRollbacks(createRollbackBook(connection, prefix));
  const pagers = createPagerBook(connection, prefix);
  const silences = createSilenceBook(connection, prefix);
  const lastLookOf = createLastLookOf(createLastLooks(connection, prefix));
  const rootParts = createRootParts({
    pagers,
    silences,
    rollbacks,
    lastLookOf,
    umbrellaPart: (incident) => umbrellas.part(incident),
    earlierCase: (incident) => earlierCase(incident),
  });
  const links = reportLinks(world);
  const linkTo = (id: string): string | null => links?.linkTo(id) ?? null;
  const outbox = createOutbox({ redis: connection, connection, prefix, web, logger, rootParts, linkTo });
  const addressOf = createAddresses(outbox.permalink);
  const earlierCase = createEarlierCase(addressOf);
  closers.add('outbox', outbox.close);
  const umbrellas = openUmbrellas({
    world,
    incidents,
    pagers,
    silences,
    outbox,
    addressOf,
    linkTo,
    refresh: (incidentId) => refresh(incidentId),
  });
  const delivery = await startOutboxWorker({
    redis: connection,
    queueConnection: connection,
    workerConnection: redis.blocking(),
    prefix,
    web,
    logger,
    onRootPosted(id) {
      observing.onRootPosted(id);
      umbrellas
        .onRootPosted(id)
        .catch((err: unknown) => logger.debug({ err, id }, 'links to it come with the next look'));
    },
  });
  closers.add('outbox worker', delivery.close);

  const ports: Ports = {
    now: Date.now,
    incidents: observing.measureSteps(incidents),
    memory: world.memory,
    baselines,
    snapshots,
    queries: world.prometheus,
    thread: withProposals(withNewestAlerts(outbox, umbrellas.place), (...reported) =>
      rollbackDesk.consider(...reported),
    ),
  };
  const groups = createUserGroups(web);
  const rotas = createRotas({
    ...world,
    pagerDuty: toPagerDuty(world.environment),
    findPeople: createPeopleByEmail(web),
    membersOf: groups.membersOf,
  });
  const isOffHours = createOffHours(world, rotas);
  const runner = { config, runbooks, ports, logger, signal, takeTurn: createTurns(), isOffHours };
  const queue = createTriageQueue(connection, prefix);
  closers.add('triage queue', queue.close);
  const refresh = shareRuns(async (incidentId) => {
    const incident = await umbrellas.place(incidentId);
    await consider(incidentId, paging);
    await refreshThread(incidentId, incidents, outbox, { ...runner, rootParts });
    await umbrellas.show(incident);
  });
  const mitigating = openMitigating({ world, incidents, baselines, rollbacks, outbox, refresh });
  const paging = openPaging({
    world,
    web,
    incidents,
    pagers,
    rollbacks,
    silences,
    rotas,
    groups,
    outbox,
    triageQueue: queue,
    umbrellas,
    refresh,
  });
  const rollbackDesk = startRollbacks({
    world,
    isOffHours,
    incidents,
    baselines,
    rollbacks,
    audit,
    outbox,
    refresh,
    groups,
    inspect: mitigating.inspect,
    carryOut: mitigating.carryOut,
  });
  mitigating.start(rollbackDesk.guardsNow);
  const triageWorker = startTriageWorker({
    connection: redis.blocking(),
    prefix,
    run: observing.measureRuns(async (incidentId) => {
      await runStoredTriage(incidentId, incidents, runner);
      await refresh(incidentId);
    }),
    onError: (err, incidentId) => logger.warn({ err, incidentId }, 'a triage job failed and is tried again'),
  });
  closers.add('triage worker', () => closeWorker(triageWorker));

  await patiently(() => queueOrphans(incidents, queue), logger);
  startUmbrellas(world, umbrellas);
  await startPaging(world, paging);
  await startTeamNews(world, { incidents, pagers, rotas, outbox });
  const mayChangeBaseline = createBaselineRights({ world, groups, rotas, incidents, audit });
  const desk = createDesk({
    world,
    incidents,
    baselines,
    rollbacks,
    web,
    queue,
    outbox,
    rotas,
    audit,
    silences,
    umbrellas,
    observing,
    refresh,
    mayChangeBaseline,
  });
  await startWatching({
    world,
    incidents,
    baselines,
    queue,
    outbox,
    desk,
    silences,
    metrics: observing.metrics,
  });
  const { routes, channelReader } = startAlerting({
    world,
    incidents,
    triageQueue: queue,
    outbox,
    refresh,
    desk,
    silences,
    lastLookOf,
    metrics: observing.metrics,
  });
  const pulse = observing.startPulse();
  let onRefused: (error: CommandError) => void = () => {};
  const refusedBySlack = new Promise<never>((_resolve, reject) => {
    onRefused = reject;
  });
  refusedBySlack.catch(() => {});
  const isFirst = (key: string, seconds?: number) => isFirstSeen(connection, prefix, key, seconds);
  const actions = createActionDesk({
    ...pagerActions(paging),
    approve_rollback: rollbackDesk.approve_rollback,
    decline_rollback: rollbackDesk.decline_rollback,
    ...lookActions({ world, incidents, baselines, queue, outbox, audit, mayChangeBaseline, admit: isFirst }),
  });
  const inbound = {
    ...slack,
    port: null,
    desk,
    actions,
    channelReader,
    isFirst,
    web,
    whyUnable: () => whyUnable(connection),
  };
  const app = await startSlackApp({ ...inbound, logger, signal, onRefused });
  closers.add('slack', app.close);
  server = await startBotServer({
    port: world.environment.port,
    token: world.environment.webhookToken?.reveal() ?? null,
    links,
    slack: app.requestListener,
    routes: [...routes, observing.route],
    whyStuck: pulse.whyStuck,
    whatIsMissing: () => whatIsMissing(connection),
    findReport: (id) => findReport(id, incidents),
    findPostmortem: (id) => findPostmortem(id, { incidents, rollbacks, audit }),
    onError: (err) => logger.error({ err }, 'a request could not be answered'),
  });
  closers.add('requests', server.refuse);
  return { port: server.port, lost: Promise.race([refusedBySlack, observing.stuck]) };
}

async function whatIsMissing(redis: Redis): Promise<readonly string[]> {
  const answer = await redis.ping().catch(messageOf);
  return answer === 'PONG' ? [] : [whyUnable(redis) ?? `Redis does not answer: ${answer}`];
}

/** What ioredis says of a connection that is lost is of its own making. */
function whyUnable({ status }: Redis): string | null {
  return status === 'ready' ? null : 'Redis does not answer';
}

/** Incidents whose bot died between storing the incident and queueing its job. */
async function queueOrphans(incidents: RedisIncidentBook, queue: TriageQueue): Promise<void> {
  const recent = await incidents.recent(100);
  for (const { id, round, state } of recent) if (state === 'triaging') await queue.add(id, round);
}
