import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Alert, ParsedAlerts } from '../../alert/alert.ts';
import { parseAlertmanager } from '../../alert/alertmanager.ts';
import { type Deploy, parseDeploy } from '../../alert/deploy.ts';
import { parseGenericAlert } from '../../alert/generic.ts';
import { failed, messageOf, type Outcome } from '../../errors.ts';
import { isAllowed, isSignedByGrafana } from './bearer.ts';
import type { Answer, Route } from './bot-server.ts';
import { readBody } from './read-body.ts';

export type AlertRoutesOptions = {
  /** Bearer token, and the secret of Grafana's signatures. Null: every request is refused. */
  token: string | null;
  /** Resolves when all of them are stored; those that were stored before are left as they are. */
  storeAlerts: (alerts: readonly Alert[]) => Promise<void>;
  /** Resolves when it is stored; a Failure when it can't be placed. */
  storeDeploy: (deploy: Deploy) => Promise<Outcome<null>>;
  logger: Logger;
  /** Epoch milliseconds. */
  now?: () => number;
};

/** Senders wait 2 s; what is not stored by then is answered with 503, and they try again. */
const STORE_DEADLINE_MS = 1500;

type Inbound = (body: unknown, receivedAt: string) => Promise<Answer>;

/** Where alerts and deploys come in. 200 only when all that was sent is in Redis. */
export function alertRoutes(options: AlertRoutesOptions): Route[] {
  const { storeAlerts, storeDeploy } = options;
  const alerts =
    (parse: (body: unknown, receivedAt: string) => Outcome<ParsedAlerts>): Inbound =>
    async (body, receivedAt) => {
      const parsed = parse(body, receivedAt);
      if (parsed.outcome !== 'ok') return refuse(400, `${parsed.why}. ${parsed.tryThis}.`);
      await inTime(storeAlerts(parsed.value.alerts));
      const { unreadable } = parsed.value;
      if (unreadable.length > 0) return refuse(400, `The others are stored: ${unreadable.slice(0, 5).join('; ')}.`);
      return { status: 200, body: `${parsed.value.alerts.length} stored\n` };
    };
  const deploy: Inbound = async (body, receivedAt) => {
    const parsed = parseDeploy(body, receivedAt);
    const stored = parsed.outcome === 'ok' ? await inTime(storeDeploy(parsed.value)) : parsed;
    return stored.outcome === 'ok'
      ? { status: 200, body: 'stored\n' }
      : refuse(400, `${stored.why}. ${stored.tryThis}.`);
  };
  const route = (path: string, methods: Route['methods'], take: Inbound): Route => ({
    path,
    methods,
    answer: (request) => receive(request, take, options),
  });
  return [
    route('/alerts/alertmanager', ['POST'], alerts(parseAlertmanager)),
    route('/alerts/grafana', ['POST', 'PUT'], alerts(parseAlertmanager)),
    route('/alerts/generic', ['POST'], alerts(parseGenericAlert)),
    route('/deploys', ['POST'], deploy),
  ];
}

async function receive(request: IncomingMessage, take: Inbound, options: AlertRoutesOptions): Promise<Answer> {
  const { token, logger, now = Date.now } = options;
  const hasToken = isAllowed(request, token);
  // Nobody without a token or a signature makes us read megabytes.
  if (!hasToken && request.headers['x-grafana-alerting-signature'] === undefined) return unauthorised();
  const body = await readBody(request);
  if (body === null) {
    const why = 'More than 4 MiB: let the sender send fewer alerts at a time (`max_alerts`).';
    // As below: given up for good.
    logger.error({ path: request.url, why }, 'what came in is too long and was not read');
    return refuse(413, why);
  }
  if (!hasToken && !isSignedByGrafana(request, body, token, now() / 1000)) return unauthorised();
  const json = parseJson(body);
  const path = request.url;
  const answer =
    json.outcome === 'ok'
      ? await take(json.value, new Date(now()).toISOString()).catch((thrown: unknown): Answer => {
          logger.warn({ path, why: messageOf(thrown) }, 'what came in could not be stored; the sender tries again');
          return refuse(503, 'Not stored: Redis does not answer. Send it again.');
        })
      : refuse(400, `${json.why}. ${json.tryThis}.`);
  // The sender gives up on these for good: somebody must see it.
  if (answer.status === 400) logger.error({ path, why: answer.body.trim() }, 'what came in could not be read');
  return answer;
}

function parseJson(body: Buffer): Outcome<unknown> {
  try {
    return { outcome: 'ok', value: JSON.parse(body.toString('utf8')) };
  } catch {
    // The parser's own message quotes what was sent.
    return failed('user', 'the body is not JSON', 'Send JSON in UTF-8, not compressed');
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), STORE_DEADLINE_MS);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function unauthorised(): Answer {
  return refuse(401, 'A bearer token is needed: that of MEMTRIAGE_WEBHOOK_TOKEN.');
}

function refuse(status: number, why: string): Answer {
  return { status, body: `${why}\n` };
}
