/** Requests to a Kubernetes API server: plain JSON in and out, so that no field of a newer server is lost on the way. */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { type RequestOptions, request as requestHttps } from 'node:https';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { failed, messageOf, type Outcome, ok } from '../errors.ts';

const REQUEST_SECONDS = 20;
/** A list of 1,000 pods is some 10 MB. */
const MAX_ANSWER_BYTES = 64 * 2 ** 20;
/** A watch that says nothing for longer than its server keeps it open is dead. */
const SILENT_MS = 6 * 60_000;

const PATCH_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};
export type Patch = { type: keyof typeof PATCH_TYPES; body: unknown; dryRun: boolean };

/** What the API server answered: `reason` and `message` are those of its Status object. */
export type ApiAnswer = { status: number; body: unknown; reason: string; message: string };

export interface KubernetesApi {
  /** Where it is, for messages. */
  readonly server: string;
  /** `path`: from `/api` or `/apis` on, its names encoded. A Failure: it could not be asked. Rejects by the signal only. */
  get(path: string, signal: AbortSignal): Promise<Outcome<ApiAnswer>>;
  patch(path: string, patch: Patch, signal: AbortSignal): Promise<Outcome<ApiAnswer>>;
  /** One line of JSON for each event, until the server closes it; resolves with the status it began with. */
  watch(path: string, onEvent: (event: unknown) => void, signal: AbortSignal): Promise<Outcome<ApiAnswer>>;
}

const Status = z.object({ reason: z.string().catch(''), message: z.string().catch('') });

/**
 * Reads the kubeconfig (`KUBECONFIG`, `~/.kube/config`) or, inside a cluster, the service account. `context`: null: the
 * current one. The client library costs some 70 MiB of RSS, so it is loaded here and by whom needs it only.
 */
export async function openKubernetes(context: string | null): Promise<Outcome<KubernetesApi>> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const cure = 'Mount a service account, or set KUBECONFIG; `kubernetes.context` names a context of it';
  try {
    config.loadFromDefault();
    if (context !== null) config.setCurrentContext(context);
  } catch (error) {
    return failed('operator', `the kubeconfig can't be read: ${messageOf(error)}`, cure);
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) return failed('operator', 'no Kubernetes cluster is configured', cure);
  const authenticate = async (options: RequestOptions): Promise<RequestOptions> => {
    await config.applyToHTTPSOptions(options);
    return options;
  };
  return ok(kubernetesApi(server, authenticate));
}

function kubernetesApi(
  server: string,
  authenticate: (options: RequestOptions) => Promise<RequestOptions>,
): KubernetesApi {
  async function ask(path: string, method: string, signal: AbortSignal, patch?: Patch): Promise<Outcome<ApiAnswer>> {
    const deadline = AbortSignal.timeout(REQUEST_SECONDS * 1000);
    try {
      const headers = patch === undefined ? {} : { 'content-type': PATCH_TYPES[patch.type] };
      const options = { method, headers: { accept: 'application/json', ...headers } };
      const either = AbortSignal.any([signal, deadline]);
      const body = patch === undefined ? '' : JSON.stringify(patch.body);
      const response = await send(new URL(server + path), await authenticate(options), body, either);
      return ok(toAnswer(response.statusCode ?? 0, await readText(response)));
    } catch (error) {
      signal.throwIfAborted();
      return unreachable(server, deadline.aborted ? `no answer within ${REQUEST_SECONDS} s` : messageOf(error));
    }
  }

  return {
    server,
    get: (path, signal) => ask(path, 'GET', signal),
    patch: (path, patch, signal) => ask(patch.dryRun ? `${path}?dryRun=All` : path, 'PATCH', signal, patch),
    async watch(path, onEvent, signal) {
      try {
        const options = { method: 'GET', headers: { accept: 'application/json' }, timeout: SILENT_MS };
        const response = await send(new URL(server + path), await authenticate(options), '', signal);
        if (response.statusCode !== 200) return ok(toAnswer(response.statusCode ?? 0, await readText(response)));
        for await (const line of createInterface({ input: response })) if (line !== '') onEvent(toJson(line));
        return ok({ status: 200, body: null, reason: '', message: '' });
      } catch (error) {
        signal.throwIfAborted();
        return unreachable(server, messageOf(error));
      }
    },
  };
}

function send(url: URL, options: RequestOptions, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const sent = request(url, { ...options, signal }, resolve);
    sent.on('error', reject);
    sent.on('timeout', () => sent.destroy(new Error('it said nothing for too long')));
    sent.end(body);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES / 2 ** 20} MiB`);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function toAnswer(status: number, text: string): ApiAnswer {
  const body = toJson(text);
  const said = Status.safeParse(body);
  return { status, body, ...(said.success ? said.data : { reason: '', message: text.slice(0, 200) }) };
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function unreachable(server: string, why: string) {
  const cure = 'Check the kubeconfig of the collector, and that it reaches the API server';
  return failed('upstream', `the Kubernetes API at ${server} could not be asked: ${why}`, cure);
}
