/** The wanted and the shown state of one incident's thread, and the next thing to do about the difference. Pure. */
import { z } from 'zod';

/** `progress` may be dropped, a `report` never; both are versions of the root. A `reply` stands below it. */
export const SlotKind = z.enum(['progress', 'report', 'reply']);
export type SlotKind = z.infer<typeof SlotKind>;

/** The scripts of Redis store an empty list as an object: Lua knows no difference (cjson). */
const EmptyList = z.strictObject({}).transform((): string[] => []);

/** One message of the thread as it is wanted: the latest version wins. */
export const Slot = z.object({
  /** `root`, or the reply's own name, unique in its thread. */
  key: z.string(),
  order: z.number(),
  kind: SlotKind,
  version: z.number(),
  digest: z.string(),
  /** A `SlackMessage` as JSON text. */
  message: z.string(),
  /** A new thread that goes before all others: an OOM kill. */
  isUrgent: z.boolean().optional(),
  /** What a root says that must not wait once it is not shown yet, as a name: a first kill, another one after it was quiet. */
  news: z.string().optional(),
  /** A reply that is shown in the channel too. */
  isBroadcast: z.boolean().optional(),
  /** Incidents that have no root of their own: this message stands for theirs. */
  tells: z.array(z.string()).or(EmptyList).optional(),
  /** A key of Redis: once it exists, the message is not begun any more, and forgotten. */
  unless: z.string().optional(),
});
export type Slot = z.infer<typeof Slot>;

/** Where Slack shows a message, and which version of it. `kind`, `news`: of that version; absent: not known. */
export const Sent = z.object({
  ts: z.string(),
  version: z.number(),
  kind: SlotKind.optional(),
  news: z.string().optional(),
});
export type Sent = z.infer<typeof Sent>;

/** Written before a message is posted. It outlives a crash, and says that the message may be there already. */
export const Intent = z.object({
  version: z.number(),
  /** Epoch milliseconds by Redis' clock. */
  at: z.number(),
  /** When the call ended without an answer; null while it may still be under way, or its process died. */
  endedAt: z.number().nullable(),
});
export type Intent = z.infer<typeof Intent>;

export type ThreadState = {
  incidentId: string;
  channelId: string;
  /** Raised by every change; guards decisions that were made on an older state. */
  revision: number;
  /** How often the root had to be posted anew because a person deleted it. */
  generation: number;
  /** Epoch milliseconds of the last edit of the root, 0 when there was none. */
  editedAt: number;
  slots: readonly Slot[];
  sent: ReadonlyMap<string, Sent>;
  intents: ReadonlyMap<string, Intent>;
};

export const ROOT = 'root';

/** Order of importance in one channel: news of OOM kills, verdicts, new threads, evidence, and last what may be dropped. */
export const PRIORITY = { urgent: 0, report: 1, root: 2, reply: 3, progress: 4 } as const;
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

export type OutboxTimes = {
  /** No edit of one root sooner than this after its last one (facts: 3 s a message), but for news and a first verdict. */
  editEveryMs: number;
  /** Longest time that a call may be under way. */
  requestTimeoutMs: number;
  /** How long Slack may take to show a message whose answer was lost. */
  settleMs: number;
};

export type Action =
  | { kind: 'none' }
  /** Nothing can be done before this many milliseconds have passed. */
  | { kind: 'wait'; ms: number; priority: Priority }
  | { kind: 'post'; slot: Slot; threadTs: string | null; priority: Priority }
  /** A post was begun and its outcome is not known: look before it is repeated. */
  | { kind: 'find'; slot: Slot; threadTs: string | null; priority: Priority }
  | { kind: 'edit'; slot: Slot; ts: string; priority: Priority };

/**
 * What brings the thread nearer to its wanted state. `nowMs`: epoch milliseconds by Redis' clock.
 * `mayEdit` false: edits have to wait for their turn, evidence need not wait for them.
 */
