import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { CommandError, EXIT_UNAVAILABLE, messageOf } from '../../errors.ts';
import { isAllowed } from './bearer.ts';
import type { ReportLinks } from './report-links.ts';

/** `type`: plain text without it. */
export type Answer = { status: number; body: string; type?: string };

/** One more path of the server. What its `answer` throws is answered with 503. */
export type Route = {
  path: string;
  methods: readonly string[];
  answer: (request: IncomingMessage) => Promise<Answer>;
};

export type BotServerOptions = {
  /** 0: a free one. */
  port: number;
  /** Bearer token of everything that shows data; null: such paths answer 401 to everybody. */
  token: string | null;
  /** Lets those with a signed link read one report; null or absent: only the token opens reports. */
  links?: Pick<ReportLinks, 'isValid'> | null;
  /** What is not ready, as plain sentences; empty: ready. */
  whatIsMissing: () => Promise<readonly string[]>;
  /** Why only a new process would help, or null. */
  whyStuck?: () => string | null;
  /** The stored report as JSON text and as a page; null when there is none. */
  findReport: (incidentId: string) => Promise<{ json: string; html: string } | null>;
  /** The incident as a Markdown document; null when there is none. */
  findPostmortem: (incidentId: string) => Promise<string | null>;
  /** Slack's requests in HTTP mode; null in Socket Mode. */
  slack: RequestListener | null;
  /** What else is answered here, by exact path. */
  routes?: readonly Route[];
  /** A request that is not there to its end by then is cut. Default: 10 s. Milliseconds. */
  requestTimeoutMs?: number;
  onError: (error: unknown) => void;
};

export type BotServer = {
  port: number;
  /**
   * From now on nothing new is taken: 503, so that senders and load balancers go to another bot. Resolves when the
   * requests under way are answered.
   */
  refuse(): Promise<void>;
  close(): Promise<void>;
};

/** A slow sender must not hold a connection for ever. */
const REQUEST_TIMEOUT_MS = 10_000;

const INCIDENT_PATH = /^\/incidents\/(M-\d{1,15})(\.json|\.md)?$/;

/**
 * The bot's HTTP surface: health for supervisors, reports for those with the token, Slack's requests in HTTP mode.
 * Throws a `CommandError` (69) when the port is not to be had.
 */
export async function startBotServer(options: BotServerOptions): Promise<BotServer> {
  let isStopping = false;
  const underWay = new Set<Promise<void>>();
  const { requestTimeoutMs: requestTimeout = REQUEST_TIMEOUT_MS } = options;
  // Of the two, Node takes the longer one for the whole request; by itself it looks every 30 s only.
  const timeouts = { requestTimeout, headersTimeout: requestTimeout, connectionsCheckingInterval: requestTimeout / 10 };
  const server = createServer(timeouts, (request, response) => {
    if (isStopping && pathOf(request) !== '/healthz') return refuse(response);
    const work = route(request, response, options)
      .catch((error: unknown) => {
        options.onError(error);
        if (!response.headersSent) answer(response, 503, 'something that is needed does not answer\n');
        else response.destroy();
      })
      .finally(() => underWay.delete(work));
    underWay.add(work);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, resolve);
  }).catch((thrown: unknown) => {
    const why = `the bot can't listen on port ${options.port}: ${messageOf(thrown)}`;
    throw new CommandError(EXIT_UNAVAILABLE, why, 'Set PORT to a free one, or end what holds it.', { cause: thrown });
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    async refuse() {
      isStopping = true;
      await Promise.all(underWay);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

function refuse(response: ServerResponse): void {
  // The rest of the request is not read, so nothing can follow it.
  response.setHeader('connection', 'close');
  answer(response, 503, 'this bot is being stopped\n');
}

async function route(request: IncomingMessage, response: ServerResponse, options: BotServerOptions): Promise<void> {
  const pathname = pathOf(request);
  if (pathname === '/slack/events' && options.slack !== null) {
    options.slack(request, response);
    return;
  }
  const found = options.routes?.find(({ path }) => path === pathname);
  if (found !== undefined) return await answerRoute(request, response, found);
  // Node leaves the body out of an answer to HEAD: that is what some load balancers ask for.
  if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 404, 'not found\n');
  if (pathname === '/healthz') return answerHealth(response, options);
  if (pathname === '/readyz') return await answerReadiness(response, options);
  const [, incidentId, form] = INCIDENT_PATH.exec(pathname) ?? [];
  if (incidentId === undefined) return answer(response, 404, 'not found\n');
  const hasLink = options.links?.isValid(incidentId, queryOf(request)) ?? false;
  if (!hasLink && !isAllowed(request, options.token)) {
    response.setHeader('www-authenticate', 'Bearer');
    return answer(response, 401, 'this link has expired or is wrong, or a bearer token is needed\n');
  }
  if (form === '.md') {
    const text = await options.findPostmortem(incidentId);
    if (text === null) return answer(response, 404, `no incident ${incidentId}\n`);
    return answer(response, 200, text, 'text/markdown; charset=utf-8');
  }
  const report = await options.findReport(incidentId);
  if (report === null) return answer(response, 404, `no report of ${incidentId}\n`);
  if (form === undefined) return answer(response, 200, report.html, 'text/html; charset=utf-8');
  answer(response, 200, report.json, 'application/json');
}

/** What is before the question mark. Not by `URL`: it throws on `//`, and takes `//host/path` for another host. */
function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split(/[?#]/, 1)[0] ?? '/';
}

function queryOf({ url = '/' }: IncomingMessage): URLSearchParams {
  return new URLSearchParams(url.split('#', 1)[0]?.split('?').slice(1).join('?'));
}

async function answerRoute(request: IncomingMessage, response: ServerResponse, route: Route): Promise<void> {
  if (!route.methods.includes(request.method ?? '')) {
    response.setHeader('allow', route.methods.join(', '));
    return answer(response, 405, 'another method is needed\n');
  }
  const { status, body, type } = await route.answer(request);
  // A body that was not read to its end can't be followed by another request.
  if (!request.complete) response.setHeader('connection', 'close');
  answer(response, status, body, type);
}

function answerHealth(response: ServerResponse, { whyStuck }: BotServerOptions): void {
  const why = whyStuck?.() ?? null;
  if (why === null) answer(response, 200, 'ok\n');
  else answer(response, 503, `${why}\n`);
}

async function answerReadiness(response: ServerResponse, { whatIsMissing, whyStuck }: BotServerOptions): Promise<void> {
  const missing = [...(await whatIsMissing()), ...[whyStuck?.() ?? []].flat()];
  if (missing.length === 0) answer(response, 200, 'ready\n');
  else answer(response, 503, `${missing.join('\n')}\n`);
}

function answer(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
  });
  response.end(body);
}
