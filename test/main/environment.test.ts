import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { CommandError } from '../../src/errors.ts';
import { readEnvironment } from '../../src/main/environment.ts';

const BOT = 'xoxb-12345678-abcdefgh';
const APP = 'xapp-1-A1-12345678-abcdefgh';

function refusalOf(env: Record<string, string>): string {
  try {
    readEnvironment(env);
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === 78) return error.message;
    throw error;
  }
  return '';
}

test('an empty environment has the defaults', () => {
  expect(readEnvironment({ SLACK_BOT_TOKEN: '', PORT: ' ' })).toMatchObject({
    slackBotToken: null,
    redisUrl: null,
    configFile: expect.stringMatching(/\/memtriage\.yaml$/),
    slackApiUrl: 'https://slack.com/api/',
    port: 8080,
    logLevel: 'info',
    secrets: [],
  });
});

test('secrets are there to use and never to print', () => {
  const environment = readEnvironment({
    SLACK_BOT_TOKEN: BOT,
    SLACK_APP_TOKEN: APP,
    SLACK_SIGNING_SECRET: 'signing-secret-1',
    MEMTRIAGE_WEBHOOK_TOKEN: 'webhook-token-1',
    REDIS_URL: 'redis://:redis%2Fpassword@host:6379/0',
  });
  expect(environment.slackBotToken?.reveal()).toBe(BOT);
  const printed = [
    JSON.stringify(environment),
    inspect(environment, { depth: 9, showHidden: true }),
    String(environment.secrets),
  ];
  for (const secret of [BOT, APP, 'signing-secret-1', 'webhook-token-1', 'password']) {
    expect(printed.join('\n')).not.toContain(secret);
  }
  expect(environment.secrets.map((secret) => secret.reveal())).toContain('redis/password');
});

test('every wrong variable is named at once, and no value of them', () => {
  const message = refusalOf({
    SLACK_BOT_TOKEN: APP,
    SLACK_APP_TOKEN: BOT,
    SLACK_SIGNING_SECRET: 'short',
    REDIS_URL: 'http://user:hunter22@host',
    SLACK_API_URL: 'slack.com',
    PORT: '65536',
    LOG_LEVEL: 'loud',
  });
  expect(message.match(/^[A-Z_]+(?=: expected)/gm)?.sort()).toEqual([
    'LOG_LEVEL',
    'PORT',
    'REDIS_URL',
    'SLACK_API_URL',
    'SLACK_APP_TOKEN',
    'SLACK_BOT_TOKEN',
    'SLACK_SIGNING_SECRET',
  ]);
  for (const value of [APP, BOT, 'hunter22', 'short']) expect(message).not.toContain(value);
});

test.each([
  ['redis://localhost', true],
  ['rediss://user:pass@host:6380/2', true],
  ['unix:///run/redis.sock', true],
  ['localhost:6379', false],
  ['redis://', false],
  ['redis://127.0.0.1:notaport', false],
])('REDIS_URL %s is understood: %s', (url, isRight) => {
  expect(refusalOf({ REDIS_URL: url }) === '').toBe(isRight);
});

test('levels are read in any case, and the API URL ends with a slash', () => {
  expect(readEnvironment({ LOG_LEVEL: 'DEBUG', SLACK_API_URL: 'http://127.0.0.1:9/api' })).toMatchObject({
    logLevel: 'debug',
    slackApiUrl: 'http://127.0.0.1:9/api/',
  });
});
