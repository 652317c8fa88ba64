/** Rolls back by running a program of the site: an argv, never a shell string. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { failed, messageOf, type Outcome, ok } from '../../errors.ts';
import {
  type ActContext,
  type ActEnd,
  type RollbackExecutor,
  type RollbackOrder,
  untouched,
} from '../../mitigation/executor.ts';
import { formatDuration } from '../../units.ts';
import { endGroup, findGroups } from './process-groups.ts';
import {
  MAX_OUTPUT_BYTES,
  makeOutput,
  openOutput,
  removeOutput,
  sizeOfOutput,
  tailOfOutput,
  takeUnused,
} from './program-output.ts';
import { untilEnd } from './until-end.ts';

/** The environment variable by which a program is found again after a crash of ours: its children carry it too. */
const KEY_VARIABLE = 'MEMTRIAGE_IDEMPOTENCY_KEY';
const DEADLINE_SECONDS = 600;
const LOOK_SECONDS = 0.25;

export type CommandOptions = {
  argv: readonly string[];
  /** What the program inherits: no secret of ours. */
  environment: Readonly<Record<string, string | undefined>>;
  /** From its start until its process group is killed. Default 10 min. */
  deadlineSeconds?: number;
};

/**
 * Exit code 0 is done; anything else failed, and its last line of output is the reason. The program reads what it is
 * about from `MEMTRIAGE_SERVICE`, `_FROM`, `_TO`, `_INCIDENT` and `_IDEMPOTENCY_KEY`. It outlives a crash of the
 * collector, and is then followed to its end; its exit code is lost then, and the outcome is `unknown`. So is that of one
 * of which only the last words are left; where it is certain that it was not started, it is started.
 */
export function createCommandExecutor({
  argv,
  environment,
  deadlineSeconds = DEADLINE_SECONDS,
}: CommandOptions): RollbackExecutor {
  const program = argv[0] ?? '';
  return {
    async dryRun(order) {
      const found = await findProgram(program, environment['PATH'] ?? '');
      const outcome = found.outcome === 'ok' ? ok(`would run ${JSON.stringify(argv)} for ${change(order)}`) : found;
      return { outcome, managedBy: null, isRollingOut: null };
    },
    async act(order, context) {
      const output = await makeOutput();
      await context.receipt.write(output);
      context.signal.throwIfAborted();
      const child = await start(argv, { ...environment, ...variablesOf(order) }, output);
      if ('failure' in child) {
        await removeOutput(output);
        return neverRan(program, child.failure);
      }
      context.progress(`runs ${program} as process ${child.pid}`);
      return await watchChild(child, output, { context, deadlineSeconds });
    },
    status: async (order, { receipt }) => {
      const groups = await findGroups(KEY_VARIABLE, order.key);
      if (groups.length > 0) return { state: 'under-way', message: `${program} still runs as process ${groups[0]}` };
      const output = await receipt.read();
      if (output === null || (await takeUnused(output))) {
        return { state: 'not-begun', message: `${program} was not started` };
      }
      const message = lost(program, await tailOfOutput(output));
      // Whoever asks again before this was stored hears the same, without the quote.
      await removeOutput(output);
      return { state: 'unknown', message };
    },
    async follow(order, context) {
      const deadline = { everySeconds: LOOK_SECONDS, deadlineSeconds };
      const end = await untilEnd(() => this.status(order, context), context, deadline);
      const left = await findGroups(KEY_VARIABLE, order.key);
      for (const group of left) await endGroup(group);
      return left.length === 0 ? end : killed(program, deadlineSeconds, '');
    },
  };
}

function variablesOf({ service, from, to, incident, key }: RollbackOrder): Record<string, string> {
  return {
    MEMTRIAGE_SERVICE: service,
    MEMTRIAGE_FROM: from,
    MEMTRIAGE_TO: to,
    MEMTRIAGE_INCIDENT: incident,
    [KEY_VARIABLE]: key,
  };
}

function change({ service, from, to }: RollbackOrder): string {
  return `${service} ${from} → ${to}`;
}

/** Writes into a file: a pipe would break, and the program with it, when the collector dies. */
async function start(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  output: string,
): Promise<ChildProcess | { failure: string }> {
  const file = await openOutput(output);
  try {
    const child = spawn(argv[0] ?? '', argv.slice(1), {
      env: { ...env },
      detached: true,
      stdio: ['ignore', file.fd, file.fd],
    });
    await once(child, 'spawn');
    return child;
  } catch (error) {
    return { failure: messageOf(error) };
  } finally {
    await file.close();
  }
}

async function watchChild(
  child: ChildProcess,
  output: string,
  { context, deadlineSeconds }: { context: ActContext; deadlineSeconds: number },
): Promise<ActEnd> {
  const program = child.spawnfile;
  const end = Date.now() + deadlineSeconds * 1000;
  while (child.exitCode === null && child.signalCode === null) {
    const isTooMuch = (await sizeOfOutput(output)) > MAX_OUTPUT_BYTES;
    if (isTooMuch || Date.now() >= end) {
      if (child.pid !== undefined) await endGroup(child.pid);
      const said = await tailOfOutput(output);
      await removeOutput(output);
      return isTooMuch ? tooLoud(program, said) : killed(program, deadlineSeconds, said);
    }
    await wait(Math.min(LOOK_SECONDS * 1000, Math.max(1, end - Date.now())), undefined, { signal: context.signal });
  }
  const said = await tailOfOutput(output);
  await removeOutput(output);
  if (child.exitCode === 0) return { state: 'done', message: `${program} ended with exit code 0${quoted(said)}` };
  const how = child.exitCode === null ? `was ended by ${child.signalCode}` : `ended with exit code ${child.exitCode}`;
  return { state: 'failed', message: `${program} ${how}${quoted(said)}. What it changed until then is not known here` };
}

async function findProgram(program: string, path: string): Promise<Outcome<string>> {
  const places = isAbsolute(program) ? [program] : path.split(delimiter).map((directory) => join(directory, program));
  for (const place of places) {
    const isThere = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return ok(place);
  }
  const cure = 'Put it there with execute permission, or mend rollback.via.command';
  return failed('operator', `${program} is no program that the collector can run`, cure);
}

function quoted(said: string): string {
  return said === '' ? '' : `: "${said}"`;
}

function neverRan(program: string, why: string): ActEnd {
  return untouched(`${program} could not be started (${why}); nothing was changed`);
}

function killed(program: string, deadlineSeconds: number, said: string): ActEnd {
  const message = `${program} did not end within ${formatDuration(deadlineSeconds)} and was killed with all that it started${quoted(said)}`;
  return { state: 'failed', message: `${message}. What it changed until then is not known here` };
}

function tooLoud(program: string, said: string): ActEnd {
  const message = `${program} wrote more than ${MAX_OUTPUT_BYTES / 2 ** 20} MiB of output and was killed${quoted(said)}`;
  return { state: 'failed', message: `${message}. What it changed until then is not known here` };
}

function lost(program: string, said: string): string {
  return `the collector was lost while ${program} ran; it has ended since, and its exit code was not seen${quoted(said)}`;
}
