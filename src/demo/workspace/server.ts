import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readArguments, readUpload } from './call-arguments.ts';
import { mimeTypeOf } from './files.ts';
import { answer, refuse } from './method.ts';
import type { ResponseUrls } from './response-urls.ts';
import { type CallReply, type Gate, passGate, runMethod } from './web-api.ts';
import type { World } from './world.ts';

/** Slack's largest upload is 1 GB; nothing here comes near this. */
const MOST_BODY_BYTES = 32 * 1024 * 1024;

export type LoopbackServer = { origin: string; server: Server; close(): Promise<void> };

/** Listens on loopback only. */
export async function listen(port: number): Promise<LoopbackServer> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    origin: `http://127.0.0.1:${isBound(address) ? address.port : port}`,
    server,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function isBound(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

/** Answers every request of the app: Web API, response URLs, uploads and downloads. */
export function serveRequests({ server }: LoopbackServer, world: World, gate: Gate, responseUrls: ResponseUrls): void {
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {});
    world.sockets.accept(request, socket, head);
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    serve(request, response, world, gate, responseUrls).catch(() => request.destroy());
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
  gate: Gate,
  responseUrls: ResponseUrls,
): Promise<void> {
  const url = new URL(request.url ?? '/', world.origin);
  const [, area = '', id = ''] = url.pathname.split('/');
  const contentType = request.headers['content-type'] ?? '';
  const authorization = request.headers.authorization ?? '';
  const body = await readBody(request);
  if (area === 'files') return sendFile(response, id, authorization, world);
  const args =
    area === 'upload' ? { file: id, bytes: body.length } : readArguments(contentType, body, url.searchParams);
  const call = { method: methodOf(area, id), authorization, args };
  const reply = await passGate(call, gate, world, () => {
    if (area === 'api') return runMethod(call, world);
    if (area === 'response') return responseUrls.use(id, args);
    if (area !== 'upload') return refuse('not_found', {}, 404);
    return world.files.receive(id, readUpload(contentType, body)) ? answer() : refuse('invalid_upload', {}, 400);
  });
  send(response, reply);
}

function methodOf(area: string, id: string): string {
  if (area === 'api') return id;
  return area === 'response' ? 'response_url' : area;
}

function send(response: ServerResponse, reply: CallReply): void {
  if (reply === 'cut') {
    response.socket?.destroy();
    return;
  }
  response.writeHead(reply.status, { 'content-type': 'application/json; charset=utf-8', ...reply.headers });
  response.end(JSON.stringify(reply.body));
}

function sendFile(response: ServerResponse, id: string, authorization: string, { files, tokens }: World): void {
  const file = files.find(id);
  if (file?.bytes === undefined || file.bytes === null || authorization !== `Bearer ${tokens.bot}`) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'content-type': mimeTypeOf(file) }).end(file.bytes);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > MOST_BODY_BYTES) throw new Error('the body is too large');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
