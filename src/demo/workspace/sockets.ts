import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Deliver, NOT_THERE } from './delivery.ts';
import { APP_ID } from './directory.ts';
import { parseJson } from './json.ts';
import { createPendingAcks } from './pending-acks.ts';
import { createSocketRoster, type DisconnectReason } from './socket-roster.ts';

/** The client takes a connection for dead after 30 s without a ping. */
const PING_EVERY_MS = 10_000;

export type SocketHub = {
  /** A URL that one WebSocket may open. */
  newUrl: () => string;
  accept: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** To exactly one of the app's sockets, in turn. */
  deliver: Deliver;
  count: () => number;
  waitFor: (count: number, timeoutMs: number) => Promise<void>;
  /** Tells the oldest `howMany` sockets to go; they get no more envelopes. */
  disconnect: (reason: DisconnectReason, howMany: number) => void;
  /** Cuts every connection without a word. */
  drop: () => void;
  /** Handshakes are refused while on. */
  refuse: (isOn: boolean) => void;
  close: () => void;
};

export function createSocketHub(origin: string, now: () => number): SocketHub {
  const server = new WebSocketServer({ noServer: true });
  const roster = createSocketRoster();
  const pending = createPendingAcks(now);
  const tickets = new Set<string>();
  let refuses = false;
  const pings = setInterval(() => server.clients.forEach((socket) => socket.ping()), PING_EVERY_MS);
  pings.unref();

  function welcome(socket: WebSocket): void {
    socket.on('message', (data) => pending.settle(parseJson(Buffer.isBuffer(data) ? data.toString('utf8') : '')));
    roster.add(socket);
  }

  return {
    newUrl: () => {
      const ticket = randomUUID();
      tickets.add(ticket);
      return `${origin.replace(/^http/, 'ws')}/link/?ticket=${ticket}&app_id=${APP_ID}`;
    },
    accept: (request, socket, head) => {
      const ticket = new URL(request.url ?? '', origin).searchParams.get('ticket') ?? '';
      if (refuses) return refuseUpgrade(socket, '503 Service Unavailable');
      if (!tickets.delete(ticket)) return refuseUpgrade(socket, '403 Forbidden');
      server.handleUpgrade(request, socket, head, welcome);
    },
    deliver: (envelope, retry) => {
      const socket = roster.next();
      return socket === null ? Promise.resolve(NOT_THERE) : pending.send(socket, envelope, retry);
    },
    count: roster.count,
    waitFor: roster.waitFor,
    disconnect: roster.disconnect,
    drop: () => server.clients.forEach((socket) => socket.terminate()),
    refuse: (isOn) => {
      refuses = isOn;
    },
    close: () => {
      clearInterval(pings);
      pending.abandon();
      for (const client of server.clients) client.terminate();
      server.close();
    },
  };
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
