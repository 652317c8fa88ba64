/** One run as the outside sees it: senders that repeat until they hear 200, and people who ask until they are answered. */
import { setTimeout as wait } from 'node:timers/promises';
import { alertmanagerBody, alertOf, grafanaBody } from '../alerts/senders.ts';
import type { RunPlan, Sending } from './plan.ts';
import { type FaultWorld, TOKEN } from './world.ts';

/** Alertmanager and people give up much later. */
const PATIENCE_MS = 120_000;
const AGAIN_MS = 300;
/** A bot that dies after it took a mention answers nobody: the person looks into the channel and asks again. */
const ANSWER_MS = 20_000;

/** Kills this far apart are never taken for one that two senders tell of. */
const BETWEEN_KILLS_MS = 300_000;

export type Driven = {
  /** Notifications that were answered with 200, and requests that had to be repeated. */
  sent: number;
  repeated: number;
  /** What nobody accepted in time. */
  refused: string[];
  /** What the askers were told. */
  answers: string[];
};

/** Plays the run's part from now on; resolves when everything was accepted. */
export async function driveRun(run: RunPlan, world: FaultWorld): Promise<Driven> {
  const driven: Driven = { sent: 0, repeated: 0, refused: [], answers: [] };
  for (const fault of run.slackFaults) world.workspace.faults.add(fault);
  const startedMs = Date.now();
  const sendings = run.sendings.map(async (sending, i) => {
    await wait(sending.afterMs);
    const bots = sending.isDoubled ? [i, i + 1] : [i];
    await Promise.all(bots.map(async (bot) => await send(run, sending, { world, bot, startedMs, driven })));
  });
  const asks = run.asks.map(async (ask) => {
    await wait(ask.afterMs);
    driven.answers.push(await askUntilAnswered(run, ask, { world, driven }));
  });
  await Promise.all([...sendings, ...asks]);
  return driven;
}

type Sender = { world: FaultWorld; bot: number; startedMs: number; driven: Driven };

async function send(run: RunPlan, sending: Sending, { world, bot, startedMs, driven }: Sender): Promise<void> {
  const alerts = sending.kills.map((kill) => {
    const startsAt = new Date(startedMs - (kill + 1) * BETWEEN_KILLS_MS).toISOString();
    const labels = { service: run.service, pod: podOf(kill) };
    return { ...alertOf({ status: sending.status, labels, startsAt }), fingerprint: `${run.service}-${kill}` };
  });
  const [path, body] =
    sending.by === 'Grafana'
      ? ['/alerts/grafana', grafanaBody(...alerts)]
      : ['/alerts/alertmanager', alertmanagerBody(...alerts)];
  for (let attempt = 0; Date.now() < startedMs + PATIENCE_MS; attempt += 1) {
    if ((await post(world.addressOf(bot + attempt, path), JSON.stringify(body))) === 200) {
      driven.sent += 1;
      return;
    }
    driven.repeated += 1;
    await wait(AGAIN_MS);
  }
  driven.refused.push(
    `${path} did not accept ${sending.status} of ${sending.kills.join()} within ${PATIENCE_MS / 1000} s`,
  );
}

export const podOf = (kill: number): string => `pod-${kill}`;

/** The status, or null when nobody answered. */
async function post(url: string | null, body: string): Promise<number | null> {
  if (url === null) return null;
  try {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(5000) });
    await answer.text();
    return answer.status;
  } catch {
    return null;
  }
}

/** Whoever is told that nothing was started, or is told nothing, asks again. */
async function askUntilAnswered(
  run: RunPlan,
  ask: RunPlan['asks'][number],
  { world: { workspace }, driven }: Pick<Sender, 'world' | 'driven'>,
): Promise<string> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const asked = ask.by === 'mention' ? mention(run, workspace) : type(run, workspace);
    if (ask.isRepeated) await workspace.redeliver().catch(() => {});
    const text = await asked;
    if (/M-\d+/.test(text)) return text;
    await wait(AGAIN_MS);
  }
  driven.refused.push(`no ${ask.by} was answered within ${PATIENCE_MS / 1000} s`);
  return '';
}

const ASKER = 'U0ALICE';

async function type({ channel, service }: RunPlan, workspace: FaultWorld['workspace']): Promise<string> {
  return (await workspace.command({ user: ASKER, channel, text: service })).response?.text ?? '';
}

/** Slack itself repeats an event until it is acknowledged; the answer is for the asker only. */
async function mention({ channel, service }: RunPlan, workspace: FaultWorld['workspace']): Promise<string> {
  const told = () => workspace.ephemerals(ASKER).filter((one) => one.channel === channel);
  const before = told().length;
  await workspace.mention({ user: ASKER, channel, text: service });
  for (const end = Date.now() + ANSWER_MS; told().length === before && Date.now() < end; ) await wait(AGAIN_MS);
  return told().at(-1)?.text ?? '';
}
