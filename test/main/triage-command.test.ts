import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, it, type TestContext, vi } from 'vitest';
import { REDIS_PREFIX } from '../../src/adapters/redis/connection.ts';
import { createIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import type { TriageRequest } from '../../src/incident/incident.ts';
import type { StepResult } from '../../src/incident/step-result.ts';
import { Report } from '../../src/report/report.ts';
import { startRedis } from '../support/redis.ts';
import { LEAKING, openStage, STEADY, type Stage } from '../support/stage.ts';

const UNPREPARED = { PYTHONPATH: '', MEMTRIAGE_SOCKET_DIR: '' };
const WAIT = { timeout: 90_000, interval: 50 };
const LEAKING_LINE = LEAKING.split('\n').findIndex((line) => line.includes('QUEUE.append')) + 1;
const EXIT_OF = { healthy: 0, warning: 1, critical: 2, inconclusive: 3 } as const;

/** One for each test: they run at the same time, since most of it is waiting. */
async function openOwnStage({ onTestFinished }: TestContext): Promise<Stage> {
  const stage = await openStage();
  onTestFinished(() => stage.close());
  return stage;
}

/** The embedded server of this stage, wherever its parents went: its working directory tells. */
function embeddedServers({ dir }: Stage): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const isOurs = readlinkSync(`/proc/${pid}/cwd`).startsWith(dir);
      return isOurs && readFileSync(`/proc/${pid}/comm`, 'utf8') === 'redis-server\n';
    } catch {
      return false;
    }
  });
}

async function expectNoServer(stage: Stage): Promise<void> {
  await vi.waitFor(() => expect(embeddedServers(stage)).toEqual([]), WAIT);
}

/** A report on stdout and nothing else there; logs, one JSON object a line, on stderr; the exit code of the verdict. */
async function triage(stage: Stage, ...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await stage.run(['triage', ...args, '--json']);
  const report = Report.parse(JSON.parse(stdout));
  expect(report).toEqual(JSON.parse(stdout));
  expect(code).toBe(EXIT_OF[report.verdict]);
  for (const line of stderr.trim().split('\n').filter(Boolean)) expect(JSON.parse(line)).toHaveProperty('level');
  return report;
}

const ASKED: TriageRequest = {
  service: 'checkout',
  symptom: 'asked',
  openedBy: 'U0ALICE',
  channelId: 'C0ONCALL',
  sinceSeconds: 3600,
  takeSnapshot: true,
};
const CAPTURED: StepResult = {
  step: 'capture',
  kind: 'capture',
  outcome: 'inconclusive',
  seconds: 0,
  note: '',
  finding: null,
};

/** With a Redis of its own, whose incidents the test can read and write. */
async function openWithBook(test: TestContext) {
  const stage = await openOwnStage(test);
  const redis = await startRedis();
  test.onTestFinished(() => redis.close());
  const book = createIncidentBook(redis.connect(), REDIS_PREFIX, Date.now);
  return { stage, book, env: { REDIS_URL: `unix://${redis.path}` } };
}

