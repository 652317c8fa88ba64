import { z } from 'zod';
import { ROOT, type Slot, type ThreadState } from './outbox-thread.ts';
import type { SlackAnswer, SlackWeb } from './slack-web.ts';

/** Every message carries who it is, so that one whose answer was lost can be found again. */
export type SlackMetadata = {
  event_type: 'memtriage_root' | 'memtriage_reply';
  event_payload: { incident: string; message: string; version: number; generation: number };
};

export function toMetadata({ incidentId, generation }: ThreadState, { key, version }: Slot): SlackMetadata {
  return {
    event_type: key === ROOT ? 'memtriage_root' : 'memtriage_reply',
    event_payload: { incident: incidentId, message: key, version, generation },
  };
}

export type Found =
  | { kind: 'found'; ts: string; version: number }
  | { kind: 'absent' }
  | Exclude<SlackAnswer, { kind: 'ok' }>;

const PAGE_SIZE = 200;
/** The newest 1,000 messages: a lost post is looked for within seconds, or after a restart within minutes. */
const MAX_PAGES = 5;

const History = z.object({
  messages: z.array(
    z.object({
      ts: z.string(),
      // Of other apps too, in whatever shape.
      metadata: z
        .object({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) })
        .optional()
        .catch(undefined),
    }),
  ),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});

/** Looks for a message that was begun and may have arrived: a root in its channel, a reply in its thread. */
export async function findPosted(
  web: SlackWeb,
  thread: ThreadState,
  slot: Slot,
  threadTs: string | null,
): Promise<Found> {
  const [method, place] =
    threadTs === null ? ['conversations.history', {}] : ['conversations.replies', { ts: threadTs }];
  let cursor = '';
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await web.call(method, {
      channel: thread.channelId,
      ...place,
      limit: PAGE_SIZE,
      include_all_metadata: true,
      ...(cursor === '' ? {} : { cursor }),
    });
    if (answer.kind !== 'ok') return answer;
    const history = History.safeParse(answer.body);
    if (!history.success) return { kind: 'unanswered', why: `${method} answered in a shape that is not known` };
    const { messages, response_metadata } = history.data;
    for (const { ts, metadata } of messages) {
      const version = versionOf(metadata, thread, slot);
      if (version !== null) return { kind: 'found', ts, version };
    }
    cursor = response_metadata?.next_cursor ?? '';
    if (cursor === '') break;
  }
  return { kind: 'absent' };
}

function versionOf(
  metadata: { event_type: string; event_payload: Record<string, unknown> } | undefined,
  thread: ThreadState,
  slot: Slot,
): number | null {
  const wanted = toMetadata(thread, slot);
  const payload = metadata?.event_payload;
  const isIt =
    metadata?.event_type === wanted.event_type &&
    payload?.['incident'] === thread.incidentId &&
    payload['message'] === slot.key &&
    payload['generation'] === thread.generation;
  return isIt && typeof payload['version'] === 'number' ? payload['version'] : null;
}
