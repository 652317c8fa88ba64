/**
 * `memtriage demo`: the real bot and collector, a real Python service that leaks from its second release on, and a
 * Slack workspace on loopback (the real one, where its tokens are in the environment). Nothing is simulated but Slack.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CommandError, EXIT_UNAVAILABLE, EXIT_USAGE } from '../errors.ts';
import { readEnvironment } from '../main/environment.ts';
import { createClosers, signalOfStop } from '../main/shutdown.ts';
import { startCheckout } from './checkout-service.ts';
import { DEMO_SERVICE, demoConfig, SHORT_WINDOWS } from './demo-config.ts';
import { leaveReport } from './leave-report.ts';
import { Narrator } from './narrator.ts';
import { startRoles } from './roles.ts';
import { openSlack } from './slack-of-demo.ts';
import { openStores } from './stores.ts';

/** How long release v2 leaks before somebody asks: enough samples after its warm-up to tell growth from noise. */
const LEAK_SECONDS = 25;
const BASELINE_DEADLINE_SECONDS = 90;
const REPORT_DEADLINE_SECONDS = 90;

export async function demoCommand(args: readonly string[]): Promise<number> {
  if (args.length > 0)
    throw new CommandError(EXIT_USAGE, '`memtriage demo` takes no arguments', 'See `memtriage help`.');
  requireLinux();
  const signal = signalOfStop();
  const closers = createClosers();
  const narrator = new Narrator(process.stdout);
  const out = resolve('demo-report');
  try {
    return await runDemo({ signal, closers, narrator, out });
  } finally {
    const failures = await closers.closeAll();
    for (const { name, why } of failures) narrator.say(`${name} did not end: ${why}`);
    narrator.say(
      failures.length === 0 ? 'Every process of the demonstration has ended.' : 'Some processes may be left.',
    );
  }
}

type Stage = {
  signal: AbortSignal;
  closers: ReturnType<typeof createClosers>;
  narrator: Narrator;
  out: string;
};

async function runDemo({ signal, closers, narrator, out }: Stage): Promise<number> {
  narrator.say('Short windows make this fit into two minutes; they are not advice:');
  for (const window of SHORT_WINDOWS) narrator.detail(window);
  const home = await mkdtemp(join(tmpdir(), 'memtriage-demo-'));
  closers.add('directory', () => rm(home, { recursive: true, force: true }));
  await mkdir(out, { recursive: true });
  const sockets = join(home, 'sockets');
  await mkdir(sockets, { mode: 0o700 });

  const slack = await openSlack(readEnvironment(), closers);
  const configFile = join(home, 'memtriage.yaml');
  await writeFile(configFile, demoConfig(sockets));
  const stores = await openStores(home, closers);
  const roles = await startRoles({ configFile, slackEnvironment: slack.environment, logs: out, closers });
  await slack.waitUntilConnected(signal);
  narrator.say(`Bot and collector are up (logs in ${out}), ${slack.description}.`);

  const v1 = await startCheckout('v1', sockets);
  closers.add('checkout v1', v1.stop);
  narrator.say(`checkout v1 runs as process ${v1.pid}, with traffic. Waiting for its healthy baseline ...`);
  const baseline = await roles.orFail(stores.waitForBaseline(DEMO_SERVICE, BASELINE_DEADLINE_SECONDS, signal));
  narrator.say(`The baseline is recorded: ${baseline}`);

  await v1.stop();
  const v2 = await startCheckout('v2', sockets);
  closers.add('checkout v2', v2.stop);
  narrator.say(
    `checkout v2 is deployed as process ${v2.pid}: it keeps every refused payment for a retry that never comes.`,
  );
  await narrator.countDown(LEAK_SECONDS, 'it leaks', signal);

  narrator.say(`${slack.asks}: /memtriage ${DEMO_SERVICE}`);
  const stopFollowing = slack.follow((line) => narrator.detail(line));
  const answer = await slack.ask(DEMO_SERVICE);
  if (answer !== null) narrator.detail(answer);
  const report = await roles.orFail(stores.waitForReport(DEMO_SERVICE, REPORT_DEADLINE_SECONDS, signal));
  await slack.waitForThread(report, signal);
  stopFollowing();
  const thread = slack.renderThread();
  if (thread !== null) narrator.show('The thread, as a person in Slack sees it', thread);
  for (const file of await leaveReport(out, report, thread)) narrator.detail(`left behind: ${file}`);

  const { action, from, to } = report.recommendation;
  const isRight = action === 'rollback' && from === 'v2' && to === 'v1';
  narrator.say(
    isRight
      ? 'The advice is right: v2 leaks, v1 did not.'
      : `The advice should have been rollback v2 to v1, and was ${action}.`,
  );
  return isRight ? 0 : 1;
}

function requireLinux(): void {
  if (process.platform === 'linux') return;
  throw new CommandError(
    EXIT_UNAVAILABLE,
    `the demonstration reads /proc of Linux, this is ${process.platform}`,
    'Run it in containers: docker compose up',
  );
}