describe.concurrent('memtriage triage SERVICE with nothing else running', () => {
  it('samples the process itself first, and names what leaks in it', async (test) => {
    const stage = await openOwnStage(test);
    await stage.python(LEAKING);
    const report = await triage(stage, 'checkout', '--watch', '6s');
    expect(report).toMatchObject({ incident: 'M-1', service: 'checkout', data: { source: 'collector' } });
    expect(report.steps.map(({ step, outcome }) => `${step} ${outcome}`)).toContain('snapshot ok');
    expect(report.rss.instances).toHaveLength(1);
    expect(report.growth?.bytesPerHour).toBeGreaterThan(1024 ** 3);
    expect(report.snapshot?.containers?.map(({ path }) => path)).toContain('__main__.QUEUE');
    expect(['warning', 'critical']).toContain(report.verdict);
    await expectNoServer(stage);
  });

  it('without --watch does what the first samples allow, and reads as text', async (test) => {
    const stage = await openOwnStage(test);
    await stage.python(STEADY);
    const { code, stdout } = await stage.run(['triage', 'checkout', '--no-snapshot']);
    expect([0, 3]).toContain(code);
    expect(stdout).toMatch(/^\S+ checkout: .*\(M-1, confidence \w+\)\n {3}RSS [\d.]+ MiB · /);
    expect(stdout).toContain('Steps:\n  - capture ok');
    expect(stdout).toMatch(/snapshot inconclusive \(\d+ m?s\): not taken: it was asked to leave it out/);
    await expectNoServer(stage);
  });

  it('with no instance of the service ends in a report that says how to start one', async (test) => {
    const stage = await openOwnStage(test);
    const report = await triage(stage, 'checkout');
    expect(report.verdict).toBe('inconclusive');
    expect(report.steps[0]?.note).toMatch(/has seen no instance of checkout.*MEMTRIAGE_SOCKET_DIR/);
    await expectNoServer(stage);
  });

  it('leaves nothing behind when it is killed that the next one would wait for', async (test) => {
    const stage = await openOwnStage(test);
    await stage.python(STEADY);
    const killed = stage.role(['triage', 'checkout', '--watch', '60s']);
    await vi.waitFor(() => expect(killed.log()).toContain('process found'), WAIT);
    expect(embeddedServers(stage)).toHaveLength(1);
    await killed.kill();
    await expectNoServer(stage);
    const report = await triage(stage, 'checkout');
    // The killed one's heartbeat would say for a minute that a collector is there.
    expect(report.steps.map(({ step, outcome }) => `${step} ${outcome}`)).toContain('snapshot ok');
    expect(report.steps.map(({ seconds }) => seconds).every((seconds) => seconds < 20)).toBe(true);
  });

  it('goes on with the incident of a command that was killed, and ends it', async (test) => {
    const { stage, book, env } = await openWithBook(test);
    await book.openOrJoin({ ...ASKED, openedBy: 'command line', channelId: null }, 'local');
    await book.saveStep('M-1', { ...CAPTURED, note: 'RSS as it was' });
    const { stdout } = await stage.run(['triage', 'checkout', '--json'], env);
    const report = Report.parse(JSON.parse(stdout));
    expect(report).toMatchObject({ incident: 'M-1', steps: [{ note: 'RSS as it was' }, {}, {}, {}] });
    expect(await book.find('M-1')).toMatchObject({ state: 'reported' });
  });

  it('goes along with a triage that a bot runs, and leaves its end to the bot', async (test) => {
    const { stage, book, env } = await openWithBook(test);
    await book.openOrJoin(ASKED, 'local');
    const { stdout } = await stage.run(['triage', 'checkout', '--json', '--no-snapshot'], env);
    const report = Report.parse(JSON.parse(stdout));
    expect(report.incident).toBe('M-1');
    // Whoever asked in Slack wanted the look: the words of the command line must not take it out of that thread.
    expect(report.steps[2]?.note).not.toContain('it was asked to leave it out');
    expect(await book.find('M-1')).toMatchObject({ state: 'triaging' });
    expect(await book.savedSteps('M-1')).toHaveLength(4);
  });

  it('ends quietly when it is interrupted', async (test) => {
    const stage = await openOwnStage(test);
    await stage.python(STEADY);
    const running = stage.role(['triage', 'checkout', '--watch', '60s']);
    await vi.waitFor(() => expect(running.log()).toContain('process found'), WAIT);
    running.child.kill('SIGINT');
    const [code] = await once(running.child, 'exit');
    expect(code).toBe(130);
    expect(running.log()).not.toContain('bug');
    await expectNoServer(stage);
  });
});

