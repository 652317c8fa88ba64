/** Rolls a Helm release back by the `helm` of the collector's host; its history says how far it came. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { failed, messageOf, type Outcome, ok } from '../../errors.ts';
import {
  type ActContext,
  type ActEnd,
  type ActStatus,
  type DryRun,
  type RollbackExecutor,
  type RollbackOrder,
  untouched,
} from '../../mitigation/executor.ts';
import { createCommandExecutor } from './command.ts';
import { revertInGit } from './gitops.ts';
import { type HelmPlan, History, isPending, planHelm, type Revision, readHelmEnd } from './helm-history.ts';
import { lastLine } from './program-output.ts';
import { untilEnd } from './until-end.ts';

const run = promisify(execFile);
/** Helm's default of revisions kept is 10. */
const MAX_REVISIONS = 256;
const READ_SECONDS = 20;
const MAX_READ_BYTES = 4 * 2 ** 20;
const LOOK_SECONDS = 2;
/** Of each of helm's waits (`--timeout`); the whole has a minute more, so that helm's own word comes first. */
const HELM_TIMEOUT_SECONDS = 600;
const DEADLINE_SECONDS = 660;

export type HelmOptions = {
  namespace: string;
  release: string;
  /** Of the kubeconfig; null: the current one. */
  context: string | null;
  environment: Readonly<Record<string, string | undefined>>;
  program?: string;
  /** From its start until its process group is killed. Default 11 min. */
  deadlineSeconds?: number;
};

/** What is known of an act before it changes anything. */
const Receipt = z.object({ target: z.number(), before: z.number(), output: z.string() });

