import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BotServer, startBotServer } from '../../src/adapters/http/bot-server.ts';
import { CommandError } from '../../src/errors.ts';
import { renderReportHtml } from '../../src/report/report-html.ts';
import { aReport } from '../slack/reports.ts';

const TOKEN = 'a-webhook-token';
const ALLOWED = { authorization: `Bearer ${TOKEN}` };

let server: BotServer;
let missing: string[];
let askedFor: string[];
let errors: unknown[];

async function start(token: string | null = TOKEN, port = 0): Promise<BotServer> {
  return await startBotServer({
    port,
    token,
    requestTimeoutMs: 1000,
    slack: null,
    routes: [
      { path: '/read', methods: ['POST'], answer: async (request) => ({ status: 200, body: await text(request) }) },
    ],
    whatIsMissing: async () => await Promise.resolve(missing),
    async findReport(id) {
      askedFor.push(id);
      if (id === 'M-500') throw new Error('Redis is away');
      const report = aReport({ incident: id, service: '<script>alert(1)</script>' });
      const found = { json: JSON.stringify(report), html: renderReportHtml(report) };
      return await Promise.resolve(id === 'M-12' ? found : null);
    },
    findPostmortem: async (id) => (id === 'M-12' ? `# Postmortem ${id}` : null),
    onError: (error) => errors.push(error),
  });
}

beforeEach(async () => {
  [missing, askedFor, errors] = [[], [], []];
  server = await start();
});

afterEach(async () => {
  await server.close();
});

/** The path as it stands, as no well-behaved client would send it. */
async function ask(path: string, headers: OutgoingHttpHeaders = {}, method = 'GET', port = server.port) {
  const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false });
  sent.end();
  const [response]: IncomingMessage[] = await once(sent, 'response');
  let body = '';
  for await (const chunk of response ?? []) body += String(chunk);
  return { status: response?.statusCode, headers: response?.headers ?? {}, body };
}

describe('health', () => {
  it('is told without a token, by GET and HEAD, whatever comes behind the question mark', async () => {
    expect(await ask('/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await ask('/healthz?probe=1')).toMatchObject({ status: 200 });
    expect(await ask('/healthz', {}, 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect(await ask('/readyz')).toMatchObject({ status: 200, body: 'ready\n' });
  });

  it('is 503 with the reasons while something is missing, and alive all the same', async () => {
    missing = ['Redis does not answer: Connection is closed.'];
    expect(await ask('/readyz')).toMatchObject({ status: 503, body: 'Redis does not answer: Connection is closed.\n' });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
    missing = [];
    expect(await ask('/readyz')).toMatchObject({ status: 200 });
  });
});

describe('reports', () => {
  it('come as a page and as JSON with the token', async () => {
    const page = await ask('/incidents/M-12', ALLOWED);
    expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } });
    const markdown = await ask('/incidents/M-12.md', ALLOWED);
    expect(markdown).toMatchObject({ status: 200 });
    expect((await ask('/incidents/M-13.md', ALLOWED)).status).toBe(404);
    const json = await ask('/incidents/M-12.json', ALLOWED);
    expect(json).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(JSON.parse(json.body)).toMatchObject({ incident: 'M-12', schema: 1 });
  });

  it.each([
    ['no token', {}],
    ['a wrong token', { authorization: 'Bearer another-token' }],
    ['the beginning of it', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['it and more', { authorization: `Bearer ${TOKEN}x` }],
    ['it as a password', { authorization: `Basic ${Buffer.from(`:${TOKEN}`).toString('base64')}` }],
    ['it without its scheme', { authorization: TOKEN }],
    ['an empty one', { authorization: 'Bearer ' }],
  ])('are refused to whoever sends %s, found or not', async (_title, headers) => {
    for (const path of ['/incidents/M-12', '/incidents/M-12.json', '/incidents/M-12.md', '/incidents/M-13']) {
      expect(await ask(path, headers)).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    }
    expect(askedFor).toEqual([]);
  });

  it('are refused to everybody when no token is set', async () => {
    const closed = await start(null);
    for (const authorization of ['Bearer ', 'Bearer null', 'Bearer undefined', 'Bearer x']) {
      expect(await ask('/incidents/M-12', { authorization }, 'GET', closed.port)).toMatchObject({ status: 401 });
    }
    await closed.close();
  });

  it('that are not there are 404, and 503 when the store does not answer', async () => {
    expect(await ask('/incidents/M-13', ALLOWED)).toMatchObject({ status: 404, body: 'no report of M-13\n' });
    expect(await ask('/incidents/M-500', ALLOWED)).toMatchObject({ status: 503 });
    expect(errors).toEqual([new Error('Redis is away')]);
  });

  it('show hostile names as text, in a page that may load and run nothing', async () => {
    const { body, headers } = await ask('/incidents/M-12', ALLOWED);
    expect(body).not.toContain('<script');
    expect(body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    const policy = String(headers['content-security-policy']).split('; ');
    expect(policy).toEqual(
      expect.arrayContaining(["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]),
    );
  });
});

describe('anything else', () => {
  it.each([
    '/',
    '//',
    '//evil.example.com/healthz',
    '/incidents',
    '/incidents/',
    '/incidents/M-',
    '/incidents/M-1e3',
    '/incidents/M-12.json.bak',
    '/incidents/../healthz',
    '/incidents/%4D-12',
    '/incidents/M-1234567890123456',
    '/slack/events',
    '/\u0001',
  ])('is 404 and no error: %j', async (path) => {
    expect(await ask(encodeURI(path).replaceAll('%25', '%'), ALLOWED)).toMatchObject({ status: 404 });
    expect({ errors, askedFor }).toEqual({ errors: [], askedFor: [] });
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('is 404 by %s', async (method) => {
    expect(await ask('/healthz', ALLOWED, method)).toMatchObject({ status: 404 });
    expect(await ask('/incidents/M-12', ALLOWED, method)).toMatchObject({ status: 404 });
  });

  it('that is no HTTP costs only its connection', async () => {
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('\u0016\u0003\u0001 hello\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
  });

  it.each([
    ['its head', 'POST /read HTTP/1.1\r\nhost: bot\r\n'],
    ['its body', 'POST /read HTTP/1.1\r\nhost: bot\r\ncontent-length: 99\r\n\r\n{'],
  ])('that never comes to the end of %s is cut', async (_title, begun) => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.write(begun);
    expect(await once(socket, 'close')).toEqual([false]);
  });

  it('on its port is told as such, not as a bug', async () => {
    const thrown = await start(TOKEN, server.port).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(CommandError);
    expect(thrown).toHaveProperty('exitCode', 69);
    expect(thrown).toHaveProperty('tryThis', expect.stringContaining('Set PORT'));
  });

  it('does not keep the server from closing: a connection that was left open is closed', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /healthz HTTP/1.1\r\nhost: bot\r\n\r\n');
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await server.close();
    expect(await closed).toEqual([false]);
    server = await start();
  });
});
