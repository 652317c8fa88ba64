import type { WebSocket } from 'ws';
import { APP_ID } from './directory.ts';

/** Slack keeps at most 10 connections of an app. */
const MOST_SOCKETS = 10;

export type DisconnectReason = 'warning' | 'refresh_requested' | 'link_disabled' | 'too_many_websockets';

/** The app's connections that take envelopes. */
export type SocketRoster = {
  /** Says hello, or goodbye to one too many. */
  add: (socket: WebSocket) => void;
  /** The one whose turn it is; null when there is none. */
  next: () => WebSocket | null;
  count: () => number;
  /** Rejects after `timeoutMs`. */
  waitFor: (count: number, timeoutMs: number) => Promise<void>;
  /** Tells the oldest `howMany` to go; they get nothing more. */
  disconnect: (reason: DisconnectReason, howMany: number) => void;
};

export function createSocketRoster(): SocketRoster {
  const sockets = new Set<WebSocket>();
  const waiters = new Set<() => void>();
  let turn = 0;

  function sayGoodbye(socket: WebSocket, reason: DisconnectReason): void {
    sockets.delete(socket);
    socket.send(JSON.stringify({ type: 'disconnect', reason, debug_info: { host: 'loopback' } }));
  }

  return {
    add: (socket) => {
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => sockets.delete(socket));
      if (sockets.size >= MOST_SOCKETS) return sayGoodbye(socket, 'too_many_websockets');
      sockets.add(socket);
      socket.send(JSON.stringify(hello(sockets.size)));
      for (const check of waiters) check();
    },
    next: () => {
      const open = [...sockets];
      turn += 1;
      return open[turn % Math.max(1, open.length)] ?? null;
    },
    count: () => sockets.size,
    waitFor: (count, timeoutMs) => waitUntil(() => sockets.size >= count, waiters, timeoutMs),
    disconnect: (reason, howMany) => [...sockets].slice(0, howMany).forEach((socket) => sayGoodbye(socket, reason)),
  };
}

function hello(connections: number): object {
  const debugInfo = { host: 'loopback', build_number: 1, approximate_connection_time: 18_060 };
  return { type: 'hello', num_connections: connections, debug_info: debugInfo, connection_info: { app_id: APP_ID } };
}

function waitUntil(isReached: () => boolean, waiters: Set<() => void>, timeoutMs: number): Promise<void> {
  if (isReached()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      waiters.delete(check);
    };
    const check = (): void => {
      if (!isReached()) return;
      end();
      resolve();
    };
    const timer = setTimeout(() => {
      end();
      reject(new Error(`the app did not open its Socket Mode connections within ${timeoutMs} ms`));
    }, timeoutMs);
    waiters.add(check);
  });
}
