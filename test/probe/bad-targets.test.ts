import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lookTwice } from '../../src/adapters/transports/look-twice.ts';
import { classifyPattern } from '../../src/analysis/pattern.ts';
import { anyPython } from '../support/pythons.ts';
import { startTarget, type Target } from './target.ts';

const python = anyPython().path;
const targets: Target[] = [];
const servers: Server[] = [];
let home = '';

async function start(program: string): Promise<Target> {
  const target = await startTarget(python, program);
  targets.push(target);
  return target;
}

/** Something that listens on a socket and answers each line with the same bytes. */
async function impostor(answer: string): Promise<string> {
  const path = join(home, `${servers.length}.sock`);
  const server = createServer((socket) => socket.on('error', () => {}).on('data', () => socket.end(answer)));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'mt-bad-'));
});

afterEach(async () => {
  await Promise.all(targets.splice(0).map((target) => target.end()));
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  await rm(home, { recursive: true, force: true });
});

it.each([
  ['stopped', 'SIGSTOP'],
  ['in C code that holds the interpreter lock', 'SIGUSR1'],
] as const)('a target that is %s is still seen from outside, and the note says what to try', async (_, signal) => {
  const target = await start('holds_gil.py');
  target.process.kill(signal);
  const { target: subject, context } = await target.lookTarget();
  const outcome = await lookTwice(subject, context);
  if (outcome.outcome !== 'ok') throw new Error(outcome.why);
  expect(outcome.value.rssBytes).toBeGreaterThan(5_000_000);
  expect(outcome.value.layers.map(({ layer }) => layer)).toEqual(['file', 'stacks', 'shared']);
  expect(outcome.value.process?.threads).toBe(2);
  expect(outcome.value.containers).toBeNull();
  expect(outcome.value.notes.join(' ')).toMatch(/did not answer within 2 s.*py-spy dump/);
});

it('a process without a probe is seen from outside, and the note says how to load one', async () => {
  const target = await start('retry_queue.py');
  const { target: subject, context } = await target.lookTarget();
  const outcome = await lookTwice(subject, { ...context, transport: null, windowSeconds: 0.3 });
  if (outcome.outcome !== 'ok') throw new Error(outcome.why);
  expect(outcome.value.notes.join(' ')).toContain('memtriage probe-path');
  expect(outcome.value.rssDeltaBytes).toBeGreaterThan(0);
  expect(outcome.value.notes.join(' ')).toMatch(
    /anonymous memory \(Python objects, allocators and native together\): [\d.]+ MiB, \+[\d.]+ [KM]iB in the look/,
  );
  const { name, evidence } = classifyPattern(outcome.value, { growthBytesPerHour: null, state: 'leak' });
  expect(name).toBe('inconclusive');
  expect(evidence.join(' ')).toMatch(/RSS \+.* in the look: anonymous memory \+[\d.]+ [KM]iB, file .*shared/);
});

it('a pid that another process has now is not looked into', async () => {
  const target = await start('retry_queue.py');
  const { target: subject, context } = await target.lookTarget();
  const outcome = await lookTwice({ ...subject, startTicks: subject.startTicks - 1 }, context);
  expect(outcome).toMatchObject({ outcome: 'inconclusive', why: expect.stringContaining('another') });
});

it.each([
  ['nonsense', 'hello\n', 'no reply of a probe'],
  ['half a reply', '{"protocol":1,"ok":tr', 'hung up'],
  ['another protocol', '{"protocol":2,"ok":true,"result":{}}\n', 'speaks protocol 2'],
  ['fields that are not known', '{"protocol":1,"ok":true,"result":{"pid":"x"}}\n', 'unknown fields'],
  ['two megabytes', 'x'.repeat(2_000_000), 'answered more than'],
])('a probe that answers %s leaves a look from outside with the reason', async (_, answer, why) => {
  const { unixSocketTransport } = await import('../../src/adapters/transports/unix-socket.ts');
  const target = await start('sleeps.py');
  const { target: subject, context } = await target.lookTarget();
  const transport = unixSocketTransport(await impostor(answer));
  const outcome = await lookTwice(subject, { ...context, transport, windowSeconds: 0.1 });
  if (outcome.outcome !== 'ok') throw new Error(outcome.why);
  expect(outcome.value.notes.join(' ')).toContain(why);
});
