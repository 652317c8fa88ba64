import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { collectorMemory } from '../adapters/redis/collector-memory.ts';
import type { ServiceMemory } from '../analysis/memory.ts';
import type { Policy } from '../analysis/policy.ts';
import type { Service } from '../config/config.ts';
import { parsePolicy } from '../config/parse-policy.ts';
import { renderProblems } from '../config/problems.ts';
import { CommandError, EXIT_CONFIG, EXIT_UNAVAILABLE, EXIT_USAGE, messageOf } from '../errors.ts';
import { parseDuration } from '../units.ts';
import { watchWindowSeconds } from '../watch/pace.ts';
import { type Replay, replaySteps } from '../watch/replay.ts';
import { chooseMemorySource } from './memory-source.ts';
import { type NamedReplay, renderReplayText, toReplayJson } from './replay-text.ts';
import { signalOfStop } from './shutdown.ts';
import { openWorld, type World } from './world.ts';

const USAGE = 'Use `memtriage replay SERVICE [--since 14d] [--policy FILE] [--json]`.';
const DEFAULT_SINCE = '14d';
/** 128 and the number of SIGINT, as shells have it. */
const EXIT_STOPPED = 130;

type Asked = { service: string; sinceSeconds: number; policyFile: string | null; json: boolean };

/**
 * `memtriage replay SERVICE`: the alarms that the service's policy would have raised on its recorded memory, and with
 * `--policy` those of another one beside them. Touches nothing. 0 when done; throws CommandErrors (64, 69, 78).
 */
export async function replayCommand(args: readonly string[]): Promise<number> {
  const asked = parseReplayArguments(args);
  const world = await openWorld(signalOfStop());
  try {
    const service = world.requireService(asked.service);
    const policies = [{ name: basename(world.config.file), policy: service.policy }];
    if (asked.policyFile !== null) policies.push(await loadPolicy(asked.policyFile, service.policy));
    const told = await replayService(world, service, asked, policies);
    process.stdout.write(asked.json ? `${JSON.stringify(toReplayJson(told), null, 2)}\n` : renderReplayText(told));
    return 0;
  } finally {
    await world.closers.closeAll();
  }
}

function parseReplayArguments(args: readonly string[]): Asked {
  const { values, positionals } = parse(args);
  const [service, ...rest] = positionals;
  if (service === undefined || rest.length > 0) throw new CommandError(EXIT_USAGE, 'wrong words', USAGE);
  const since = values.since ?? DEFAULT_SINCE;
  const sinceSeconds = parseDuration(since);
  if (sinceSeconds === null || sinceSeconds <= 0) {
    throw new CommandError(EXIT_USAGE, `--since ${since} is not a duration`, 'Write 6h, 7d or 14d.');
  }
  return { service, sinceSeconds, policyFile: values.policy ?? null, json: values.json === true };
}

function parse(args: readonly string[]) {
  try {
    const options = { since: { type: 'string' }, policy: { type: 'string' }, json: { type: 'boolean' } } as const;
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new CommandError(EXIT_USAGE, messageOf(error), USAGE);
  }
}

async function loadPolicy(file: string, base: Policy): Promise<{ name: string; policy: Policy }> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new CommandError(EXIT_CONFIG, `${file} can't be read: ${messageOf(error)}`, 'Check the path after --policy.');
  });
  const parsed = parsePolicy(text.replace(/^\uFEFF/, ''), base);
  if ('policy' in parsed) return { name: basename(file), policy: parsed.policy };
  throw new CommandError(
    EXIT_CONFIG,
    `the policy can't be used:\n${renderProblems(file, parsed.problems)}`,
    'Write a `policy:` block as in memtriage.yaml, and nothing else.',
  );
}

async function replayService(
  world: World,
  { name }: Service,
  { sinceSeconds }: Asked,
  policies: readonly { name: string; policy: Policy }[],
) {
  const longest = Math.max(...policies.map(({ policy }) => watchWindowSeconds(policy)));
  const answer = await historyOf(world).readMemory(name, sinceSeconds + longest, world.signal);
  if (answer.outcome !== 'ok') throw new CommandError(EXIT_UNAVAILABLE, answer.why, `${answer.tryThis}.`);
  const memory = answer.value;
  const now = Date.now() / 1000;
  const fromSeconds = Math.max(now - sinceSeconds, firstSampleAt(memory));
  const replays: NamedReplay[] = [];
  for (const { name: policyName, policy } of policies) {
    const steps = replaySteps({ service: name, memory, policy, fromSeconds, untilSeconds: now });
    replays.push({ name: policyName, replay: await walk(policyName, steps, world.signal) });
  }
  return { service: name, source: memory.source, askedSeconds: sinceSeconds, replays };
}

/** Comes up for air, so that Ctrl-C works and a person at a terminal sees how far it is. */
const BREATH_MS = 200;

async function walk(name: string, steps: Generator<number, Replay>, signal: AbortSignal): Promise<Replay> {
  const tell = process.stderr.isTTY ? (text: string) => void process.stderr.write(`\r\x1b[K${text}`) : () => {};
  for (let breath = Date.now(); ; ) {
    const step = steps.next();
    if (step.done === true) {
      tell('');
      return step.value;
    }
    if (Date.now() - breath < BREATH_MS) continue;
    tell(`${name}: ${Math.round(step.value * 100)} %`);
    await nextTurn();
    if (signal.aborted) throw new CommandError(EXIT_STOPPED, 'stopped', 'Ask for a shorter time with `--since`.');
    breath = Date.now();
  }
}

/** As every role reads it, but whatever is recorded, and whether or not a collector runs now. */
function historyOf({ config, prometheus, redis }: World) {
  const collected = collectorMemory({
    redis: redis.command(),
    prefix: redis.prefix,
    keepSeconds: config.sampling.keepSeconds,
    services: config.services,
    isHistory: true,
  });
  return chooseMemorySource(config, prometheus, collected);
}

function firstSampleAt({ instances }: ServiceMemory): number {
  return instances.reduce((first, { samples }) => Math.min(first, samples[0]?.[0] ?? first), Number.POSITIVE_INFINITY);
}
