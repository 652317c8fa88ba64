import { z } from 'zod';
import { failed, inconclusive, messageOf, type Outcome, ok } from '../../errors.ts';
import { cureOf } from './refusals.ts';
import type { SlackAnswer, SlackWeb } from './slack-web.ts';

const Reserved = z.object({ upload_url: z.url({ protocol: /^https?$/ }), file_id: z.string() });
const UPLOAD_DEADLINE_MS = 8000;

export type TextFile = { name: string; title: string; text: string };

/** A text file as a reply of a thread. Repeating it posts it twice: call it for a person who asked. */
export async function uploadToThread(
  web: SlackWeb,
  { name, title, text }: TextFile,
  { channelId, rootTs }: { channelId: string; rootTs: string },
): Promise<Outcome<null>> {
  const bytes = new TextEncoder().encode(text);
  const reserved = await web.call('files.getUploadURLExternal', { filename: name, length: bytes.length });
  const place = reserved.kind === 'ok' ? Reserved.safeParse(reserved.body) : null;
  if (place?.success !== true) return refused(reserved);
  const sent = await send(place.data.upload_url, bytes);
  if (sent !== null) return inconclusive('upstream', `Slack did not take the file (${sent})`, 'Ask again');
  const files = [{ id: place.data.file_id, title }];
  const shared = await web.call('files.completeUploadExternal', { files, channel_id: channelId, thread_ts: rootTs });
  return shared.kind === 'ok' ? ok(null) : refused(shared);
}

/** Null: it is there; else why not. */
async function send(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<string | null> {
  try {
    const answer = await fetch(url, { method: 'POST', body: bytes, signal: AbortSignal.timeout(UPLOAD_DEADLINE_MS) });
    return answer.ok ? null : `status ${answer.status}`;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

function refused(answer: SlackAnswer): Outcome<never> {
  if (answer.kind === 'refused')
    return failed('operator', `Slack refuses the file: ${answer.error}`, cureOf(answer.error));
  return inconclusive('upstream', 'Slack did not answer', 'Ask again in a minute');
}