describe.concurrent('memtriage triage --pid', () => {
  async function pidOf(child: Promise<ChildProcess>): Promise<string> {
    return String((await child).pid);
  }

  it('looks inside a process that carries the probe', async (test) => {
    const stage = await openOwnStage(test);
    const report = await triage(stage, '--pid', await pidOf(stage.python(LEAKING)), '--watch', '5s');
    expect(report).toMatchObject({ incident: 'M-0', data: { source: 'watch' } });
    expect(report.growth?.bytesPerHour).toBeGreaterThan(1024 ** 3);
    // A process this young may still be warming up, however steadily it grows.
    expect(report.verdict).toBe('inconclusive');
    expect(report.steps[0]?.note).toMatch(/\(seen for 5 s: slower growth/);
    expect(report.snapshot?.containers?.map(({ path }) => path)).toContain('__main__.QUEUE');
    expect(embeddedServers(stage)).toEqual([]);
  });

  it('attaches to a process without any preparation, and names what leaks in it and in which line', async (test) => {
    const stage = await openOwnStage(test);
    const bare = await pidOf(stage.python(LEAKING, UNPREPARED));
    const args = ['triage', '--pid', bare, '--watch', '3s', '--json'];
    const { stdout } = await stage.run(args, { TMPDIR: stage.dir });
    const { snapshot } = Report.parse(JSON.parse(stdout));
    expect(snapshot?.containers?.[0]).toMatchObject({ path: '__main__.QUEUE', type: 'list', oldestKept: true });
    expect(snapshot?.sites?.[0]).toMatchObject({ container: '__main__.QUEUE', line: LEAKING_LINE });
    expect(snapshot?.notes.join()).toMatch(/attached to the running process, whose main thread was held for \d+ ms/);
    // The second time the probe is there: nothing is attached.
    const again = Report.parse(JSON.parse((await stage.run(args, { TMPDIR: stage.dir })).stdout));
    expect(again.snapshot?.containers?.[0]?.path).toBe('__main__.QUEUE');
    expect(again.snapshot?.notes.join()).not.toContain('attached');
  });

  it('with --fork names what only a local variable holds', async (test) => {
    const stage = await openOwnStage(test);
    const hidden = LEAKING.replace('QUEUE = []', 'def main():\n  queue = []').replace(
      /^print[^]*$/m,
      '  print("ready", flush=True)\n  while True:\n    queue.append({"payload": bytearray(30000)})\n    time.sleep(0.01)\nmain()\n',
    );
    const { pid } = await stage.python(hidden, UNPREPARED);
    const { snapshot } = await triage(stage, '--pid', String(pid), '--watch', '1s', '--fork');
    expect(snapshot?.containers).toContainEqual(expect.objectContaining({ path: '__main__.main.<local queue>' }));
  });

  it('with --no-attach looks from outside only, and says what the inside would need', async (test) => {
    const stage = await openOwnStage(test);
    const bare = await pidOf(stage.python(LEAKING, UNPREPARED));
    const report = await triage(stage, '--pid', bare, '--watch', '5s', '--no-attach');
    expect(report.snapshot?.layers.length).toBeGreaterThan(0);
    expect(report.snapshot).toMatchObject({ containers: null, types: null, sites: null });
    expect(report.snapshot?.notes.join()).toMatch(/probe/);
    expect(report.growth?.bytesPerHour).toBeGreaterThan(1024 ** 3);
  });

  it('says that there is no such process, with exit code 69', async (test) => {
    const stage = await openOwnStage(test);
    const child = await stage.python(STEADY);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    const { code, stdout, stderr } = await stage.run(['triage', '--pid', String(child.pid)]);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toMatch(/there is no process \d+ that we may see\nCheck the number with ps/);
  });

  it('says so when the process ends while it is watched', async (test) => {
    const stage = await openOwnStage(test);
    const child = await stage.python(STEADY);
    const running = stage.role(['triage', '--pid', String(child.pid), '--watch', '30s', '--json']);
    let stdout = '';
    running.child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
    await vi.waitFor(() => expect(running.log()).toContain('watching the process'), WAIT);
    child.kill('SIGKILL');
    const [code] = await once(running.child, 'close');
    expect(code).toBe(3);
    expect(Report.parse(JSON.parse(stdout)).steps[0]?.note).toMatch(/process \d+ ended while it was watched/);
  });

  it('ends quietly when it is interrupted', async (test) => {
    const stage = await openOwnStage(test);
    const pid = await pidOf(stage.python(STEADY));
    const running = stage.role(['triage', '--pid', pid]);
    await vi.waitFor(() => expect(running.log()).toContain('watching the process'), WAIT);
    running.child.kill('SIGINT');
    const [code] = await once(running.child, 'exit');
    expect(code).toBe(130);
    expect(running.log()).not.toContain('bug');
  });
});
