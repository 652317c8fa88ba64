/** Durable writes by name, so that the same one is found again in another run: what is written, not when or under which id. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { REDIS_PREFIX } from '../../src/adapters/redis/connection.ts';

/** They change nothing that is kept. */
const NO_WRITES = new Set(
  `auth client config exists get hello hexists hget hgetall hkeys hlen hmget info llen lrange mget multi ping pttl script
  select smembers sismember time ttl type xlen xrange zcard zcount zrange zrangebyscore zrevrange zscore bzpopmin`.split(
    /\s+/,
  ),
);
/** Goes on whether a rollback is under way or not, and carries nothing of it. */
const BESIDE =
  /^(samples|instances|oom-kills|collector|collector-stats|sampler|pulse|watch|watch-state|triage|alerts|snapshot[^:]*|rota|shift-cursor|team-news|schema|last-looks)(:|$)/;

export type NamedWrite = {
  name: string;
  /** The state that the rollback's record has once this was written; null: it is another write. */
  rollbackState: string | null;
};

export type NameWrite = (words: readonly string[]) => NamedWrite | null;

/** Names of BullMQ's scripts by the hash that they are called by. Of a connection: commands of a transaction are one write. */
export async function openNaming(): Promise<() => NameWrite> {
  const scripts = await bullScripts();
  return () => {
    let transaction: string[] | null = null;
    return (words) => {
      const verb = words[0]?.toLowerCase() ?? '';
      if (verb === 'multi') transaction = [];
      if (verb === 'exec') {
        const inner = [...new Set(transaction)].join(' + ');
        transaction = null;
        return inner === '' ? null : { name: inner, rollbackState: null };
      }
      const named = nameOf(verb, words, scripts);
      if (transaction === null || named === null) return named;
      transaction.push(named.name);
      return null;
    };
  };
}

function nameOf(verb: string, words: readonly string[], scripts: ReadonlyMap<string, string>): NamedWrite | null {
  if (NO_WRITES.has(verb)) return null;
  const isScript = verb === 'eval' || verb === 'evalsha';
  const keys = (isScript ? words.slice(3, 3 + Number(words[2])) : words.slice(1, 2)).map(shortKey);
  if (keys.length === 0 || BESIDE.test(keys[0] ?? '')) return null;
  const hash = verb === 'eval' ? sha1(words[1] ?? '') : (words[1] ?? '');
  const script = isScript ? scripts.get(hash) : undefined;
  if (script !== undefined) return { name: `${keys[0]?.split(':')[0]} ${script}`, rollbackState: null };
  if (!keys.includes('rollbacks-open'))
    return { name: `${isScript ? 'script' : verb} ${keys.join(' ')}`, rollbackState: null };
  const record = words.slice(3 + keys.length).find((word) => word.startsWith('{"schema"'));
  const rollbackState = z.object({ state: z.string() }).parse(JSON.parse(record ?? '')).state;
  return { name: `rollback record becomes ${rollbackState}`, rollbackState };
}

/** Without the prefix, and with numbers and hashes made alike. */
function shortKey(key: string): string {
  return key
    .replace(`${REDIS_PREFIX}:`, '')
    .replaceAll(/[0-9a-f]{20,}/g, '#')
    .replaceAll(/(?<=[-:])\d+(?=:|$)/g, 'n')
    .replaceAll(/first-seen:.*/g, 'first-seen');
}

async function bullScripts(): Promise<Map<string, string>> {
  const directory = resolve('node_modules/bullmq/dist/esm/scripts');
  const names = new Map<string, string>();
  for (const file of (await readdir(directory)).filter((name) => /-\d+\.js$/.test(name))) {
    const module: unknown = await import(pathToFileURL(resolve(directory, file)).href);
    for (const script of Object.values(z.record(z.string(), z.unknown()).parse({ ...Object(module) }))) {
      const { name, content } = z.object({ name: z.string(), content: z.string() }).parse(script);
      names.set(sha1(content), name);
    }
  }
  return names;
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
