import { CommandError, EXIT_CONFIG } from '../errors.ts';
import type { World } from './world.ts';

/** How the bot reaches Slack. Throws a CommandError (78) without a token, or without a way for Slack to reach it. */
export function slackSettings({ environment }: World) {
  const { slackBotToken, slackAppToken, slackSigningSecret, slackApiUrl } = environment;
  if (slackBotToken === null || (slackAppToken === null && slackSigningSecret === null)) {
    throw new CommandError(
      EXIT_CONFIG,
      'the bot needs SLACK_BOT_TOKEN, and SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode)',
      'Create the app from slack-manifest.yaml and put its tokens into the environment; without Slack use `memtriage triage`.',
    );
  }
  return {
    botToken: slackBotToken.reveal(),
    appToken: slackAppToken?.reveal() ?? null,
    signingSecret: slackSigningSecret?.reveal() ?? null,
    slackApiUrl,
  };
}
