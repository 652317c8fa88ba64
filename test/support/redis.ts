import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

export type TestRedis = {
  /** ioredis connection options: a private server on a Unix socket. */
  path: string;
  dir: string;
  connect: () => Redis;
  /** SIGKILL, as a crash does it; `start` brings the same data back. */
  kill: () => Promise<void>;
  start: () => Promise<void>;
  close: () => Promise<void>;
};

/** A real redis-server of its own for one test file: AOF, noeviction, no TCP port. Gone with `close()`. */
export async function startRedis(): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'mt-redis-'));
  const path = join(dir, 's');
  const clients: Redis[] = [];
  let server: ReturnType<typeof spawn> | null = null;

  async function start(): Promise<void> {
    const args = `--port 0 --unixsocket ${path} --dir ${dir} --appendonly yes --appendfsync everysec --maxmemory-policy noeviction`;
    server = spawn('redis-server', [...args.split(' '), '--save', ''], { stdio: 'ignore' });
    const probe = new Redis({ path, lazyConnect: true, retryStrategy: () => 20, maxRetriesPerRequest: 200 });
    probe.on('error', () => {});
    await probe.ping();
    probe.disconnect();
  }

  async function kill(): Promise<void> {
    const running = server;
    server = null;
    if (running === null || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await gone;
  }

  await start();
  return {
    path,
    dir,
    connect: () => {
      const client = new Redis({ path, maxRetriesPerRequest: null });
      client.on('error', () => {});
      clients.push(client);
      return client;
    },
    kill,
    start,
    close: async () => {
      for (const client of clients) client.disconnect();
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