export function createHelmExecutor(options: HelmOptions): RollbackExecutor {
  const { namespace, release, context, environment, program = 'helm', deadlineSeconds = DEADLINE_SECONDS } = options;
  const title = `Helm release ${namespace}/${release}`;
  const place = [`--namespace=${namespace}`, ...(context === null ? [] : [`--kube-context=${context}`])];

  async function helm(args: readonly string[], signal: AbortSignal): Promise<Outcome<string>> {
    const limits = { timeout: READ_SECONDS * 1000, maxBuffer: MAX_READ_BYTES, killSignal: 'SIGKILL' as const };
    try {
      const { stdout } = await run(program, [...args, ...place], { ...limits, env: { ...environment }, signal });
      return ok(stdout);
    } catch (error) {
      signal.throwIfAborted();
      const said = lastLine(messageOf(error));
      const cure = 'Try it on the host of the collector; see that helm is there and may read the namespace';
      return failed('operator', `helm ${args[0]} of ${title} failed: ${said}`, cure);
    }
  }

  async function readHistory(signal: AbortSignal): Promise<Outcome<Revision[]>> {
    const told = await helm(['history', release, '--output=json', `--max=${MAX_REVISIONS}`], signal);
    if (told.outcome !== 'ok') return told;
    const parsed = History.safeParse(parse(told.value));
    if (parsed.success) return ok(parsed.data);
    return failed('operator', `helm history of ${title} is not the JSON of Helm 3`, 'Use Helm 3 or later');
  }

  /** Flux labels every object that it installs (`helm get manifest` has them); Argo CD keeps no releases of Helm. */
  async function readKeeper(signal: AbortSignal): Promise<Outcome<'Flux' | null>> {
    const manifest = await helm(['get', 'manifest', release], signal);
    if (manifest.outcome !== 'ok') return manifest;
    return ok(/^\s+helm\.toolkit\.fluxcd\.io\/name:/m.test(manifest.value) ? 'Flux' : null);
  }

  async function plan(order: RollbackOrder, signal: AbortSignal): Promise<Outcome<HelmPlan>> {
    const history = await readHistory(signal);
    return history.outcome === 'ok' ? planHelm(title, history.value, order) : history;
  }

  const rollback = (target: number) => ['rollback', release, String(target)];
  const command = (target: number) => {
    const waits = ['--wait', `--timeout=${HELM_TIMEOUT_SECONDS}s`];
    return createCommandExecutor({
      argv: [program, ...rollback(target), ...place, ...waits],
      environment,
      deadlineSeconds,
    });
  };

  async function statusOf(known: z.infer<typeof Receipt>, order: RollbackOrder, ctx: ActContext): Promise<ActStatus> {
    const process = await command(known.target).status(order, withOutput(ctx, known));
    if (process.state === 'under-way') return process;
    const history = await readHistory(ctx.signal);
    if (history.outcome !== 'ok') throw new Error(history.why);
    return readHelmEnd(title, history.value, known);
  }

  /** How it ended, by the history; `end`: how the program did. */
  async function settle(end: ActEnd, known: z.infer<typeof Receipt>, signal: AbortSignal): Promise<ActEnd> {
    const history = await readHistory(signal);
    if (history.outcome !== 'ok') return { state: 'unknown', message: `${end.message}. ${history.why}` };
    const seen = readHelmEnd(title, history.value, known);
    if (seen.state === 'done' && end.state !== 'failed') return { state: 'done', message: seen.message };
    const state = end.state === 'failed' ? 'failed' : 'unknown';
    return { state, message: `${end.message}. By helm history, ${seen.message}` };
  }

  async function dryRun(order: RollbackOrder, signal: AbortSignal): Promise<DryRun> {
    const [history, keeper] = await Promise.all([readHistory(signal), readKeeper(signal)]);
    if (history.outcome !== 'ok') return { outcome: history, managedBy: null, isRollingOut: null };
    if (keeper.outcome !== 'ok') return { outcome: keeper, managedBy: null, isRollingOut: null };
    const isRollingOut = history.value.some(isPending);
    const refused = { managedBy: keeper.value, isRollingOut };
    if (keeper.value !== null) return { outcome: revertInGit(title, keeper.value, order), ...refused };
    const planned = planHelm(title, history.value, order);
    if (planned.outcome !== 'ok') return { outcome: planned, ...refused };
    if (planned.value.kind === 'already') return { outcome: ok(planned.value.message), ...refused };
    const { target, isGuess } = planned.value;
    const rehearsed = await helm([...rollback(target), '--dry-run'], signal);
    if (rehearsed.outcome !== 'ok') return { outcome: rehearsed, ...refused };
    const which = isGuess ? `the one before the running one: its history does not name ${order.to}` : order.to;
    const hooks = "the chart's hooks run with it, and may run migrations";
    return { outcome: ok(`${title}: would roll back to revision ${target} (${which}); ${hooks}`), ...refused };
  }

  async function receiptOf({ receipt }: ActContext): Promise<z.infer<typeof Receipt> | null> {
    const text = await receipt.read();
    return text === null ? null : Receipt.parse(JSON.parse(text));
  }

  return {
    dryRun,
    async act(order, ctx) {
      const planned = await plan(order, ctx.signal);
      if (planned.outcome !== 'ok') return untouched(`${planned.why}; nothing was changed. ${planned.tryThis}`);
      if (planned.value.kind === 'already') return { state: 'done', message: planned.value.message };
      const known = { target: planned.value.target, before: planned.value.before, output: '' };
      const end = await command(known.target).act(order, withOutput(ctx, known));
      return await settle(end, known, ctx.signal);
    },
    async status(order, ctx) {
      const known = await receiptOf(ctx);
      return known === null
        ? { state: 'not-begun', message: 'helm was not started' }
        : await statusOf(known, order, ctx);
    },
    async follow(order, ctx) {
      const known = await receiptOf(ctx);
      if (known === null) return { state: 'unknown', message: `nothing is known of a rollback of ${title}` };
      const end = await command(known.target).follow(order, withOutput(ctx, known));
      // Killed at its deadline; else it ended unseen, or runs beside another collector: the history tells.
      if (end.state === 'failed') return await settle(end, known, ctx.signal);
      return await untilEnd(() => lookOn(order, ctx, known), ctx, { everySeconds: LOOK_SECONDS, deadlineSeconds });
    },
  };

  /** Once under way, `not-begun` is an end: helm ended before it changed anything. */
  async function lookOn(order: RollbackOrder, ctx: ActContext, known: z.infer<typeof Receipt>): Promise<ActStatus> {
    const seen = await statusOf(known, order, ctx);
    return seen.state === 'not-begun' ? { state: 'failed', message: seen.message } : seen;
  }
}

/** The command's own receipt, where it writes its output, within that of the act. */
function withOutput(context: ActContext, { target, before, output }: z.infer<typeof Receipt>): ActContext {
  return {
    ...context,
    receipt: {
      read: async () => output,
      write: (text) => context.receipt.write(JSON.stringify({ target, before, output: text })),
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
