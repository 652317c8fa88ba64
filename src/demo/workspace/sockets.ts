import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { ACK_DEADLINE_MS, type Ack, type Deliver } from './delivery.ts';
import { APP_ID } from './directory.ts';
import { parseJson, stringIn } from './json.ts';

/** Slack keeps at most 10 connections of an app. */
const MOST_SOCKETS = 10;
/** The client takes a connection for dead after 30 s without a ping. */
const PING_EVERY_MS = 10_000;

export type DisconnectReason = 'warning' | 'refresh_requested' | 'link_disabled' | 'too_many_websockets';

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
  const tickets = new Set<string>();
  const sockets = new Set<WebSocket>();
  const pending = new Map<string, (ack: Ack) => void>();
  const waiters = new Set<() => void>();
  let turn = 0;
  let refuses = false;
  const pings = setInterval(() => sockets.forEach((socket) => socket.ping()), PING_EVERY_MS);
  pings.unref();

  function welcome(socket: WebSocket): void {
    socket.on('message', (data) => settle(parseJson(Buffer.isBuffer(data) ? data.toString('utf8') : '')));
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => sockets.delete(socket));
    if (sockets.size >= MOST_SOCKETS) return sayGoodbye(socket, 'too_many_websockets');
    sockets.add(socket);
    const debugInfo = { host: 'loopback', build_number: 1, approximate_connection_time: 18_060 };
    const hello = {
      type: 'hello',
      num_connections: sockets.size,
      debug_info: debugInfo,
      connection_info: { app_id: APP_ID },
    };
    socket.send(JSON.stringify(hello));
    for (const check of waiters) check();
  }

  function settle(message: unknown): void {
    const id = stringIn(message, 'envelope_id') ?? '';
    const body = typeof message === 'object' && message !== null && 'payload' in message ? message.payload : null;
    pending.get(id)?.({ acked: true, ackMs: 0, body });
  }

  function sayGoodbye(socket: WebSocket, reason: DisconnectReason): void {
    sockets.delete(socket);
    socket.send(JSON.stringify({ type: 'disconnect', reason, debug_info: { host: 'loopback' } }));
  }

  const deliver: Deliver = (envelope, retry) => {
    const open = [...sockets];
    const socket = open[turn++ % Math.max(1, open.length)];
    if (socket === undefined) {
      return Promise.resolve({
        acked: false,
        ackMs: 0,
        error: 'dispatch_failed',
        reason: 'connection_failed',
        mayRetry: true,
      });
    }
    const id = randomUUID();
    const sentAt = now();
    const retryFields = retry === null ? {} : { retry_attempt: retry.attempt, retry_reason: retry.reason };
    const accepts = envelope.type !== 'events_api';
    socket.send(JSON.stringify({ envelope_id: id, ...envelope, accepts_response_payload: accepts, ...retryFields }));
    return new Promise((resolve) => {
      const finish = (ack: Ack): void => {
        clearTimeout(deadline);
        pending.delete(id);
        resolve({ ...ack, ackMs: now() - sentAt });
      };
      const tooLate: Ack = { acked: false, ackMs: 0, error: 'operation_timeout', reason: 'timeout', mayRetry: true };
      const deadline = setTimeout(finish, ACK_DEADLINE_MS, tooLate);
      pending.set(id, finish);
    });
  };

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
    deliver,
    count: () => sockets.size,
    waitFor: (count, timeoutMs) => waitUntil(() => sockets.size >= count, waiters, timeoutMs),
    disconnect: (reason, howMany) => [...sockets].slice(0, howMany).forEach((socket) => sayGoodbye(socket, reason)),
    drop: () => sockets.forEach((socket) => socket.terminate()),
    refuse: (isOn) => {
      refuses = isOn;
    },
    close: () => {
      clearInterval(pings);
      const closed: Ack = {
        acked: false,
        ackMs: 0,
        error: 'dispatch_failed',
        reason: 'connection_failed',
        mayRetry: false,
      };
      for (const finish of pending.values()) finish(closed);
      for (const client of server.clients) client.terminate();
      server.close();
    },
  };
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
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
