import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findPythons } from '../support/pythons.ts';

const PROBE_DIR = fileURLToPath(new URL('../../src/probe', import.meta.url));

/** A thread's state of 38 words, and behind it memory that holds the same pointers, as a frame of the search does. */
const BEHIND_THE_STATE = `
import ctypes
from memtriage_probe import thread_pins
learned = list(thread_pins._learned())
memory = (ctypes.c_void_p * 80)()
thing = object()
memory[3] = memory[48] = memory[70] = id(thing)
thread_pins._own_state = lambda: ctypes.addressof(memory)
print(len(learned), max(learned) // 8, [at // 8 for at in thread_pins._search({id(thing)})])
`;

describe.each(findPythons())('what a fork keeps alive of other threads in CPython $version', ({ version, path }) => {
  it('is found inside the state of a thread, never in what lies behind it', () => {
    const told = execFileSync(path, ['-c', BEHIND_THE_STATE], { env: { PYTHONPATH: PROBE_DIR }, encoding: 'utf8' });
    const minor = Number(version.split('.')[1]);
    expect(told.trim()).toMatch(minor < 13 ? /^2 (30|28|26) \[3\]$/ : /^4 37 \[3\]$/);
  });
});
