import { type ConnectionOptions, type DefaultJobOptions, Queue } from 'bullmq';

/**
 * A Queue to put jobs in, on the shared connection (`RedisHandle.command()`). Each call rejects by itself while Redis is
 * away and works again when it is back.
 *
 * BullMQ 6.7 asks a new Queue's Redis for its version and keeps the outcome: one that loses Redis in that moment rejects
 * every later call, for ever. The version was checked when the role started (redis/connection.ts), so nothing is asked here.
 */
export function openQueue(
  name: string,
  connection: ConnectionOptions,
  prefix: string,
  defaultJobOptions: DefaultJobOptions = {},
): Queue {
  const queue = new Queue(name, {
    connection,
    prefix,
    defaultJobOptions,
    skipVersionCheck: true,
    skipWaitingForReady: true,
  });
  // Told once by the connection's own watch (redis/connection.ts).
  queue.on('error', () => {});
  return queue;
}
