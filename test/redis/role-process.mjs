/** A role of memtriage in a process of its own: opens the Redis of the directory given, says so, and lives until it is killed. */
import { pino } from 'pino';
import { openRedis } from '../../src/adapters/redis/connection.ts';

const redis = await openRedis({ url: null, configDir: process.argv[2] ?? '', logger: pino({ level: 'silent' }) });
await redis.command().rpush('roles', String(process.pid));
process.on('message', () => {
  void redis.close().then(() => process.disconnect());
});
process.send('ready');