export function nextAction(thread: ThreadState, nowMs: number, times: OutboxTimes, mayEdit: boolean = true): Action {
  const slots = thread.slots.toSorted((a, b) => a.order - b.order);
  const root = slots.find(({ key }) => key === ROOT);
  // Replies can't stand before their root.
  if (root === undefined) return { kind: 'none' };
  const shown = thread.sent.get(ROOT);
  if (shown === undefined) return begin(thread, root, null, nowMs, times);
  if (mayEdit && isNews(root, shown)) return { kind: 'edit', slot: root, ts: shown.ts, priority: PRIORITY.urgent };
  if (mayEdit && root.kind === 'report' && shown.version < root.version && isDue(thread, root, shown, nowMs, times)) {
    return { kind: 'edit', slot: root, ts: shown.ts, priority: PRIORITY.report };
  }
  const waiting = slots.filter(({ key }) => !thread.sent.has(key));
  // A page goes before the evidence that was there first.
  const unsent = waiting.find(({ isUrgent }) => isUrgent === true) ?? waiting[0];
  if (unsent !== undefined) return begin(thread, unsent, shown.ts, nowMs, times);
  if (!mayEdit) return { kind: 'none' };
  const outdated = slots.find(({ key, version }) => (thread.sent.get(key)?.version ?? version) < version);
  return outdated === undefined ? { kind: 'none' } : edit(thread, outdated, nowMs, times);
}

function begin(thread: ThreadState, slot: Slot, threadTs: string | null, nowMs: number, times: OutboxTimes): Action {
  const usual = { report: PRIORITY.report, progress: PRIORITY.root, reply: PRIORITY.reply }[slot.kind];
  const priority = slot.isUrgent === true ? PRIORITY.urgent : usual;
  const intent = thread.intents.get(slot.key);
  if (intent === undefined) return { kind: 'post', slot, threadTs, priority };
  // A process that died may have its request on the way still; looking too early would find nothing and post twice.
  // Nothing of it is of the future: the clock may have gone back since.
  const begunAt = Math.min(intent.at, nowMs);
  const endedAt = intent.endedAt === null ? begunAt + times.requestTimeoutMs : Math.min(intent.endedAt, nowMs);
  const visibleAt = endedAt + times.settleMs;
  if (nowMs < visibleAt) return { kind: 'wait', ms: visibleAt - nowMs, priority };
  return { kind: 'find', slot, threadTs, priority };
}

/** It tells something that its message in Slack does not say yet. */
export function isNews({ news, version }: Slot, shown: Sent): boolean {
  return news !== undefined && news !== shown.news && version > shown.version;
}

/** A first verdict is due at once; what changes a root that has one waits, so that many changes become one edit. */
function isDue(
  { editedAt }: ThreadState,
  { kind }: Slot,
  shown: Sent,
  nowMs: number,
  { editEveryMs }: OutboxTimes,
): boolean {
  return (
    (kind === 'report' && shown.kind !== 'report') ||
    editedAt === 0 ||
    editedAt > nowMs ||
    nowMs >= editedAt + editEveryMs
  );
}

function edit(thread: ThreadState, slot: Slot, nowMs: number, times: OutboxTimes): Action {
  const shown = thread.sent.get(slot.key);
  const priority = { progress: PRIORITY.progress, report: PRIORITY.report, reply: PRIORITY.reply }[slot.kind];
  if (slot.key === ROOT && shown !== undefined && !isDue(thread, slot, shown, nowMs, times)) {
    return { kind: 'wait', ms: thread.editedAt + times.editEveryMs - nowMs, priority };
  }
  return { kind: 'edit', slot, ts: shown?.ts ?? '', priority };
}

const Json = z.string().transform((text): unknown => JSON.parse(text));

/** The fields of the thread's hash in Redis. Throws when they were not written by this version or a compatible one. */
export function parseThread(incidentId: string, fields: Record<string, string>): ThreadState {
  const of = (kind: string) => Object.entries(fields).filter(([field]) => field.startsWith(`${kind}:`));
  const keyOf = (field: string) => field.slice(field.indexOf(':') + 1);
  return {
    incidentId,
    channelId: fields['channel'] ?? '',
    revision: Number(fields['revision'] ?? 0),
    generation: Number(fields['generation'] ?? 0),
    editedAt: Number(fields['editedAt'] ?? 0),
    slots: of('slot').map(([, json]) => Json.pipe(Slot).parse(json)),
    sent: new Map(of('sent').map(([field, json]) => [keyOf(field), Json.pipe(Sent).parse(json)])),
    intents: new Map(of('intent').map(([field, json]) => [keyOf(field), Json.pipe(Intent).parse(json)])),
  };
}
