/** A way to Redis that reads along and can strike exactly before a command reaches it, or when it was done and nobody knows yet. */
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { createFramer, isPush, wordsOf } from './resp.ts';

export type Strike = {
  /** `before`: Redis never gets the command. `after`: Redis has done it. */
  moment: 'before' | 'after';
  /** Is its answer kept back? What was struck is dead by then, or shall not know. */
  isWithheld: boolean;
  act: () => void;
};

export type Tap = {
  /** The Unix socket to connect to. */
  path: string;
  /** Every connection is broken at once. */
  cut: () => void;
  close: () => Promise<void>;
};

/** Sees the words of every command of one connection before it goes on, and may strike at it. */
export type WatchCommands = (words: readonly string[]) => Strike | null;

export async function openTap(path: string, target: string, watchConnection: () => WatchCommands): Promise<Tap> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    const upstream = createConnection(target);
    keep(client);
    keep(upstream);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
    tapConnection(client, upstream, watchConnection());
  });
  server.listen(path);
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    path,
    cut,
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

function tapConnection(client: Socket, upstream: Socket, watch: WatchCommands): void {
  const [commands, replies] = [createFramer(), createFramer()];
  let sent = 0;
  let answered = 0;
  /** Whose answer is waited for. */
  let waiting: { index: number; strike: Strike } | null = null;
  let isDeaf = false;
  client.on('data', (chunk: Buffer) => {
    for (const frame of commands(chunk)) {
      if (isDeaf) return;
      const strike = watch(wordsOf(frame));
      if (strike?.moment === 'before') {
        isDeaf = strike.isWithheld;
        strike.act();
        if (isDeaf) return;
      }
      sent += 1;
      if (strike?.moment === 'after') waiting = { index: sent, strike };
      upstream.write(frame);
    }
  });
  upstream.on('data', (chunk: Buffer) => {
    for (const frame of replies(chunk)) {
      if (!isPush(frame)) answered += 1;
      if (waiting !== null && answered === waiting.index) {
        const { strike } = waiting;
        waiting = null;
        isDeaf = strike.isWithheld;
        strike.act();
      }
      if (isDeaf) return;
      client.write(frame);
    }
  });
}
