import { z } from 'zod';
import { refuseBlocks } from '../block-kit/problems.ts';
import { BOT_USER_ID } from '../directory.ts';
import { toApiFile } from '../files.ts';
import { type JsonObject, stringIn } from '../json.ts';
import {
  answer,
  asObjects,
  botMethod,
  Count,
  type MethodAnswer,
  type MethodTable,
  refuse,
  Structure,
  Text,
} from '../method.ts';
import type { World } from '../world.ts';

const Completion = z.object({
  files: Structure,
  channel_id: Text.optional(),
  thread_ts: Text.optional(),
  initial_comment: Text.optional(),
  blocks: Structure.optional(),
});

export const fileMethods: MethodTable = {
  'files.getUploadURLExternal': botMethod(
    z.object({ filename: Text, length: Count, alt_txt: Text.optional(), alt_text: Text.optional() }),
    (args, { files, origin }) => {
      const altText = args.alt_txt ?? args.alt_text ?? '';
      const file = files.reserve({ name: args.filename, length: args.length, altText });
      return answer({ upload_url: `${origin}/upload/${file.id}`, file_id: file.id });
    },
  ),
  'files.completeUploadExternal': botMethod(Completion, completeUpload),
  'files.info': botMethod(z.object({ file: Text }), (args, { files, origin }) => {
    const file = files.find(args.file);
    if (file === null || file.readyAt === null) return refuse('file_not_found');
    return answer({ file: toApiFile(file, files.isReady(file), origin) });
  }),
};

function completeUpload(args: z.output<typeof Completion>, world: World): MethodAnswer {
  const asked = asObjects(args.files);
  if (asked === null || asked.length === 0) return refuse('invalid_arguments');
  if (args.thread_ts !== undefined && args.channel_id === undefined) return refuse('invalid_arguments');
  const channel = args.channel_id === undefined ? null : world.directory.channel(args.channel_id);
  if (args.channel_id !== undefined && channel === null) return refuse('channel_not_found');
  if (channel !== null && !channel.isMember) return refuse('not_in_channel');
  const refusal = args.blocks === undefined ? null : refuseBlocks(args.blocks, world.files);
  if (refusal !== null) return refusal;
  const files: JsonObject[] = [];
  for (const item of asked) {
    const file = world.files.complete(stringIn(item, 'id') ?? '', stringIn(item, 'title'));
    if (file === null) return refuse('file_not_found');
    files.push(toApiFile(file, false, world.origin));
  }
  if (channel !== null) shareFiles(args, channel.id, files, world);
  return answer({ files });
}

/** The blocks don't count where there is an initial comment (docs: files.completeUploadExternal). */
function shareFiles(
  args: z.output<typeof Completion>,
  channel: string,
  files: readonly JsonObject[],
  world: World,
): void {
  world.messages.post({
    channel,
    user: BOT_USER_ID,
    isBot: true,
    threadTs: args.thread_ts ?? null,
    text: args.initial_comment ?? '',
    blocks: args.initial_comment === undefined ? (asObjects(args.blocks) ?? []) : [],
    files,
  });
}
