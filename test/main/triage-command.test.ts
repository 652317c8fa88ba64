import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Report } from '../../src/report/report.ts';
import { LEAKING, openStage, STEADY, type Stage } from '../support/stage.ts';

const WAIT = { timeout: 20_000, interval: 50 };
const EXIT_OF = { healthy: 0, warning: 1, critical: 2, inconclusive: 3 } as const;

let stage: Stage;

beforeEach(async () => {
  stage = await openStage();
});

afterEach(async () => {
  await stage.close();
});

/** The embedded server of this stage, wherever its parents went: its working directory tells. */
function embeddedServers(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const isOurs = readlinkSync(`/proc/${pid}/cwd`).startsWith(stage.dir);
      return isOurs && readFileSync(`/proc/${pid}/comm`, 'utf8') === 'redis-server\n';
    } catch {
      return false;
    }
  });
}

async function expectNoServer(): Promise<void> {
  await vi.waitFor(() => expect(embeddedServers()).toEqual([]), WAIT);
}

/** A report on stdout and nothing else there; logs, one JSON object a line, on stderr; the exit code of the verdict. */
async function triage(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Report> {
  const { code, stdout, stderr } = await stage.run(['triage', ...args, '--json'], env);
  const report = Report.parse(JSON.parse(stdout));
  expect(report).toEqual(JSON.parse(stdout));
  expect(code).toBe(EXIT_OF[report.verdict]);
  for (const line of stderr.trim().split('\n').filter(Boolean)) expect(JSON.parse(line)).toHaveProperty('level');
  return report;
}

describe('memtriage triage SERVICE with nothing else running', () => {
  it('samples the process itself first, and names what leaks in it', async () => {
    await stage.python(LEAKING);
    const report = await triage(['checkout', '--watch', '6s']);
    expect(report).toMatchObject({ incident: 'M-1', service: 'checkout', data: { source: 'collector' } });
    expect(report.steps.map(({ step, outcome }) => `${step} ${outcome}`)).toContain('snapshot ok');
    expect(report.rss.instances).toHaveLength(1);
    expect(report.growth?.bytesPerHour).toBeGreaterThan(1024 ** 3);
    expect(report.snapshot?.containers.map(({ path }) => path)).toContain('__main__.QUEUE');
    expect(['warning', 'critical']).toContain(report.verdict);
    await expectNoServer();
  });

  it('without --watch does what the first samples allow, and reads as text', async () => {
    await stage.python(STEADY);
    const { code, stdout } = await stage.run(['triage', 'checkout', '--no-snapshot']);
    expect([0, 3]).toContain(code);
    expect(stdout).toMatch(/^\S+ checkout: .*\(M-1, confidence \w+\)\n {3}RSS [\d.]+ MiB · /);
    expect(stdout).toContain('Steps:\n  - capture ok');
    expect(stdout).toContain('snapshot inconclusive (0 s): not taken: it was asked to leave it out');
    await expectNoServer();
  });

  it('with no instance of the service ends in a report that says how to start one', async () => {
    const report = await triage(['checkout']);
    expect(report.verdict).toBe('inconclusive');
    expect(report.steps[0]?.note).toMatch(/has seen no instance of checkout.*MEMTRIAGE_SOCKET_DIR/);
    await expectNoServer();
  });

  it('leaves no server behind when it is killed, and the next one goes on with its incident', async () => {
    await stage.python(STEADY);
    const killed = stage.role(['triage', 'checkout', '--watch', '1s']);
    // The look has begun once the steps before it are stored.
    await vi.waitFor(() => expect(killed.log()).toContain('process found'), WAIT);
    await vi.waitFor(() => expect(embeddedServers()).toHaveLength(1), WAIT);
    await killed.kill();
    await expectNoServer();
    const startedAt = Date.now();
    const report = await triage(['checkout']);
    expect(report.steps).toHaveLength(4);
    // It used to wait minutes for the report of whoever began.
    expect(Date.now() - startedAt).toBeLessThan(30_000);
  });

  it('ends quietly when it is interrupted', async () => {
    await stage.python(STEADY);
    const running = stage.role(['triage', 'checkout', '--watch', '60s']);
    await vi.waitFor(() => expect(running.log()).toContain('process found'), WAIT);
    running.child.kill('SIGINT');
    const [code] = await once(running.child, 'exit');
    expect(code).toBe(130);
    expect(running.log()).not.toContain('bug');
    await expectNoServer();
  });
});

describe('memtriage triage --pid', () => {
  async function pidOf(child: Promise<ChildProcess>): Promise<string> {
    return String((await child).pid);
  }

  it('looks inside a process that carries the probe', async () => {
    const report = await triage(['--pid', await pidOf(stage.python(LEAKING)), '--watch', '5s']);
    expect(report).toMatchObject({ incident: 'M-0', data: { source: 'watch' } });
    expect(report.growth?.bytesPerHour).toBeGreaterThan(1024 ** 3);
    // A process this young may still be warming up, however steadily it grows.
    expect(report.verdict).toBe('inconclusive');
    expect(report.steps[0]?.note).toMatch(/\(seen for 5 s: slower growth/);
    expect(report.snapshot?.containers.map(({ path }) => path)).toContain('__main__.QUEUE');
    expect(embeddedServers()).toEqual([]);
  });

  it('looks from outside at a process without any preparation, and says what the inside would need', async () => {
    const bare = await pidOf(stage.python(LEAKING, { PYTHONPATH: '', MEMTRIAGE_SOCKET_DIR: '' }));
    const report = await triage(['--pid', bare, '--watch', '5s']);
    expect(report.snapshot?.layers.length).toBeGreaterThan(0);
    expect(report.snapshot?.containers).toEqual([]);
    expect(report.snapshot?.notes.join()).toMatch(/probe/);
    expect(report.growth?.bytesPerHour).toBeGreaterThan(1024 ** 3);
  });

  it('says that there is no such process, with exit code 69', async () => {
    const child = await stage.python(STEADY);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    const { code, stdout, stderr } = await stage.run(['triage', '--pid', String(child.pid)]);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toMatch(/there is no process \d+ that we may see\nCheck the number with ps/);
  });

  it('says so when the process ends while it is watched', async () => {
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

  it('ends quietly when it is interrupted', async () => {
    const pid = await pidOf(stage.python(STEADY));
    const running = stage.role(['triage', '--pid', pid]);
    await vi.waitFor(() => expect(running.log()).toContain('watching the process'), WAIT);
    running.child.kill('SIGINT');
    const [code] = await once(running.child, 'exit');
    expect(code).toBe(130);
    expect(running.log()).not.toContain('bug');
  });
});
