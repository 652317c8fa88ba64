import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  advance,
  type OpenIncident,
  type Sign,
  type WatchAction,
  type WatchState,
} from '../../src/watch/hysteresis.ts';

/** `C` critical, `L` leak, `w` warning, `.` calm, `?` unknown. */
const SIGN: Readonly<Record<string, Sign>> = { C: 'critical', L: 'leak', w: 'warning', '.': 'calm', '?': 'unknown' };
const UNTIL_CLOSED = 12;

/** What changes between looks, written behind them. */
const EVENTS = {
  /** A person closes the incident. */
  x: () => ({ open: null }),
  /** A person asks: an incident is open and its triage is under way. */
  t: () => ({ open: { verdict: null, hasThread: true } }),
  /** Its report is out: inconclusive, a warning, critical. */
  i: () => ({ open: { verdict: 'inconclusive', hasThread: true } }),
  m: () => ({ open: { verdict: 'warning', hasThread: true } }),
  c: () => ({ open: { verdict: 'critical', hasThread: true } }),
  /** The same from the command line, which has no thread; and its triage under way. */
  k: () => ({ open: { verdict: 'critical', hasThread: false } }),
  r: () => ({ open: { verdict: null, hasThread: false } }),
  /** Another release is deployed. */
  d: () => ({ release: 'v2' }),
} satisfies Readonly<Record<string, () => { open?: OpenIncident | null; release?: string }>>;

/**
 * One letter a look: `-` nothing, `!` opened as critical, `o` opened as a warning, `A` and `a` looked into again, `x`
 * closed. What is opened or looked into is reported at once with that verdict.
 */
function watch(looks: string): string {
  let state: WatchState | null = null;
  let world: { open: OpenIncident | null; release: string } = { open: null, release: 'v1' };
  let told = '';
  for (const [index, letter] of looks.split('').entries()) {
    const event = Object.entries(EVENTS).find(([name]) => name === letter)?.[1];
    if (event !== undefined) {
      world = { ...world, ...event() };
      continue;
    }
    const look = { atMs: index, sign: SIGN[letter] ?? 'unknown', release: world.release };
    const { next, action } = advance(state, look, world.open, UNTIL_CLOSED);
    state = next;
    if ('level' in action) world = { ...world, open: { verdict: action.level, hasThread: true } };
    if (action.kind === 'close') world = { ...world, open: null };
    told += letterOf(action);
  }
  return told;
}

function letterOf(action: WatchAction): string {
  if (action.kind === 'none') return '-';
  if (action.kind === 'close') return 'x';
  if (action.kind === 'open') return action.level === 'critical' ? '!' : 'o';
  return action.level === 'critical' ? 'A' : 'a';
}

describe('watching a service', () => {
  it.each([
    ['leaves a healthy one alone', '................', '----------------'],
    ['leaves one alone that nobody could look at', '????????????', '------------'],
    ['opens at the second critical look in a row', '.CC', '--!'],
    ['opens at the second look that is certain of a leak', '.LL', '--o'],
    ['is not moved by single looks', 'C.C.C.L.L.', '----------'],
    ['opens as a warning when a suspicion lasts', 'wwwwww', '-----o'],
    ['forgets a suspicion that ends', 'wwwww.wwwww.', '------------'],
    ['counts worse looks for the lesser level', 'wLwCwL', '-----o'],
    ['neither counts nor forgets a look that could not tell', 'C?C', '--!'],
    ['tells the same trouble once', 'CCCCCCCCwwwwwwCC', '-!--------------'],
    ['looks again when a warning becomes critical', 'LLLLCCCC', '-o---A--'],
    ['does not tell when critical becomes a warning', 'CCwwwwwwwwLL', '-!----------'],
    ['closes after a full healthy window', 'CC............', '-!-----------x'],
    ['waits for the whole window anew after one bad look', 'CC...........C............', '-!-----------------------x'],
    ['joins what comes back while the incident is open', 'CC......CC', '-!--------'],
    ['opens again when it comes back after the close', 'CC............CC', '-!-----------x-!'],
    ['looks again when another release has it while the incident is open', 'CC......dCC', '-!-------A'],
    ['stays quiet about another release that has it without a calm moment', 'CCdCC', '-!--'],
    ['stays quiet when a person closed it and it goes on', 'CCxCCCC', '-!----'],
    ['stays quiet when it flickers after a person closed it', 'CCx...CC', '-!-----'],
    ['opens again after a person closed it, when it was healthy in between', 'CCx......CC', '-!-------!'],
    ['tells when it worsened after a person closed it', 'LLxCC', '-o-!'],
    ['waits for the triage that a person started', 'tCCCC', '----'],
    ['stays quiet when that report tells the same', 'tCCcCCCC', '------'],
    ['looks again when that report could not tell', 'tCCiCC', '--A-'],
    ['looks again when that report told less', 'tCCmCC', '--A-'],
    ['stays quiet about a warning that a report told', 'mLLLL', '----'],
    ['opens one with a thread when only the command line was told', 'kCC', '-!'],
    ['opens one with a thread while only the command line is being told', 'rCC', '-!'],
    ['closes one without a thread', 'k............', '-----------x'],
    ['closes the incident that a person opened', 'i............', '-----------x'],
    ['never closes an incident that is being triaged', 't.............', '-------------'],
    ['closes as soon as that triage is over', 't.............c.', '-------------x'],
  ])('%s', (_title, looks, expected) => {
    expect(watch(looks)).toBe(expected);
  });

  it('never tells twice unless it worsened or the incident was closed, and never has two incidents open', () => {
    const letters = fc.stringMatching(/^[CLw.?]{0,80}$/);
    fc.assert(
      fc.property(letters, (looks) => {
        const told = watch(looks);
        for (const [, first, second] of told.matchAll(/(?=([!oAa])-*([!oAa]))/g)) {
          expect(`${first}${second}`).toBe('oA');
        }
        expect(told).not.toMatch(/[!o][^x]*[!o]/);
        for (const close of told.matchAll(/x/g)) {
          const healthy = looks.slice(0, close.index + 1).replaceAll('?', '');
          expect(healthy.endsWith('.'.repeat(UNTIL_CLOSED))).toBe(true);
        }
      }),
    );
  });
});
