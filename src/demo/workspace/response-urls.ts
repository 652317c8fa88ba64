import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { refuseBlocks } from './block-kit/problems.ts';
import { BOT_USER_ID } from './directory.ts';
import type { EphemeralMessage } from './ephemerals.ts';
import type { JsonObject } from './json.ts';
import type { StoredMessage } from './messages.ts';
import { answer, asObjects, Flag, type MethodAnswer, refuse, Structure, Text } from './method.ts';
import type { World } from './world.ts';

/** A response URL works 5 times within 30 minutes (docs: handling user interaction). */
const USES = 5;
const LIFE_MS = 30 * 60_000;

/** What the person clicked: null for a command, which has no message to replace. */
export type Origin = { message: StoredMessage } | { ephemeral: EphemeralMessage } | null;

export type ResponseUrls = {
  create: (user: string, channel: string, origin: Origin) => string;
  /** Applies what was posted to the URL with this id. */
  use: (id: string, body: JsonObject) => MethodAnswer;
};

const Response = z.object({
  text: Text.optional(),
  blocks: Structure.optional(),
  response_type: z.enum(['ephemeral', 'in_channel']).optional(),
  replace_original: Flag.optional(),
  delete_original: Flag.optional(),
  thread_ts: Text.optional(),
});
type Response = z.output<typeof Response>;

type Link = { user: string; channel: string; origin: Origin; madeAt: number; uses: number };

export function createResponseUrls(world: World): ResponseUrls {
  const links = new Map<string, Link>();
  return {
    create: (user, channel, origin) => {
      const id = randomUUID();
      links.set(id, { user, channel, origin, madeAt: world.now(), uses: 0 });
      return `${world.origin}/response/${id}`;
    },
    use: (id, body) => {
      const link = links.get(id);
      if (link === undefined || world.now() - link.madeAt > LIFE_MS) return refuse('expired_url', {}, 404);
      if (link.uses >= USES) return refuse('used_url', {}, 404);
      link.uses += 1;
      const response = Response.safeParse(body);
      return response.success ? respond(response.data, link, world) : refuse('invalid_arguments', {}, 400);
    },
  };
}

function respond(response: Response, link: Link, world: World): MethodAnswer {
  if (response.delete_original === true) return removeOriginal(link.origin, world);
  const refusal = response.blocks === undefined ? null : refuseBlocks(response.blocks, world.files);
  // The total of the characters isn't limited here, only by chat.postMessage (bolt-js#2867).
  if (refusal !== null && !refusal.ok && refusal.error !== 'msg_blocks_too_long') return { ...refusal, status: 400 };
  const content = { text: response.text ?? '', blocks: asObjects(response.blocks) ?? [] };
  if (content.text === '' && content.blocks.length === 0) return refuse('no_text', {}, 400);
  if (response.replace_original === true && replaceOriginal(link.origin, content, world)) return answer();
  const threadTs = response.thread_ts ?? null;
  const { user, channel } = link;
  if (response.response_type === 'in_channel') {
    world.messages.post({ channel, user: BOT_USER_ID, isBot: true, threadTs, ...content });
  } else {
    world.ephemerals.add({ user, channel, threadTs, ...content, source: 'response_url' });
  }
  return answer();
}

function removeOriginal(origin: Origin, { ephemerals, messages }: World): MethodAnswer {
  if (origin !== null && 'message' in origin) messages.remove(origin.message);
  if (origin !== null && 'ephemeral' in origin) ephemerals.remove(origin.ephemeral);
  return answer();
}

/** False where there is nothing to replace: the answer to a command is posted as a new message (bolt-js#2287). */
function replaceOriginal(
  origin: Origin,
  content: { text: string; blocks: readonly JsonObject[] },
  { ephemerals, messages }: World,
): boolean {
  if (origin === null) return false;
  if ('ephemeral' in origin) {
    ephemerals.replace(origin.ephemeral, content);
    return true;
  }
  const message = messages.find(origin.message.channel, origin.message.ts);
  if (message === null) return false;
  messages.edit(message, { ...content, metadata: message.metadata });
  return true;
}
