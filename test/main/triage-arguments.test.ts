import { describe, expect, it } from 'vitest';
import { CommandError } from '../../src/errors.ts';
import { parseTriageArguments } from '../../src/main/triage-arguments.ts';

const DAY = 86_400;

describe('the words after `memtriage triage`', () => {
  it.each([
    [
      'checkout',
      { target: { service: 'checkout' }, json: false, sinceSeconds: DAY, watchSeconds: 0, takeSnapshot: true },
    ],
    ['checkout --json --since 6h', { json: true, sinceSeconds: 6 * 3600, attach: false }],
    ['--no-snapshot checkout --watch 90s', { target: { service: 'checkout' }, watchSeconds: 90, takeSnapshot: false }],
    ['--pid 4711', { target: { pid: 4711 }, watchSeconds: 60, attach: true, fork: false }],
    ['--pid 4711 --no-attach', { target: { pid: 4711 }, attach: false }],
    ['--pid 4711 --fork', { fork: true, attach: true }],
    ['--pid 4711 --watch 0s', { target: { pid: 4711 }, watchSeconds: 0 }],
  ])('%s', (words, expected) => {
    expect(parseTriageArguments(words.split(' '))).toMatchObject(expected);
  });

  it.each([
    ['', /wrong words/],
    ['checkout payments', /wrong words/],
    ['checkout --pid 1', /wrong words/],
    ['checkout --jsn', /--jsn/],
    ['checkout --fork', /--fork is for --pid/],
    ['checkout --no-attach', /--no-attach is for --pid/],
    ['checkout --since', /--since/],
    ['checkout --since 0s', /--since 0s leaves nothing to look at/],
    ['checkout --since 6', /--since 6 is not a duration/],
    ['--pid 1 --watch 99999d', /--watch 99999d is more than 7d/],
    ['checkout --watch=-5s', /--watch -5s is not a duration/],
    ['--pid me', /--pid me is not the number of a process/],
    ['--pid=-1', /--pid -1 is not the number of a process/],
    ['--pid 0', /--pid 0 is not the number of a process/],
    ['--pid 1e3', /--pid 1e3 is not the number of a process/],
  ])('refuses "%s" with exit code 64 and what to write', (words, message) => {
    let thrown: unknown = null;
    try {
      parseTriageArguments(words === '' ? [] : words.split(' '));
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof CommandError)) throw new Error('it was taken');
    expect(thrown.exitCode).toBe(64);
    expect(thrown.message).toMatch(message);
    expect(thrown.tryThis).toMatch(/^(Use `memtriage triage|Write 90s|Of a service, set `snapshot)/);
  });
});
