import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

export type Proxy = {
  /** The Unix socket to connect to. */
  path: string;
  /** Every connection is broken at once, in the middle of whatever it carries. */
  cut: () => void;
  /** Nothing goes through in either direction, and nobody is told; ends with `flow`. */
  hang: () => void;
  flow: () => void;
  close: () => Promise<void>;
};

/** A network in front of a server on a Unix socket that can be broken. */
export async function startProxy(path: string, target: string): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let isHanging = false;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    if (isHanging) socket.pause();
  };
  const server = createServer((client) => {
    const upstream = createConnection(target);
    client.pipe(upstream);
    upstream.pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
    keep(client);
    keep(upstream);
  });
  server.listen(path);
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    path,
    cut,
    hang() {
      isHanging = true;
      for (const socket of sockets) socket.pause();
    },
    flow() {
      isHanging = false;
      for (const socket of sockets) socket.resume();
    },
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
