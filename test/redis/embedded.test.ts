import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openRedis, type RedisHandle } from '../../src/adapters/redis/connection.ts';

const WAIT = { timeout: 10_000, interval: 20 };
const logger = pino({ level: 'silent' });
let directory = '';
let handles: RedisHandle[] = [];
let roles: ChildProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mt-embedded-'));
});

afterEach(async () => {
  for (const role of roles) role.kill('SIGKILL');
  for (const handle of handles) await handle.close();
  handles = [];
  roles = [];
  await nothingLeft();
  await rm(directory, { recursive: true, force: true });
});

async function open(configDir = directory): Promise<RedisHandle> {
  const handle = await openRedis({ url: null, configDir, logger });
  handles.push(handle);
  return handle;
}

/** A role in a process of its own, which can be killed. Ready when it has said so. */
async function startRole(): Promise<ChildProcess> {
  const role = fork(join(import.meta.dirname, 'role-process.mjs'), [directory], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  roles.push(role);
  await once(role, 'message');
  return role;
}

async function kill(role: ChildProcess): Promise<void> {
  const gone = once(role, 'exit');
  role.kill('SIGKILL');
  await gone;
}

async function nothingLeft(): Promise<void> {
  await vi.waitFor(() => {
    const left = processesIn(directory);
    if (left.length > 0) throw new Error(`still running: ${JSON.stringify(left)}`);
  }, WAIT);
}

type Running = { pid: number; name: string };

/** Servers and keepers whose working directory lies under `dir`, the dead ones that nobody reaped left out. */
function processesIn(dir: string): Running[] {
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) return [];
    try {
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      return cwd.startsWith(dir) ? [{ pid, name }] : [];
    } catch {
      return [];
    }
  });
}

function serversIn(dir: string): number[] {
  return processesIn(dir).flatMap(({ pid, name }) => (name === 'redis-server' ? [pid] : []));
}

test('starts a private server: no TCP port, kept on disk, nothing evicted, for this user only', async () => {
  const redis = (await open()).command();
  const settings = await redis.config('GET', 'port', 'appendonly', 'appendfsync', 'maxmemory-policy', 'save');
  expect(Object.fromEntries(pairs(settings))).toEqual({
    port: '0',
    appendonly: 'yes',
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
    save: '',
  });
  const data = join(directory, '.memtriage', 'redis');
  expect(statSync(data).mode & 0o777).toBe(0o700);
  expect(statSync(join(data, 's')).mode & 0o777).toBe(0o700);
});

test('a second role adopts the server that runs, and the data outlive all roles', async () => {
  const first = await open();
  const second = await open();
  await first.command().set('k', 'v');
  expect(await second.command().get('k')).toBe('v');
  expect(serversIn(directory)).toHaveLength(1);

  await first.close();
  expect(await second.command().get('k')).toBe('v');
  await second.close();
  await nothingLeft();
  expect(await (await open()).command().get('k')).toBe('v');
});

test('eight roles that start at the same moment share one server', async () => {
  const opened = await Promise.all(Array.from({ length: 8 }, () => open()));
  const ids = await Promise.all(
    opened.map(async (handle) => /process_id:(\d+)/.exec(await handle.command().info())?.[1]),
  );
  expect(new Set(ids).size).toBe(1);
  expect(serversIn(directory)).toHaveLength(1);
});

test('ends with the last role, even when every role is killed', async () => {
  const [first, second] = await Promise.all([startRole(), startRole()]);
  const [server] = serversIn(directory);
  await kill(first);
  // The other one still works with the same server.
  expect(await (await open()).command().llen('roles')).toBe(2);
  await handles[0]?.close();
  expect(serversIn(directory)).toEqual([server]);
  await kill(second);
  await nothingLeft();
});

test('a role that closes in good order leaves the server to the others', async () => {
  const [first, second] = await Promise.all([startRole(), startRole()]);
  const gone = once(first, 'exit');
  first.send('close');
  await gone;
  expect(serversIn(directory)).toHaveLength(1);
  await kill(second);
  await nothingLeft();
});

test('a server that is killed comes back with its data', async () => {
  const handle = await open();
  await handle.command().set('k', 'v');
  await handle
    .command()
    .call('WAITAOF', '1', '0', '1000')
    .catch(() => handle.command().config('SET', 'appendfsync', 'always'));
  await handle.command().set('k2', 'v2');
  const [server = 0] = serversIn(directory);
  process.kill(server, 'SIGKILL');
  await vi.waitFor(async () => expect(await handle.command().get('k2')).toBe('v2'), WAIT);
  expect(serversIn(directory)).not.toContain(server);
  await handle.close();
  await nothingLeft();
});

