import { execFile } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { probePath } from '../../src/main/probe-path.ts';
import { openStage, type Stage } from '../support/stage.ts';

let stage: Stage;

beforeEach(async () => {
  stage = await openStage();
});

afterEach(async () => {
  await stage.close();
});

/** Everything goes to stderr: a pipe that expects results gets none. */
async function refused(...args: string[]) {
  const { code, stdout, stderr } = await stage.run(args);
  expect(stdout).toBe('');
  expect(stderr).not.toMatch(/\n\s+at /);
  return { code, stderr };
}

describe('memtriage', () => {
  it('prints its commands for help, and the same on stderr with exit code 64 when nothing was asked', async () => {
    const asked = [['help'], ['--help'], [], ['triage', '--help'], ['bot', '-h']].map((args) => stage.run(args));
    const [help, flag, nothing, ...ofCommands] = await Promise.all(asked);
    if (help === undefined) throw new Error('help was asked for');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/memtriage triage SERVICE \[--json\].*\n.*--pid PID/);
    for (const answer of [flag, ...ofCommands]) expect(answer).toEqual(help);
    expect(nothing).toEqual({ code: 64, stdout: '', stderr: help.stdout });
  });

  it.each([
    ['goes away', '| true', /^141\n$/],
    ['has no room', '> /dev/full', /^memtriage: the results can't be written: ENOSPC.*\n69\n$/],
  ])('never says "warning" because whoever reads its results %s', async (_title, reader, told) => {
    const script = `{ "${process.execPath}" dist/main/cli.js probe-path; echo $? >&2; } ${reader}`;
    const { stderr } = await promisify(execFile)('sh', ['-c', script]);
    expect(stderr).toMatch(told);
  });

  it('loses its log rather than its work where stderr takes nothing', async () => {
    const words = 'triage --pid $$ --watch 0s --no-attach --no-snapshot';
    const script = `{ "${process.execPath}" dist/main/cli.js ${words} > /dev/null; echo $?; } 2> /dev/full`;
    expect(await promisify(execFile)('sh', ['-c', script])).toMatchObject({ stdout: '3\n' });
  });

  it('prints the one directory that goes on a PYTHONPATH', async () => {
    const { code, stdout, stderr } = await stage.run(['probe-path']);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${probePath()}\n`, stderr: '' });
    expect(await readdir(stdout.trim())).toContain('sitecustomize.py');
  });

  it.each([
    ['an unknown command', ['triag', 'checkout'], /there is no command "triag"/],
    ['a command that only objects have', ['constructor'], /there is no command "constructor"/],
    ['no service', ['triage'], /Use `memtriage triage SERVICE/],
    ['an unknown verb', ['baseline', 'drop', 'checkout'], /Use `memtriage baseline show\|set\|revert SERVICE`/],
    ['arguments of a role that takes none', ['bot', 'now'], /takes no arguments/],
    ['arguments of a command that takes none', ['probe-path', 'x'], /takes no arguments/],
    ['an unknown option of the collector', ['collector', '--sight', 'x'], /Use `memtriage collector/],
  ])('refuses %s with exit code 64 and the right words', async (_title, args, message) => {
    const { code, stderr } = await refused(...args);
    expect(code).toBe(64);
    expect(stderr).toMatch(message);
  });

  it('without a configuration says what to write, with exit code 78', async () => {
    await rm(join(stage.dir, 'memtriage.yaml'));
    const { code, stderr } = await refused('triage', 'checkout');
    expect(code).toBe(78);
    expect(stderr).toMatch(/there is no configuration file .*memtriage\.yaml/);
    expect(stderr).toMatch(/MEMTRIAGE_CONFIG/);
  });

  it('tells all problems of a configuration at once, with their places and exit code 78', async () => {
    await writeFile(
      join(stage.dir, 'memtriage.yaml'),
      'sampling: { every: 15 }\nservices:\n  checkout: { limt: 2GiB, limit: 2GB }\n',
    );
    const { code, stderr } = await refused('triage', 'checkout');
    expect(code).toBe(78);
    expect(stderr).toMatch(/has 4 problems/);
    expect(stderr).toMatch(/memtriage\.yaml:1:\d+/);
    expect(stderr).toMatch(/memtriage\.yaml:3:\d+.*limt/);
    expect(stderr).toMatch(/2GB/);
  });

  it('tells a broken runbook with file and place, with exit code 78', async () => {
    await writeFile(
      join(stage.dir, 'memtriage.yaml'),
      `runbooks: .\nservices:\n  checkout: { sockets: ${stage.sockets} }\n`,
    );
    await writeFile(
      join(stage.dir, 'payments.yaml'),
      'runbook: payments\nsymptoms: [asked]\nsteps: [{ step: captur }]\n',
    );
    const { code, stderr } = await refused('triage', 'checkout', '--no-snapshot');
    expect({ code, stderr }).toMatchObject({ code: 78, stderr: expect.stringMatching(/payments\.yaml:3:\d+/) });
  });

  it('names the services there are when it is asked for another', async () => {
    expect(await refused('triage', 'chekout')).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/no service is called chekout\n.*checkout/),
    });
  });

  it('says which tokens the bot lacks, and what does without', async () => {
    const { code, stderr } = await refused('bot');
    expect(code).toBe(78);
    expect(stderr).toMatch(/SLACK_BOT_TOKEN.*SLACK_APP_TOKEN.*SLACK_SIGNING_SECRET/);
    expect(stderr).toContain('memtriage triage');
  });

  it('never shows the value of a wrong variable', async () => {
    const { code, stdout, stderr } = await stage.run(['triage', 'checkout'], { SLACK_BOT_TOKEN: 'hunter2-hunter2' });
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toContain('SLACK_BOT_TOKEN');
    expect(stderr).not.toContain('hunter2');
  });
});
