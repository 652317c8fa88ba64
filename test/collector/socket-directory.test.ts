import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { belongsTo, listSockets, removeStale, type SocketEntry } from '../../src/collector/socket-directory.ts';
import { findSocket } from '../../src/main/process-sockets.ts';

const UID = process.geteuid?.() ?? 0;
const servers: Server[] = [];
let base: string;
let dir: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'mt-sockets-'));
  dir = join(base, 'checkout');
  mkdirSync(dir, { mode: 0o700 });
});
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((closed) => server.close(closed));
  await rm(base, { recursive: true, force: true });
});

async function listen(path: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((listening) => server.listen(path, listening));
}

const why = () => {
  const listed = listSockets(dir);
  return listed.outcome === 'ok' ? 'trusted' : listed.why;
};

test('lists sockets by pid and start time, and nothing else that lies about', () => {
  for (const name of ['12.345.sock', '12.345.sock.tmp', '0.1.sock', '-1.2.sock', '12.sock', 'x.1.sock', '1.2.sock\n']) {
    writeFileSync(join(dir, name), '');
  }
  const listed = listSockets(dir);
  expect(listed).toEqual({
    outcome: 'ok',
    value: [{ instance: '12.345', pid: 12, startTicks: 345, socketPath: join(dir, '12.345.sock') }],
  });
});

test('a directory that others may write into is refused, with the cure', () => {
  for (const mode of [0o770, 0o777, 0o1777]) {
    chmodSync(dir, mode);
    expect(listSockets(dir)).toMatchObject({
      outcome: 'error',
      who: 'operator',
      why: `${dir} is not trusted: others may write into it`,
      tryThis: `chmod go-w ${dir}`,
    });
  }
  chmodSync(dir, 0o755);
  expect(why()).toBe('trusted');
});

test('a symbolic link, a file and a missing directory are told apart', async () => {
  const real = dir;
  dir = join(base, 'link');
  symlinkSync(real, dir);
  expect(why()).toContain('it is a symbolic link');
  dir = join(base, 'file');
  writeFileSync(dir, '');
  expect(why()).toContain('it is not a directory');
  dir = join(base, 'missing');
  expect(why()).toContain('does not exist');
});

test.skipIf(UID !== 0)('root trusts a directory of another user only where root alone could have put it', () => {
  chownSync(dir, 12_345, 12_345);
  expect(why()).toBe('trusted');
  chmodSync(base, 0o1777);
  expect(why()).toContain('uid 12345 owns it');
  chmodSync(base, 0o700);
  chownSync(base, 12_345, 12_345);
  expect(why()).toContain('uid 12345 owns it');
});

test('removes a socket that nobody listens on, and leaves every other file alone', async () => {
  const entry = (name: string): SocketEntry => ({
    instance: '1.2',
    pid: 1,
    startTicks: 2,
    socketPath: join(dir, name),
  });
  await listen(join(dir, '1.2.sock'));
  expect(await removeStale(entry('1.2.sock'))).toBe(false);
  writeFileSync(join(dir, '3.4.sock'), '');
  expect(await removeStale(entry('3.4.sock'))).toBe(false);
  symlinkSync(join(dir, '1.2.sock'), join(dir, '5.6.sock'));
  expect(await removeStale(entry('5.6.sock'))).toBe(false);
  expect(await removeStale(entry('7.8.sock'))).toBe(false);
  for (const name of ['1.2.sock', '3.4.sock', '5.6.sock']) expect(existsSync(join(dir, name))).toBe(true);
});

test('a socket belongs to a process of the same user only', async () => {
  const entry = { instance: '1.2', pid: 1, startTicks: 2, socketPath: join(dir, '1.2.sock') };
  await listen(entry.socketPath);
  expect(belongsTo(entry, UID)).toBe(true);
  expect(belongsTo(entry, UID + 1)).toBe(false);
  expect(belongsTo(entry, null)).toBe(false);
});

test('of a process that no configuration knows only a socket is taken, not a link to another one', async () => {
  await listen(join(base, 'another'));
  symlinkSync(join(base, 'another'), join(dir, '1.2.sock'));
  expect(findSocket(process.pid, '1.2', [dir])).toBeNull();
  await listen(join(dir, '3.4.sock'));
  expect(findSocket(process.pid, '3.4', [dir])).toBe(join(dir, '3.4.sock'));
});
