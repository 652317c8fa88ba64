/** The environment, read once and here only. Secrets come out wrapped, so that they can't be printed. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { percentDecoded, Secret } from '../config/secret.ts';
import { CommandError, EXIT_CONFIG } from '../errors.ts';

export const LogLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']);
export type LogLevel = z.infer<typeof LogLevel>;

export type Environment = {
  slackBotToken: Secret | null;
  slackAppToken: Secret | null;
  slackSigningSecret: Secret | null;
  webhookToken: Secret | null;
  rollbackSecret: Secret | null;
  pagerDutyToken: Secret | null;
  /** Without trailing slash; accounts in the EU have another one. */
  pagerDutyUrl: string;
  /** May carry a password; null: the embedded Redis. */
  redisUrl: Secret | null;
  /** Absolute path. */
  configFile: string;
  /** Ends with a slash. */
  slackApiUrl: string;
  port: number;
  logLevel: LogLevel;
  /** Every secret above that is set: what logs must never show. */
  secrets: readonly Secret[];
};

const DEFAULT_SLACK_API_URL = 'https://slack.com/api/';
const DEFAULT_PAGERDUTY_URL = 'https://api.pagerduty.com';

function secret(expected: string, pattern: RegExp, isRight: (text: string) => boolean = () => true) {
  return z
    .string()
    .refine((text) => pattern.test(text) && isRight(text), { error: expected })
    .transform((text) => new Secret(text))
    .nullable()
    .default(null);
}

const AnySecret = secret('at least 8 characters without spaces', /^\S{8,}$/);

const Variables = z.object({
  SLACK_BOT_TOKEN: secret('a bot token, which begins with xoxb-', /^(?:xoxe\.)?xoxb-\S+$/),
  SLACK_APP_TOKEN: secret('an app-level token, which begins with xapp-', /^xapp-\S+$/),
  SLACK_SIGNING_SECRET: AnySecret,
  MEMTRIAGE_WEBHOOK_TOKEN: AnySecret,
  MEMTRIAGE_ROLLBACK_SECRET: AnySecret,
  MEMTRIAGE_PAGERDUTY_TOKEN: AnySecret,
  REDIS_URL: secret(
    'a URL such as redis://:password@host:6379/0, rediss://… or unix:///path',
    /^(?:rediss?:\/\/[^/]|unix:\/\/\/).*$/,
    (text) => URL.canParse(text),
  ),
  MEMTRIAGE_CONFIG: z.string().default('memtriage.yaml'),
  SLACK_API_URL: z
    .url({ protocol: /^https?$/, error: 'a URL such as https://slack.com/api/' })
    .transform((url) => (url.endsWith('/') ? url : `${url}/`))
    .default(DEFAULT_SLACK_API_URL),
  MEMTRIAGE_PAGERDUTY_URL: z
    .url({ protocol: /^https?$/, error: 'a URL such as https://api.eu.pagerduty.com' })
    .transform((url) => url.replace(/\/+$/, ''))
    .default(DEFAULT_PAGERDUTY_URL),
  PORT: z
    .string()
    .regex(/^\d{1,5}$/, { error: 'a port from 0 to 65535' })
    .transform(Number)
    .pipe(z.number().max(65_535, { error: 'a port from 0 to 65535' }))
    .default(8080),
  LOG_LEVEL: z
    .string()
    .toLowerCase()
    .pipe(z.enum(LogLevel.options, { error: LogLevel.options.join(', ') }))
    .default('info'),
});

/** An empty variable counts as absent. Throws a CommandError (78) that names every wrong variable, never its value. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): Environment {
  const given = Object.fromEntries(
    Object.keys(Variables.shape).flatMap((name) => {
      const value = env[name]?.trim();
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  const parsed = Variables.safeParse(given);
  if (!parsed.success) throw wrongVariables(parsed.error.issues);
  const { data } = parsed;
  const secrets = Object.values(data).filter((value) => value instanceof Secret);
  return {
    slackBotToken: data.SLACK_BOT_TOKEN,
    slackAppToken: data.SLACK_APP_TOKEN,
    slackSigningSecret: data.SLACK_SIGNING_SECRET,
    webhookToken: data.MEMTRIAGE_WEBHOOK_TOKEN,
    rollbackSecret: data.MEMTRIAGE_ROLLBACK_SECRET,
    pagerDutyToken: data.MEMTRIAGE_PAGERDUTY_TOKEN,
    pagerDutyUrl: data.MEMTRIAGE_PAGERDUTY_URL,
    redisUrl: data.REDIS_URL,
    configFile: resolve(data.MEMTRIAGE_CONFIG),
    slackApiUrl: data.SLACK_API_URL,
    port: data.PORT,
    logLevel: data.LOG_LEVEL,
    secrets: [...secrets, ...passwordOf(data.REDIS_URL)],
  };
}

/** How PagerDuty is asked. */
export function toPagerDuty({ pagerDutyToken, pagerDutyUrl }: Environment): { token: string | null; url: string } {
  return { token: pagerDutyToken?.reveal() ?? null, url: pagerDutyUrl };
}

/** The password alone, since errors of clients may name it without its URL. */
function passwordOf(url: Secret | null): Secret[] {
  const text = url?.reveal() ?? '';
  const password = URL.canParse(text) ? new URL(text).password : '';
  return password === '' ? [] : [new Secret(password), new Secret(percentDecoded(password))];
}

function wrongVariables(issues: readonly z.core.$ZodIssue[]): CommandError {
  const lines = issues.map(({ path, message }) => `${path.join('.')}: expected ${message}`);
  return new CommandError(
    EXIT_CONFIG,
    `the environment is wrong:\n${lines.join('\n')}`,
    'Set or unset the variables named above.',
  );
}

/** What a child process inherits: enough to run, no secret, no PYTHONPATH of somebody else. */
export function childEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG, TMPDIR } = process.env;
  return { PATH, HOME, LANG, TMPDIR };
}

/** What docker, kubectl and ssh inherit: enough to find their own configuration and agents. */
export function farEnvironment(): NodeJS.ProcessEnv {
  const { DOCKER_HOST, DOCKER_CONTEXT, SSH_AUTH_SOCK } = process.env;
  return { ...rollbackEnvironment(), DOCKER_HOST, DOCKER_CONTEXT, SSH_AUTH_SOCK };
}

/** What a program that rolls back inherits: enough to run and to reach its cluster, no secret of ours. */
export function rollbackEnvironment(): NodeJS.ProcessEnv {
  const { KUBECONFIG, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT } = process.env;
  return { ...childEnvironment(), KUBECONFIG, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT };
}

/** Channel of the real workspace that the demonstration may post to. */
export function readDemoChannel(): string | null {
  return process.env['MEMTRIAGE_DEMO_CHANNEL']?.trim() || null;
}
