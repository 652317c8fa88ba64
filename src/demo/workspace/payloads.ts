/** What Slack sends to the app: commands, interactions and events. Pure. */
import { APP_ID, BOT_USER_ID, type Channel, TEAM_DOMAIN, TEAM_ID, type User } from './directory.ts';
import type { JsonObject } from './json.ts';

/** The old verification token; apps check the signature instead. */
const VERIFICATION_TOKEN = 'verification-token';
const TEAM = { id: TEAM_ID, domain: TEAM_DOMAIN };
const INSTALLATION = { team: TEAM, enterprise: null, is_enterprise_install: false, api_app_id: APP_ID };

export type Click = { user: User; channel: Channel; triggerId: string; responseUrl: string };

export function commandPayload(
  { user, channel, triggerId, responseUrl }: Click,
  command: string,
  text: string,
): JsonObject {
  return {
    token: VERIFICATION_TOKEN,
    team_id: TEAM_ID,
    team_domain: TEAM_DOMAIN,
    channel_id: channel.id,
    channel_name: channel.kind === 'dm' ? 'directmessage' : channel.name,
    user_id: user.id,
    user_name: user.name,
    command,
    text,
    api_app_id: APP_ID,
    is_enterprise_install: 'false',
    response_url: responseUrl,
    trigger_id: triggerId,
  };
}

/** A press in a message. `message` is absent for an ephemeral one. */
export function messageActionPayload(
  { user, channel, triggerId, responseUrl }: Click,
  target: { ts: string; threadTs: string | null; isEphemeral: boolean; message: JsonObject | null },
  action: JsonObject,
): JsonObject {
  const thread = target.threadTs === null ? {} : { thread_ts: target.threadTs };
  return {
    type: 'block_actions',
    ...INSTALLATION,
    token: VERIFICATION_TOKEN,
    user: actor(user),
    container: {
      type: 'message',
      message_ts: target.ts,
      channel_id: channel.id,
      is_ephemeral: target.isEphemeral,
      ...thread,
    },
    trigger_id: triggerId,
    channel: { id: channel.id, name: channel.name },
    ...(target.message === null ? {} : { message: target.message }),
    state: { values: {} },
    response_url: responseUrl,
    actions: [action],
  };
}

export function viewActionPayload(user: User, triggerId: string, view: JsonObject, action: JsonObject): JsonObject {
  const container = { type: 'view', view_id: view['id'] };
  const common = { token: VERIFICATION_TOKEN, user: actor(user), trigger_id: triggerId };
  return { type: 'block_actions', ...INSTALLATION, ...common, container, view, actions: [action] };
}

export function viewSubmissionPayload(user: User, triggerId: string, view: JsonObject): JsonObject {
  const common = { token: VERIFICATION_TOKEN, user: actor(user), trigger_id: triggerId };
  return { type: 'view_submission', ...INSTALLATION, ...common, view, response_urls: [] };
}

export function viewClosedPayload(user: User, view: JsonObject, isCleared: boolean): JsonObject {
  return {
    type: 'view_closed',
    ...INSTALLATION,
    token: VERIFICATION_TOKEN,
    user: actor(user),
    view,
    is_cleared: isCleared,
  };
}

export function messageShortcutPayload(click: Click, callbackId: string, message: JsonObject): JsonObject {
  return {
    type: 'message_action',
    ...INSTALLATION,
    token: VERIFICATION_TOKEN,
    callback_id: callbackId,
    user: actor(click.user),
    channel: { id: click.channel.id, name: click.channel.name },
    message_ts: message['ts'],
    message,
    trigger_id: click.triggerId,
    response_url: click.responseUrl,
  };
}

export function eventPayload(event: JsonObject, eventId: string, atMs: number): JsonObject {
  return {
    token: VERIFICATION_TOKEN,
    team_id: TEAM_ID,
    api_app_id: APP_ID,
    event,
    type: 'event_callback',
    event_id: eventId,
    event_time: Math.floor(atMs / 1000),
    authorizations: [
      { enterprise_id: null, team_id: TEAM_ID, user_id: BOT_USER_ID, is_bot: true, is_enterprise_install: false },
    ],
    is_ext_shared_channel: false,
  };
}

function actor({ id, name }: User): JsonObject {
  return { id, username: name, name, team_id: TEAM_ID };
}
