/** Reads objects for the room of nodes: typed, in pages, and with the rule that is missing where it may not. */
import { z } from 'zod';
import { failed, inconclusive, messageOf, type Outcome, ok } from '../../errors.ts';
import type { ApiAnswer, KubernetesApi } from '../kubernetes-api.ts';

/** A pod is 5 to 10 KB: some 2 MB a page, so that the heap stays flat whatever the size of a node or namespace. */
const PAGE_OBJECTS = 250;
/** 5,000 objects. A node has 110 pods by default and 500 where it is stretched. */
const MOST_PAGES = 20;

/** What is read, for messages: `rule`: verb and resource, and the role of deploy/kubernetes/rbac.yaml that has it. */
export type Wanted = { what: string; rule: string };
/** `signal` ends it by throwing; `deadline` by a Failure, what was asked and what was not yet alike. */
export type Reading = { api: KubernetesApi; signal: AbortSignal; deadline: AbortSignal; pageObjects?: number };

/** Null: the server has no such object. Rejects by the signal only. */
export async function readObject<T>(
  reading: Reading,
  path: string,
  schema: z.ZodType<T>,
  wanted: Wanted,
): Promise<Outcome<T | null>> {
  const answer = await ask(reading, path, wanted);
  if (answer.outcome !== 'ok') return answer;
  if (answer.value.status === 404) return ok(null);
  return parse(answer.value, schema, wanted);
}

const Page = z.object({
  metadata: z.object({ continue: z.string().nullish() }).default({}),
  items: z.array(z.unknown()),
});

/**
 * Every object of a list. One that can't be read is a Failure: sums without it would be too low. `isCached`: from the API
 * server's own memory, seconds old at the most, and then in one page where it likes.
 */
export async function readList<T>(
  reading: Reading,
  path: string,
  { selector = '', isCached = false, schema }: { selector?: string; isCached?: boolean; schema: z.ZodType<T> },
  wanted: Wanted,
): Promise<Outcome<T[]>> {
  const all: T[] = [];
  let next = '';
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const query = new URLSearchParams({ limit: String(reading.pageObjects ?? PAGE_OBJECTS) });
    if (selector !== '') query.set('fieldSelector', selector);
    // Beside a token it would be refused.
    if (isCached && next === '') query.set('resourceVersion', '0');
    if (next !== '') query.set('continue', next);
    const answer = await ask(reading, `${path}?${query.toString()}`, wanted);
    if (answer.outcome !== 'ok') return answer;
    const read = parse(answer.value, Page, wanted);
    if (read.outcome !== 'ok') return read;
    const items = z.array(schema).safeParse(read.value.items);
    if (!items.success) return unreadable(wanted);
    all.push(...items.data);
    next = read.value.metadata.continue ?? '';
    if (next === '') return ok(all);
  }
  return inconclusive('operator', `there are more than ${MOST_PAGES * PAGE_OBJECTS} ${wanted.what}`, 'Look by hand');
}

async function ask({ api, signal, deadline }: Reading, path: string, { what }: Wanted): Promise<Outcome<ApiAnswer>> {
  const late = () => failed('upstream', `${what}: not read before the deadline of the look`, 'Ask again');
  if (deadline.aborted) return late();
  try {
    return await api.get(path, AbortSignal.any([signal, deadline]));
  } catch (error) {
    signal.throwIfAborted();
    return deadline.aborted ? late() : failed('us', messageOf(error), 'Please report it');
  }
}

function parse<T>({ status, message, body }: ApiAnswer, schema: z.ZodType<T>, wanted: Wanted): Outcome<T> {
  const { what, rule } = wanted;
  if (status === 401 || status === 403) {
    const why = `no right to read ${what}: ${rule} is missing (HTTP ${status})`;
    return failed('operator', why, 'Apply deploy/kubernetes/rbac-room.yaml');
  }
  if (status !== 200) return failed('upstream', `HTTP ${status} for ${what}: ${message.slice(0, 120)}`, 'Ask again');
  const parsed = schema.safeParse(body);
  return parsed.success ? ok(parsed.data) : unreadable(wanted);
}

function unreadable({ what }: Wanted) {
  return failed('us', `what the API server tells of ${what} can't be read`, 'Please report it');
}
