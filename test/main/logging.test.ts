import { expect, test } from 'vitest';
import { Secret } from '../../src/config/secret.ts';
import { createLogger, type LoggingOptions } from '../../src/main/logging.ts';

const BOT = ['xoxb', '12345678', 'abcdefgh'].join('-');

function capture(options: Partial<LoggingOptions> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, logger: createLogger({ level: 'debug', pretty: false, destination, ...options }) };
}

test('a line is JSON with a level by name and a time', () => {
  const { lines, logger } = capture();
  logger.child({ incidentId: 'M-1' }).warn({ attempt: 2 }, 'slow');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { level: 'warn', time: expect.stringMatching(/^\d{4}-.*Z$/), incidentId: 'M-1', attempt: 2, msg: 'slow' },
  ]);
});

test.each([true, false])('no secret passes, wherever it hides (for people: %s)', (pretty) => {
  const secrets = [new Secret('s3cr"et\\value'), new Secret('plain-secret')];
  const { lines, logger } = capture({ secrets, pretty });
  logger.info(`posting with ${BOT}`);
  logger.info({ headers: { authorization: `Bearer ${'a'.repeat(20)}` }, [BOT]: 1 }, 'x');
  logger.error({ err: new Error('connect redis://user:hunter22@host:6379 failed, s3cr"et\\value') }, 'plain-secret');
  logger.info({ list: [{ deep: 's3cr"et\\value' }] }, 'x');
  const text = lines.join('');
  for (const secret of [BOT, 'aaaaaaaa', 'hunter22', 's3cr', 'plain-secret']) expect(text).not.toContain(secret);
  expect(text).toContain('redis://[redacted]@host:6379 failed');
  expect(lines).toHaveLength(4);
});

test('for people a line is short and a stack stands below it', () => {
  const { lines, logger } = capture({ pretty: true });
  logger.warn({ redis: 'embedded', attempt: 2 }, 'Redis connection lost');
  logger.error({ err: new Error('boom') }, 'failed');
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn  Redis connection lost {2}redis=embedded attempt=2\n$/);
  expect(lines[1]).toMatch(/^\S+ error failed\n {2}Error: boom\n {2} +at /);
});

test('nothing below the level is written', () => {
  const { lines, logger } = capture({ level: 'warn' });
  logger.info('no');
  expect(lines).toEqual([]);
});
