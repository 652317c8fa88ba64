import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isSignedBy, SIGNATURE_HEADER, sign } from '../../src/adapters/rollback/signature.ts';

type Order = { idempotency_key: string; dry_run: boolean; to: string };
type Reply = { status: number; body: unknown; headers?: Record<string, string>; secret?: string | null };

/** A deployment system on loopback that keeps the agreement: checks signatures, does one order once, tells its state. */
export async function startDeployer(secret: string) {
  const orders = new Map<string, { order: Order; state: string; message: string }>();
  const requests: string[] = [];
  /** Answers in its place; null: it answers itself. */
  let forge: (method: string, path: string) => Reply | null = () => null;

  function answer(method: string, path: string, body: string, signature: string): Reply {
    const forged = forge(method, path);
    if (forged !== null) return forged;
    if (!isSignedBy(secret, body, signature, Date.now())) return { status: 401, body: { message: 'wrong signature' } };
    if (method === 'GET') {
      const key = decodeURIComponent(path.split('/').at(-1) ?? '');
      const known = orders.get(key);
      if (known === undefined) return { status: 404, body: {} };
      return { status: 200, body: { idempotency_key: key, state: known.state, message: known.message } };
    }
    const order: Order = JSON.parse(body);
    const key = order.idempotency_key;
    if (order.dry_run)
      return { status: 200, body: { idempotency_key: key, dry_run: true, ok: true, message: 'would' } };
    if (!orders.has(key)) orders.set(key, { order, state: 'running', message: '1 of 3 pods' });
    return { status: 202, body: { idempotency_key: key, status_url: `/status/${encodeURIComponent(key)}` } };
  }

  const server = createServer((incoming, outgoing) => {
    void readAll(incoming).then((body) => {
      const path = incoming.url ?? '';
      requests.push(`${incoming.method} ${path} ${String(incoming.headers['idempotency-key'])}`);
      const signature = String(incoming.headers[SIGNATURE_HEADER.toLowerCase()] ?? '');
      const reply = answer(incoming.method ?? '', path, body, signature);
      const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body);
      const by = reply.secret === undefined ? secret : reply.secret;
      const signed = by === null ? {} : { [SIGNATURE_HEADER]: sign(by, text, Date.now()) };
      outgoing.writeHead(reply.status, { ...signed, ...reply.headers }).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/rollback`,
    orders,
    requests,
    forge: (by: typeof forge) => {
      forge = by;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readAll(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text;
}
