import { userInfo } from 'node:os';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openStage, STEADY, type Stage } from '../support/stage.ts';

const WAIT = { timeout: 90_000, interval: 300 };

let stage: Stage;

beforeEach(async () => {
  stage = await openStage();
});

afterEach(async () => {
  await stage.close();
});

it('baselines are shown, set by a person, and reverted from the command line', async () => {
  const empty = await stage.run(['baseline', 'show', 'checkout']);
  expect(empty).toMatchObject({ code: 0, stdout: 'checkout has no baseline yet\n' });
  const nothing = await stage.run(['baseline', 'revert', 'checkout']);
  expect(nothing).toMatchObject({ code: 69, stdout: '' });
  expect(nothing.stderr).toMatch(/checkout has no baseline\nRecord one: `memtriage baseline set checkout`/);
  const tooEarly = await stage.run(['baseline', 'set', 'checkout']);
  expect(tooEarly).toMatchObject({ code: 69, stdout: '' });
  expect(tooEarly.stderr).toMatch(/memtriage: .+\n.+\n$/);

  // Releases are named by services and pipelines: no escape sequence of theirs reaches the terminal.
  await stage.python(STEADY, { MEMTRIAGE_RELEASE: 'v1\u001b' });
  const collector = stage.role(['collector']);
  // A baseline of a release that the probe has not told yet is one of an unknown release.
  await vi.waitFor(async () => {
    const { stdout } = await stage.run(['triage', 'checkout', '--json', '--no-snapshot']);
    expect(JSON.parse(stdout)).toMatchObject({ rss: { instances: [{ release: 'v1\u001b' }] } });
  }, WAIT);
  const set = async () => await stage.run(['baseline', 'set', 'checkout']);
  const first = await vi.waitFor(async () => {
    const done = await set();
    expect(done.code).toBe(0);
    return done;
  }, WAIT);
  expect(first.stdout).toMatch(
    new RegExp(`^now v1\ufffd: [\\d.]+ MiB ± .+, set by ${userInfo().username} \\d{4}-.*\\n$`),
  );
  expect(await set()).toMatchObject({ code: 0 });
  const shown = await stage.run(['baseline', 'show', 'checkout']);
  expect(shown.stdout.split('\n').map((line) => line.slice(0, 4))).toEqual(['* v1', '  v1', '']);
  expect(await stage.run(['baseline', 'revert', 'checkout'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^back to v1\ufffd: /),
  });
  const reverted = await stage.run(['baseline', 'show', 'checkout']);
  expect(reverted.stdout.split('\n').map((line) => line.slice(0, 4))).toEqual(['  v1', '* v1', '']);
  expect(await collector.stop()).toBe(0);
});
