/** A role of memtriage in a process of its own: opens the Redis of the directory given, says so, and lives until it is killed. */
import { join } from 'node:path';
import { pino } from 'pino';
import { runnerImport } from 'vite';

const source = join(import.meta.dirname, '../../src/adapters/redis/connection.ts');
const { module } = await runnerImport(source, { logLevel: 'error' });
const redis = await module.openRedis({ url: null, configDir: process.argv[2], logger: pino({ level: 'silent' }) });
await redis.command().rpush('roles', String(process.pid));
process.on('message', async () => {
  await redis.close();
  process.disconnect();
});
process.send('ready');
