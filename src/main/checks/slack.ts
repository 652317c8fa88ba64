import { pino } from 'pino';
import { z } from 'zod';
import { cureOf } from '../../adapters/slack/refusals.ts';
import { createSlackWeb, type SlackAnswer, type SlackWeb } from '../../adapters/slack/slack-web.ts';
import type { Secret } from '../../config/secret.ts';
import type { Environment } from '../environment.ts';
import { type CheckFinding, good, unavailable, warning, wrongConfiguration } from './finding.ts';

/** Without these nothing works; without the others something does not (docs.slack.dev, scopes of each method used). */
const REQUIRED_SCOPES = ['commands', 'chat:write'];
const USEFUL_SCOPES: Readonly<Record<string, string>> = {
  'app_mentions:read': 'mentions in threads are not heard',
  'channels:read': 'whether the bot is in a channel is only seen when a message is refused',
  'channels:history': 'a message whose answer was lost may be posted twice',
  'im:write': 'who is paged is mentioned in the thread, and gets no direct message',
  'usergroups:read': 'user groups among approvers and on call count for nothing',
  'users:read.email': 'people whom a schedule names by e-mail address are not found',
};

const Identity = z.object({
  user: z.string().default('the bot'),
  team: z.string().default('the workspace'),
  response_metadata: z.object({ scopes: z.array(z.string()).optional() }).optional(),
});
const Channel = z.object({
  channel: z.object({
    name: z.string().default(''),
    is_member: z.boolean().optional(),
    is_private: z.boolean().default(false),
  }),
});

/** Channels of the configuration: those that it posts to, and those where it reads messages of other bots. */
export type UsedChannels = { posted: readonly string[]; read: readonly string[] };

export async function checkSlack(environment: Environment, { posted, read }: UsedChannels): Promise<CheckFinding[]> {
  const { slackBotToken, slackAppToken, slackSigningSecret, slackApiUrl } = environment;
  if (slackBotToken === null) {
    const isUnused = slackAppToken === null && slackSigningSecret === null;
    const what = 'Slack: SLACK_BOT_TOKEN is not set';
    const cure = 'Install the app from slack-manifest.yaml and set its bot token; only `memtriage bot` needs it';
    return [isUnused ? warning(what, cure) : wrongConfiguration(what, cure)];
  }
  const web = webWith(slackBotToken, slackApiUrl);
  const identity = await web.call('auth.test', {});
  const findings = identity.kind === 'ok' ? identityFindings(identity.body) : [notDone('Slack bot token', identity)];
  if (identity.kind === 'ok') {
    const scopes = scopesOf(identity.body);
    for (const channel of posted) findings.push(await checkChannel(web, channel, () => good('the bot may post')));
    for (const channel of read) {
      findings.push(await checkChannel(web, channel, (isPrivate) => readFinding(isPrivate, scopes)));
    }
  }
  return [...findings, ...(await checkInbound(environment))];
}

/** Slack names them in a header that stand-ins of its API leave out: none then. */
function scopesOf(body: unknown): readonly string[] {
  return Identity.parse(body).response_metadata?.scopes ?? [];
}

function identityFindings(body: unknown): CheckFinding[] {
  const { user, team } = Identity.parse(body);
  const found = good(`Slack bot token: ${user} in ${team}`);
  const scopes = scopesOf(body);
  if (scopes.length === 0) return [found];
  const missing = REQUIRED_SCOPES.filter((scope) => !scopes.includes(scope));
  if (missing.length > 0) {
    return [found, wrongConfiguration(`Slack scopes: ${missing.join(', ')} missing`, cureOf('missing_scope'))];
  }
  const lacking = Object.entries(USEFUL_SCOPES).filter(([scope]) => !scopes.includes(scope));
  return [
    found,
    ...lacking.map(([scope, effect]) => warning(`Slack scope ${scope} missing: ${effect}`, cureOf('missing_scope'))),
  ];
}

/** `inside`: what there is to say of a channel that the bot is in. */
async function checkChannel(
  web: SlackWeb,
  id: string,
  inside: (isPrivate: boolean) => CheckFinding,
): Promise<CheckFinding> {
  const answer = await web.call('conversations.info', { channel: id });
  if (answer.kind !== 'ok') {
    if (answer.kind === 'refused' && answer.error === 'missing_scope') {
      return warning(`Slack channel ${id}: can't be looked at without channels:read`, cureOf('missing_scope'));
    }
    return notDone(`Slack channel ${id}`, answer);
  }
  const { name, is_member: isMember, is_private: isPrivate } = Channel.parse(answer.body).channel;
  const about = `Slack channel ${id}${name === '' ? '' : ` (#${name})`}`;
  if (isMember === false) return wrongConfiguration(`${about}: the bot is not in it`, cureOf('not_in_channel'));
  const found = inside(isPrivate);
  return { ...found, what: `${about}: ${found.what}` };
}

/** Which events an app is subscribed to Slack tells no bot. */
function readFinding(isPrivate: boolean, scopes: readonly string[]): CheckFinding {
  const [scope, event] = isPrivate ? ['groups:history', 'message.groups'] : ['channels:history', 'message.channels'];
  if (scopes.length > 0 && !scopes.includes(scope)) {
    return wrongConfiguration(`its messages are not told to the bot without ${scope}`, cureOf('missing_scope'));
  }
  return good(`messages of other bots are read, if the app is subscribed to ${event} (slack-manifest.yaml)`);
}

/** The way in: Socket Mode by the app token, else HTTP mode by the signing secret. */
async function checkInbound({ slackAppToken, slackSigningSecret, slackApiUrl }: Environment): Promise<CheckFinding[]> {
  if (slackAppToken === null) {
    if (slackSigningSecret !== null) return [good('Slack in HTTP mode: requests are checked by SLACK_SIGNING_SECRET')];
    const cure = 'Set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode)';
    return [wrongConfiguration('Slack: no way for commands to come in', cure)];
  }
  const answer = await webWith(slackAppToken, slackApiUrl).call('apps.connections.open', {});
  if (answer.kind === 'ok') return [good('Slack app token: Socket Mode opens')];
  if (answer.kind !== 'refused') return [notDone('Slack app token', answer)];
  const cure = 'Make an app-level token with the scope connections:write, and turn Socket Mode on in the app';
  return [wrongConfiguration(`Slack app token: Slack says ${answer.error}`, cure)];
}

export function webWith(token: Secret, slackApiUrl: string): SlackWeb {
  return createSlackWeb({ botToken: token.reveal(), slackApiUrl, logger: pino({ level: 'silent' }), timeoutMs: 5000 });
}

function notDone(about: string, answer: Exclude<SlackAnswer, { kind: 'ok' }>): CheckFinding {
  switch (answer.kind) {
    case 'refused':
      return wrongConfiguration(`${about}: Slack says ${answer.error}`, cureOf(answer.error));
    case 'rate-limited':
      return warning(`${about}: Slack asks for patience`, `Try again in ${answer.retryAfterSeconds} s`);
    case 'unanswered':
      return unavailable(
        `${about}: no answer (${answer.why})`,
        'Check the way to slack.com, a proxy, or SLACK_API_URL',
      );
  }
}
