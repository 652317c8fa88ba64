import type { Redis } from 'ioredis';
import { type BotServer, startBotServer } from '../adapters/http/bot-server.ts';
import { isFirstSeen } from '../adapters/redis/first-seen.ts';
import { describeNoAnswer } from '../adapters/redis/no-answer.ts';
import { type SlackApp, startSlackApp } from '../adapters/slack/slack-app.ts';
import { createActionDesk } from '../desks/action-desk.ts';
import { createBaselineRights } from '../desks/baseline-rights.ts';
import { createDesk } from '../desks/desk.ts';
import { lookActions } from '../desks/look-actions.ts';
import { pagerActions } from '../desks/pager-actions.ts';
import { findPostmortem } from '../desks/postmortem.ts';
import { CommandError, EXIT_USAGE } from '../errors.ts';
import { startAlerting } from './alerting.ts';
import { type Keepers, openKeepers } from './bot-keepers.ts';
import { openThreads, type Threads } from './bot-threads.ts';
import { type BotWork, openWork } from './bot-work.ts';
import { keepHeapSmall } from './heap-growth.ts';
import { findReport } from './reports.ts';
import { aborted, signalOfStop } from './shutdown.ts';
import { slackSettings } from './slack-settings.ts';
import { startWatching } from './watching.ts';
import { openWorld, type World } from './world.ts';

/** `memtriage bot`: Slack in and out, and the triage jobs. Holds Slack's tokens; reaches no target. */
export async function botCommand(args: readonly string[]): Promise<number> {
  if (args.length > 0)
    throw new CommandError(EXIT_USAGE, '`memtriage bot` takes no arguments', 'See `memtriage help`.');
  keepHeapSmall();
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

/** From the inside out: what it keeps, its threads, its work; then the doors through which people and alerts come. */
async function startBot(world: World): Promise<Bot> {
  // Closed in reverse: until all work has ended, whoever asks hears that this bot is being stopped.
  let server: BotServer | null = null;
  world.closers.add('http', async () => await server?.close());
  const keepers = openKeepers(world);
  const threads = await openThreads(world, keepers, (incidentId) => work.refresh(incidentId));
  const work = await openWork(world, keepers, threads);
  await work.start();
  const doors = await openDoors(world, keepers, threads, work);
  server = await startServer(world, keepers, doors);
  world.closers.add('requests', server.refuse);
  return { port: server.port, lost: Promise.race([doors.refusedBySlack, keepers.observing.stuck]) };
}

type Doors = Pick<ReturnType<typeof startAlerting>, 'routes'> & {
  app: SlackApp;
  /** Rejects when Slack will not have us any more. */
  refusedBySlack: Promise<never>;
};

async function openDoors(
  world: World,
  keepers: Keepers,
  { outbox, umbrellas }: Threads,
  work: BotWork,
): Promise<Doors> {
  const { redis, logger, signal, closers } = world;
  const { queue, web, observing } = keepers;
  const { refresh, paging, rollbackDesk } = work;
  const mayChangeBaseline = createBaselineRights({ world, ...keepers });
  const parts = { world, ...keepers, outbox, umbrellas, refresh, mayChangeBaseline };
  const desk = createDesk(parts);
  const { metrics } = observing;
  await startWatching({ ...parts, desk, metrics });
  const { routes, channelReader } = startAlerting({ ...parts, triageQueue: queue, desk, metrics });
  const isFirst = (key: string, seconds?: number) => isFirstSeen(redis.command(), redis.prefix, key, seconds);
  const actions = createActionDesk({
    ...pagerActions(paging),
    approve_rollback: rollbackDesk.approve_rollback,
    decline_rollback: rollbackDesk.decline_rollback,
    ...lookActions({ ...parts, admit: isFirst }),
  });
  const { onRefused, refusedBySlack } = hearRefusal();
  const app = await startSlackApp({
    ...slackSettings(world),
    port: null,
    desk,
    actions,
    channelReader,
    isFirst,
    web,
    whyUnable: () => whyUnable(redis.command()),
    logger,
    signal,
    onRefused,
  });
  closers.add('slack', app.close);
  return { routes, app, refusedBySlack };
}

function hearRefusal(): { onRefused: (error: CommandError) => void; refusedBySlack: Promise<never> } {
  let onRefused: (error: CommandError) => void = () => {};
  const refusedBySlack = new Promise<never>((_resolve, reject) => {
    onRefused = reject;
  });
  // It may come before anybody waits for it.
  refusedBySlack.catch(() => {});
  return { onRefused: (error) => onRefused(error), refusedBySlack };
}

async function startServer({ environment, redis, logger }: World, keepers: Keepers, { routes, app }: Doors) {
  const { observing, links, incidents, rollbacks, audit } = keepers;
  const pulse = observing.startPulse();
  return await startBotServer({
    port: environment.port,
    token: environment.webhookToken?.reveal() ?? null,
    links,
    slack: app.requestListener,
    routes: [...routes, observing.route],
    whyStuck: pulse.whyStuck,
    whatIsMissing: () => whatIsMissing(redis.command()),
    findReport: (id) => findReport(id, incidents),
    findPostmortem: (id) => findPostmortem(id, { incidents, rollbacks, audit }),
    onError: (err) => logger.error({ err }, 'a request could not be answered'),
  });
}

async function whatIsMissing(redis: Redis): Promise<readonly string[]> {
  try {
    await redis.ping();
    return [];
  } catch (thrown) {
    return [describeNoAnswer(thrown)];
  }
}

function whyUnable({ status }: Redis): string | null {
  return status === 'ready' ? null : 'Redis does not answer';
}
