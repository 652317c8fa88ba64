import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { ConnectionOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { messageOf } from '../../errors.ts';
import type { Incident } from '../../incident/incident.ts';
import { threadOf, type Umbrella } from '../../incident/umbrella.ts';
import type { Report } from '../../report/report.ts';
import type { SlackMessage } from '../../report/slack-blocks.ts';
import type { RootPart } from '../../report/slack-buttons.ts';
import { renderEvent } from '../../report/slack-event.ts';
import type { UmbrellaContext } from '../../report/slack-umbrella.ts';
import type { IncidentThread } from '../../triage/ports.ts';
import { openQueue } from '../open-queue.ts';
import { OutboxStore } from './outbox-store.ts';
import { PRIORITY, ROOT } from './outbox-thread.ts';
import type { SlackWeb } from './slack-web.ts';
import { closedThread, progressThread, reportThread, umbrellaThread, type WantedThread } from './thread-messages.ts';

export type OutboxOptions = {
  /** For the outbox's own keys. */
  redis: Redis;
  /** For BullMQ's queue; must fail fast while Redis is down (`enableOfflineQueue: false`, connected already). */
  connection: ConnectionOptions;
  /** With a hash tag: `{memtriage}`. */
  prefix: string;
  web: SlackWeb;
  logger: Logger;
  /** How long a quiet thread is remembered. Default 7 days. */
  retentionMs?: number;
  /** The signed address of a report's page; null: none is shown. */
  linkTo?: (incidentId: string) => string | null;
  /** What the keepers of state (rollback, on-call, …) show on the root beside the report. */
  rootParts?: (incident: Incident) => Promise<readonly RootPart[]>;
};

/** A thread by its own id: of an incident, or of an umbrella. */
export type ThreadPlace = Pick<Incident, 'id' | 'channelId'>;

export interface Outbox extends IncidentThread {
  /** The root begins with why nobody needs to act any more, and a reply says so; a thread that is gone stays gone. */
  showClosed(incident: Incident, report: Report, why: string): Promise<void>;
  /** The thread of many services that were killed at once. Safe to repeat; newest wins. */
  showUmbrella(umbrella: Umbrella, known: UmbrellaContext): Promise<void>;
  /**
   * One more reply, in the thread that tells of the incident: something happened. `key`: the same event again is told
   * once. Plain text.
   */
  tellEvent(incident: Incident, key: string, text: string): Promise<void>;
  /** One more reply, once its root is there. `key`: the same again is posted once. `unless`: as in `post`. */
  reply(place: ThreadPlace, key: string, message: SlackMessage, unless?: string): Promise<void>;
  /**
   * A message outside of threads of incidents. `key`: the same message again is posted once. `unless`: a key of Redis;
   * once it exists, what was not begun before is never posted.
   */
  post(key: string, channelId: string, message: SlackMessage, unless?: string): Promise<void>;
  /** Is there a thread that is wanted or stands, and was not quiet for too long? */
  hasThread(incidentId: string): Promise<boolean>;
  /** Where the incident's thread stands in Slack; null while its root is not there yet. */
  findThread(incidentId: string): Promise<{ channelId: string; rootTs: string } | null>;
  /** Address of the thread's root for people, or null when there is none or Slack does not answer. */
  permalink(incidentId: string): Promise<string | null>;
  close(): Promise<void>;
}

export const OUTBOX_QUEUE = 'slack';
export const RETENTION_MS = 7 * 24 * 3600 * 1000;

/**
 * The thread of each incident as it is wanted, stored in Redis before anything goes to Slack. `startOutboxWorker`,
 * in any replica, brings Slack to it: one root and one report in the end, whatever dies in between.
 */
export function createOutbox(options: OutboxOptions): Outbox {
  const { redis, prefix, web, logger, retentionMs = RETENTION_MS } = options;
  const { linkTo = () => null, rootParts = async () => [] } = options;
  const store = new OutboxStore(redis, { prefix, retentionMs });
  const queue = createOutboxQueue(options);
  const findThread: Outbox['findThread'] = async (incidentId) => {
    const thread = (await store.load(incidentId))?.thread;
    const rootTs = thread?.sent.get(ROOT)?.ts;
    return thread === undefined || rootTs === undefined ? null : { channelId: thread.channelId, rootTs };
  };
  const want = async ({ id, channelId }: ThreadPlace, { priority, messages }: WantedThread): Promise<void> => {
    if (channelId === null) return;
    await store.want(id, channelId, priority, messages);
    await wakeChannel(queue, channelId, priority === PRIORITY.urgent);
  };
  return {
    findThread,
    hasThread: async (incidentId) =>
      (await store.load(incidentId))?.thread.slots.some(({ key }) => key === ROOT) === true,
    showProgress: async (incident, progress) => {
      try {
        await want(incident, progressThread({ incident, parts: await rootParts(incident) }, progress));
      } catch (thrown) {
        logger.warn(
          { incidentId: incident.id, why: messageOf(thrown) },
          'progress could not be stored, it is left out',
        );
      }
    },
    publishReport: async (incident, report) => {
      await want(incident, reportThread({ incident, parts: await rootParts(incident) }, report, linkTo(incident.id)));
    },
    showClosed: async (incident, report, why) => {
      if ((await findThread(incident.id)) === null) return;
      await want(incident, closedThread(incident, report, why, linkTo(incident.id)));
    },
    showUmbrella: async (umbrella, known) => await want(umbrella, umbrellaThread(umbrella, known)),
    tellEvent: async (incident, key, text) => {
      const place = threadOf(incident);
      if ((await findThread(place.id)) === null) return;
      const said = place.id === incident.id ? text : `${incident.service}: ${text}`;
      const reply = { key: `event-${sha1(key)}`, kind: 'reply' as const, message: renderEvent(said) };
      await want(place, { priority: PRIORITY.reply, messages: [reply] });
    },
    reply: async (place, key, message, unless) => {
      // What may be called off is a page: it goes before evidence.
      const isUrgent = unless !== undefined;
      const slot = { key: `event-${sha1(key)}`, kind: 'reply' as const, message, isUrgent, ...calledOffBy(unless) };
      await want(place, { priority: isUrgent ? PRIORITY.urgent : PRIORITY.reply, messages: [slot] });
    },
    post: async (key, channelId, message, unless) => {
      const slot = { key: ROOT, kind: 'report' as const, message, ...calledOffBy(unless) };
      await store.want(`post-${sha1(key)}`, channelId, PRIORITY.root, [slot]);
      await wakeChannel(queue, channelId);
    },
    permalink: async (incidentId) => {
      const thread = await findThread(incidentId);
      return thread === null ? null : await askPermalink(web, thread);
    },
    close: async () => await queue.close(),
  };
}

/**
 * One job per channel at most: what was added while it runs makes it run once more. `isUrgent`: also one that rests, as
 * it does for seconds until ordinary edits have their turn.
 */
export async function wakeChannel(queue: Queue, channelId: string, isUrgent: boolean = false): Promise<void> {
  // BullMQ refuses colons in ids.
  const id = sha1(channelId);
  await queue.add('deliver', { channelId }, { deduplication: { id, keepLastIfActive: true } });
  if (!isUrgent) return;
  const jobId = await queue.getDeduplicationJobId(id);
  const job = jobId === null ? undefined : await queue.getJob(jobId);
  // It may begin to run in this moment.
  if ((await job?.isDelayed()) === true) await job?.promote().catch(() => {});
}

function calledOffBy(unless: string | undefined): { unless?: string } {
  return unless === undefined ? {} : { unless };
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

export function createOutboxQueue({ connection, prefix }: Pick<OutboxOptions, 'connection' | 'prefix'>): Queue {
  return openQueue(OUTBOX_QUEUE, connection, prefix, { removeOnComplete: true, removeOnFail: true });
}

/** A person waits for the answer that the address belongs to. */
const PERMALINK_DEADLINE_MS = 800;
const Permalink = z.object({ permalink: z.string() });

async function askPermalink(web: SlackWeb, thread: { channelId: string; rootTs: string }): Promise<string | null> {
  const place = { channel: thread.channelId, message_ts: thread.rootTs };
  const late = setTimeout(PERMALINK_DEADLINE_MS, null, { ref: false });
  const answer = await Promise.race([web.call('chat.getPermalink', place), late]);
  if (answer?.kind !== 'ok') return null;
  const parsed = Permalink.safeParse(answer.body);
  return parsed.success ? parsed.data.permalink : null;
}