test('a keeper that is killed takes the server with it, and a role starts both again', async () => {
  const handle = await open();
  await handle.command().set('k', 'v');
  const keeper = processesIn(directory).find(({ name }) => name === 'cat');
  process.kill(keeper?.pid ?? 0, 'SIGKILL');
  await vi.waitFor(async () => {
    const now = processesIn(directory);
    expect(now.map(({ name }) => name).sort()).toEqual(['cat', 'redis-server']);
    expect(now.map(({ pid }) => pid)).not.toContain(keeper?.pid);
    expect(await handle.command().get('k')).toBe('v');
  }, WAIT);
});

test('a server without a keeper is replaced by one that will end', async () => {
  const data = join(directory, '.memtriage', 'redis');
  mkdirSync(data, { recursive: true });
  spawnSync('redis-server', ['--port', '0', '--unixsocket', 's', '--dir', '.', '--save', '', '--daemonize', 'yes'], {
    cwd: data,
  });
  await vi.waitFor(() => expect(existsSync(join(data, 's'))).toBe(true), WAIT);
  const [orphan] = serversIn(directory);
  await open();
  expect(serversIn(directory)).toHaveLength(1);
  expect(serversIn(directory)).not.toContain(orphan);
});

test('server and keeper inherit no secret of the role that started them', async () => {
  vi.stubEnv('SLACK_BOT_TOKEN', 'not-for-children');
  await open();
  vi.unstubAllEnvs();
  const environments = processesIn(directory).map(({ pid }) => readFileSync(`/proc/${pid}/environ`, 'utf8'));
  expect(environments).toHaveLength(2);
  expect(environments.join()).not.toContain('not-for-children');
});

test('a plain file where the lease should be is replaced', async () => {
  const data = join(directory, '.memtriage', 'redis');
  mkdirSync(data, { recursive: true });
  writeFileSync(join(data, 'lease'), '');
  const redis = (await open()).command();
  await redis.set('k', 'v');
  expect(statSync(join(data, 'lease')).isFIFO()).toBe(true);
});

test('works where the path is too long for a socket', async () => {
  const deep = join(directory, 'd'.repeat(100), 'e'.repeat(60));
  mkdirSync(deep, { recursive: true });
  const first = await open(deep);
  const second = await open(deep);
  await first.command().set('k', 'v');
  expect(await second.command().get('k')).toBe('v');
  expect(serversIn(directory)).toHaveLength(1);
});

test('an append-only file that is damaged is told with its last words, and nothing is left running', async () => {
  const handle = await open();
  await handle.command().set('k', 'v');
  await handle.close();
  await nothingLeft();
  const aof = join(directory, '.memtriage', 'redis', 'appendonlydir');
  const base = readdirSync(aof).find((name) => name.endsWith('.base.rdb')) ?? '';
  writeFileSync(join(aof, base), 'REDIS0010 no such thing');
  await expect(open()).rejects.toMatchObject({ exitCode: 69, message: expect.stringContaining('did not start') });
  await nothingLeft();
});

test('a directory that can not be made is told with a cure', async () => {
  writeFileSync(join(directory, '.memtriage'), 'a file in the way');
  await expect(open()).rejects.toMatchObject({ exitCode: 69, tryThis: expect.stringContaining('REDIS_URL') });
});

test('a machine without redis-server is told the line to type', async () => {
  vi.stubEnv('PATH', await pathWithout('redis-server'));
  await expect(open()).rejects.toMatchObject({
    exitCode: 69,
    tryThis: expect.stringContaining('apt-get install -y redis-server'),
  });
  vi.unstubAllEnvs();
});

/** A directory with links to the tools that the start needs, but for one. */
async function pathWithout(missing: string): Promise<string> {
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  for (const tool of ['sh', 'cat', 'flock', 'setpriv', 'mkfifo', 'redis-server', 'true', 'env'].filter(
    (name) => name !== missing,
  )) {
    const { stdout } = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' });
    spawnSync('ln', ['-s', stdout.trim(), join(bin, tool)]);
  }
  return bin;
}

function pairs(list: unknown): [string, unknown][] {
  const items = Array.isArray(list) ? list : [];
  return items.flatMap((item, index) => (index % 2 === 0 ? [[String(item), items[index + 1]]] : []));
}
