/** What went over the wire between the client and a real API server: recorded once, played back by the tests. */

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';

export type Exchange = {
  method: string;
  path: string;
  contentType: string | null;
  /** Null: none. */
  request: unknown;
  status: number;
  /** A JSON object, plain text, or the lines of a watch. */
  response: unknown;
  lines?: unknown[];
};

export async function readRecorded(name: string): Promise<Exchange[]> {
  return JSON.parse(await readFile(new URL(`recorded/${name}.json`, import.meta.url), 'utf8')) as Exchange[];
}

/**
 * Answers as the recorded server did, each request by the next exchange of its method and path (the last one again and
 * again), and only when token, content type and body are those that the real server accepted: else HTTP 400, and it
 * stands in `wrong`.
 */
export async function playBack(exchanges: readonly Exchange[]) {
  const seen: string[] = [];
  const wrong: string[] = [];
  const counts = new Map<string, number>();
  const server = createServer((incoming, outgoing) => {
    void readAll(incoming).then((text) => {
      const line = `${incoming.method} ${incoming.url}`;
      seen.push(line);
      const known = exchanges.filter(({ method, path }) => `${method} ${path}` === line);
      const index = counts.get(line) ?? 0;
      counts.set(line, index + 1);
      const exchange = known[Math.min(index, known.length - 1)];
      // Nothing more happened: a stream that says nothing until it is left.
      if (exchange === undefined && line.includes('watch=true')) {
        outgoing.writeHead(200).flushHeaders();
        return;
      }
      const problem = exchange === undefined ? 'was never recorded' : differs(exchange, incoming, text);
      if (exchange === undefined || problem !== null) {
        wrong.push(`${line}: ${problem}`);
        outgoing.writeHead(400).end('{}');
        return;
      }
      outgoing.writeHead(exchange.status, { 'content-type': 'application/json' });
      for (const event of exchange.lines ?? []) outgoing.write(`${JSON.stringify(event)}\n`);
      const { response, lines } = exchange;
      const body = typeof response === 'string' ? response : JSON.stringify(response);
      outgoing.end(lines === undefined ? body : '');
    });
  });
  return { url: await listen(server), seen, wrong, close: () => closeServer(server) };
}

function differs({ contentType, request }: Exchange, incoming: IncomingMessage, text: string): string | null {
  if (incoming.headers.authorization !== 'Bearer collector-token') return 'without the token of the collector';
  if ((incoming.headers['content-type'] ?? null) !== contentType) return `is ${incoming.headers['content-type']}`;
  const body: unknown = text === '' ? null : JSON.parse(text);
  return isDeepStrictEqual(body, request) ? null : `has another body: ${text}`;
}

/** A kubeconfig as text for a server on loopback. */
export function kubeconfigFor(url: string, token = 'collector-token'): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

export async function readAll(incoming: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text;
}
