import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  advance,
  type OpenIncident,
  type Sign,
  type WatchAction,
  type WatchPace,
  type WatchState,
} from '../../src/watch/hysteresis.ts';

const LEAK = ['leak', 'slow-leak', 'suspect'] as const;
/** `C` over the critical budget, `L` leak, `f` fast leak, `F` both, `O` that and over the warning budget, `l` slow leak, and so on. */
const SIGNS: Readonly<Record<string, readonly Sign[] | null>> = {
  C: ['critical', 'warning'],
  L: LEAK,
  O: [...LEAK, 'warning'],
  F: ['leak', 'fast-leak', 'slow-leak', 'suspect'],
  f: ['fast-leak', 'slow-leak', 'suspect'],
  l: ['slow-leak', 'suspect'],
  w: ['warning'],
  s: ['suspect'],
  '.': [],
  '?': null,
};
const PACE: WatchPace = {
  critical: 2,
  leak: 4,
  'fast-leak': 3,
  'slow-leak': 4,
  warning: 2,
  suspect: 6,
  calm: 6,
  closed: 12,
};

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
  /** Which release runs can't be told, and can again. */
  n: () => ({ release: null }),
  v: () => ({ release: 'v1' }),
} satisfies Readonly<Record<string, () => { open?: OpenIncident | null; release?: string | null }>>;

/**
 * One letter a look: `-` nothing, `!` opened as critical, `o` opened as a warning, `A` and `a` looked into again, `x`
 * closed. What is opened or looked into is reported at once with that verdict.
 */
function watch(looks: string): string {
  let state: WatchState | null = null;
  let world: { open: OpenIncident | null; release: string | null } = { open: null, release: 'v1' };
  let told = '';
  for (const [index, letter] of looks.split('').entries()) {
    const event = Object.entries(EVENTS).find(([name]) => name === letter)?.[1];
    if (event !== undefined) {
      world = { ...world, ...event() };
      continue;
    }
    const look = { atMs: index, signs: SIGNS[letter] ?? null, release: world.release };
    const { next, action } = advance(state, look, world.open, PACE);
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
    ['opens when a leak lasts', '.LLLL', '----!'],
    ['opens as a warning when a slow leak lasts', 'llll', '---o'],
    ['opens earlier as a warning when a leak is fast', 'fff', '--o'],
    ['opens at once as critical when a fast leak burns for long', 'ffF', '--!'],
    ['counts a fast leak as a slow one too', 'flff', '---o'],
    ['opens as a warning at the second look over the warning budget', 'ww', '-o'],
    ['is not moved by single looks', 'C.C.C.w.L.', '----------'],
    ['opens as a warning when a suspicion lasts', 'ssssss', '-----o'],
    ['takes a look back for each that did not see it', 'sssss.sss...', '-------o----'],
    ['forgets a suspicion that ends', 'sssss.....sssss.', '----------------'],
    ['is not moved by what comes and goes', 's.s.s.s.s.s.s.s.s.s.', '--------------------'],
    ['tells nothing of what a look no longer sees', 'tLLLLi.....', '---------'],
    ['counts anew for another release', 'LLLdLLLL', '------!'],
    ['counts on when the release is not known for a look', 'LLnLvL', '---!'],
    ['does not take what is not known for another release of a case that is open', 'CC......nCCvC', '-!---------'],
    ['counts worse looks for the lesser sign', 'sLslsL', '-----o'],
    ['counts a leak as a slow one too', 'LlLl', '---o'],
    ['opens over the warning budget though it leaks, and looks again when the leak lasts', 'OOOO', '-o-A'],
    ['neither counts nor forgets a look that could not tell', 'C?C', '--!'],
    ['tells the same trouble once', 'CCCCCCCCwwwwwwCC', '-!--------------'],
    ['looks again when a warning becomes critical', 'llllCCCC', '---o-A--'],
    ['does not tell when critical becomes a warning', 'CCwwwwwwwwll', '-!----------'],
    ['closes after a full healthy window', 'CC............', '-!-----------x'],
    ['waits for the whole window anew after one bad look', 'CC...........C............', '-!-----------------------x'],
    ['joins what comes back while the incident is open', 'CC......CC', '-!--------'],
    ['opens again when it comes back after the close', 'CC............CC', '-!-----------x-!'],
    ['looks again when another release has it while the incident is open', 'CC......dCC', '-!-------A'],
    ['stays quiet about another release that has it without a calm moment', 'CCdCC', '-!--'],
    ['stays quiet when a person closed it and it goes on', 'CCxCCCC', '-!----'],
    ['stays quiet when it flickers after a person closed it', 'CCx...CC', '-!-----'],
    ['opens again after a person closed it, when it was healthy in between', 'CCx......CC', '-!-------!'],
    ['tells when it worsened after a person closed it', 'wwxCC', '-o-!'],
    ['waits for the triage that a person started', 'tCCCC', '----'],
    ['stays quiet when that report tells the same', 'tCCcCCCC', '------'],
    ['looks again when that report could not tell', 'tCCiCC', '--A-'],
    ['looks again when that report told less', 'tCCmCC', '--A-'],
    ['stays quiet about a warning that a report told', 'mllll', '----'],
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
    const letters = fc.stringMatching(/^[CLOFflws.?]{0,80}$/);
    fc.assert(
      fc.property(letters, (looks) => {
        const told = watch(looks);
        for (const [, first, second] of told.matchAll(/(?=([!oAa])-*([!oAa]))/g)) {
          expect(`${first}${second}`).toBe('oA');
        }
        expect(told).not.toMatch(/[!o][^x]*[!o]/);
        for (const close of told.matchAll(/x/g)) {
          const healthy = looks.slice(0, close.index + 1).replaceAll('?', '');
          expect(healthy.endsWith('.'.repeat(PACE.closed))).toBe(true);
        }
      }),
    );
  });
});
