/** Alerts from their arrival to their threads: the routes that store them, and the worker that takes them. */

import { createAlertQueue, startAlertWorker } from '../adapters/bullmq/alert-queue.ts';
import type { TriageQueue } from '../adapters/bullmq/triage-queue.ts';
import { closeWorker } from '../adapters/close-worker.ts';
import { alertRoutes } from '../adapters/http/alert-routes.ts';
import type { Route } from '../adapters/http/bot-server.ts';
import type { Metrics } from '../adapters/metrics/metrics.ts';
import type { AlertBook } from '../adapters/redis/alert-book.ts';
import { createAlertEpisodes } from '../adapters/redis/alert-episodes.ts';
import { createDeployBook } from '../adapters/redis/deploy-book.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import { createInstanceStore } from '../adapters/redis/instance-store.ts';
import type { SilenceBook } from '../adapters/redis/silence-book.ts';
import { admitUnplaced } from '../adapters/redis/unplaced-alerts.ts';
import type { CommandDesk } from '../adapters/slack/command-desk.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import type { ChannelReader } from '../adapters/slack/slack-app.ts';
import type { Alert } from '../alert/alert.ts';
import type { Deploy } from '../alert/deploy.ts';
import type { KillEvidence } from '../alert/judge-kill.ts';
import { createAlertDesk } from '../desks/alert-desk.ts';
import { withTimes } from '../desks/alert-times.ts';
import { createChannelReader } from '../desks/channel-reader.ts';
import { failed, type Outcome, ok } from '../errors.ts';
import type { Incident } from '../incident/incident.ts';
import type { LastLook } from '../incident/last-look.ts';
import type { World } from './world.ts';

export type AlertingParts = {
  world: World;
  incidents: RedisIncidentBook;
  alertBook: AlertBook;
  triageQueue: TriageQueue;
  outbox: Outbox;
  refresh: (incidentId: string) => Promise<void>;
  desk: Pick<CommandDesk, 'defaultSinceSeconds'>;
  silences: Pick<SilenceBook, 'find'>;
  lastLookOf: (incident: Incident) => Promise<LastLook | null>;
  metrics: Pick<Metrics, 'countAlert' | 'countChannelMessage'>;
};

export type Alerting = { routes: readonly Route[]; channelReader: ChannelReader | null };

/** Takes stored alerts from now on; the routes and the reader of channels store new ones. Closed with the world. */
export function startAlerting({ world, metrics, ...parts }: AlertingParts): Alerting {
  const { config, environment, logger, redis, closers } = world;
  const token = environment.webhookToken?.reveal() ?? null;
  if (token === null) logger.info('MEMTRIAGE_WEBHOOK_TOKEN is not set: alerts and deploys are answered with 401');
  const alertQueue = createAlertQueue(redis.command(), redis.prefix);
  const episodes = createAlertEpisodes(redis.command(), redis.prefix);
  closers.add('alert queue', alertQueue.close);
  const admit = (key: string) => admitUnplaced(redis.command(), redis.prefix, key);
  const deploys = createDeployBook(redis.command(), redis.prefix);
  const { keepSeconds } = config.sampling;
  const instances = createInstanceStore({ redis: redis.command(), prefix: redis.prefix, keepSeconds });
  async function killEvidence(service: string, sinceSeconds: number): Promise<KillEvidence> {
    const [lives, told] = await Promise.all([instances.list(service), deploys.list(service, sinceSeconds)]);
    return { lives, deploys: told.map(({ release, at }) => ({ release, at: Date.parse(at) / 1000 })) };
  }
  const desk = createAlertDesk({
    world,
    killEvidence,
    alertQueue,
    admitUnplaced: admit,
    now: Date.now,
    ...parts,
  });
  const worker = startAlertWorker({
    connection: redis.blocking(),
    prefix: redis.prefix,
    take: desk.take,
    onError: (err) => logger.warn({ err }, 'an alert could not be taken and is tried again'),
  });
  closers.add('alert worker', () => closeWorker(worker));

  async function storeDeploy(deploy: Deploy): Promise<Outcome<null>> {
    if (!config.services.has(deploy.service)) {
      const known = [...config.services.keys()].slice(0, 20).join(', ');
      return failed('user', `no service is called ${deploy.service}`, `Those of the configuration: ${known}`);
    }
    await deploys.save(deploy);
    return ok(null);
  }
  async function storeAlerts(alerts: readonly Alert[]): Promise<void> {
    await alertQueue.add(await withTimes(alerts, episodes, Date.now()));
    for (const { source, status } of alerts) metrics.countAlert(source, status);
  }
  return {
    routes: alertRoutes({ token, storeAlerts, storeDeploy, logger }),
    channelReader: createChannelReader({ world, episodes, storeAlerts, metrics }),
  };
}
