/**
 * What Slack's error word asks for: post the thread anew, give up editing, send the text alone, or a person's help.
 * Words from docs.slack.dev, chat.postMessage, chat.update and conversations.replies.
 */
export type RefusalKind = 'root-gone' | 'no-edit' | 'content' | 'operator';

const KINDS: Readonly<Record<string, RefusalKind>> = {
  message_not_found: 'root-gone',
  thread_not_found: 'root-gone',
  cannot_reply_to_message: 'root-gone',
  invalid_thread_ts: 'root-gone',
  cant_update_message: 'no-edit',
  edit_window_closed: 'no-edit',
  is_inactive: 'no-edit',
  invalid_blocks: 'content',
  invalid_blocks_format: 'content',
  msg_blocks_too_long: 'content',
  msg_too_long: 'content',
  no_text: 'content',
};

export function refusalKind(error: string): RefusalKind {
  return KINDS[error] ?? 'operator';
}

/** What the person who runs the bot can do about a refusal. Plain text. */
export function cureOf(error: string): string {
  switch (error) {
    case 'not_in_channel':
    case 'channel_not_found':
      return 'invite the bot to the channel (/invite @memtriage), or correct the channel in memtriage.yaml';
    case 'is_archived':
      return 'unarchive the channel, or name another one in memtriage.yaml';
    case 'missing_scope':
      return 'install the app again with the scopes of slack-manifest.yaml';
    case 'invalid_auth':
    case 'not_authed':
    case 'account_inactive':
    case 'token_revoked':
    case 'token_expired':
      return 'put a valid bot token into SLACK_BOT_TOKEN and restart the bot';
    default:
      return 'look the word up at docs.slack.dev/reference/methods/chat.postMessage';
  }
}
