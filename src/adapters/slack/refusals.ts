/**
 * What Slack's error word asks for: post the thread anew, give up editing, send the text alone, or a person's help:
 * `operator` for all that goes to the channel, `message` for this one (a locked thread). A word that is not known is
 * about this one: what was wrong about it must not hold up the others.
 * Words from docs.slack.dev, chat.postMessage, chat.update and conversations.replies.
 */
export type RefusalKind = 'root-gone' | 'no-edit' | 'content' | 'operator' | 'message';

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
  ...Object.fromEntries(
    [
      // The channel.
      'not_in_channel',
      'channel_not_found',
      'is_archived',
      'restricted_action',
      'restricted_action_read_only_channel',
      // The app and its token.
      'missing_scope',
      'no_permission',
      'not_allowed_token_type',
      'invalid_auth',
      'not_authed',
      'account_inactive',
      'token_revoked',
      'token_expired',
      'access_denied',
      'accesslimited',
      // The workspace.
      'ekm_access_denied',
      'enterprise_is_restricted',
      'org_login_required',
      'team_access_not_granted',
      'team_added_to_org',
      'team_not_found',
    ].map((word) => [word, 'operator' as const]),
  ),
};

export function refusalKind(error: string): RefusalKind {
  return KINDS[error] ?? 'message';
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
