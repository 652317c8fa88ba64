import { afterEach, beforeEach, expect, it } from 'vitest';
import { type LookContext, type LookTarget, lookTwice } from '../../src/adapters/transports/look-twice.ts';
import type { Transport } from '../../src/adapters/transports/transport.ts';
import { describeBreak } from '../../src/analysis/broken-off.ts';
import { Snapshot } from '../../src/analysis/snapshot.ts';
import type { Outcome } from '../../src/errors.ts';
import { anyPython } from '../support/pythons.ts';
import { startTarget, type Target } from './target.ts';

const python = anyPython().path;
let target: Target;
let subject: LookTarget;
let context: LookContext;

beforeEach(async () => {
  target = await startTarget(python, 'retry_queue.py');
  ({ target: subject, context } = await target.lookTarget());
});
afterEach(() => target.end());

/** The way to the probe; the target is killed so long after the `nth` request of this verb, which takes longer. */
function killedDuring(verb: string, { nth = 1, afterMs = 50 } = {}): Transport {
  const { transport } = context;
  if (transport === null) throw new Error('no probe');
  let asked = 0;
  return {
    name: transport.name,
    ask: async (request, deadlineMs, signal) => {
      const reply = transport.ask(request, deadlineMs, signal);
      if (request.verb === verb && ++asked === nth) setTimeout(() => target.process.kill('SIGKILL'), afterMs);
      return await reply;
    },
  };
}

function seen(outcome: Outcome<Snapshot>): Snapshot {
  if (outcome.outcome !== 'ok') throw new Error(outcome.why);
  expect(Snapshot.parse(outcome.value)).toEqual(outcome.value);
  return outcome.value;
}

function why({ brokenOff }: Snapshot): string {
  return brokenOff === undefined ? '' : describeBreak(brokenOff);
}

const QUEUE = expect.arrayContaining([expect.objectContaining({ path: 'app.retries.QUEUE', type: 'list' })]);

it('a target that is killed between the looks leaves what the first one saw, and it is said why no more', async () => {
  const keep = async ({ brokenOff }: Snapshot) => {
    if (brokenOff?.rung === 'first-look') setTimeout(() => target.process.kill('SIGKILL'), 100);
  };
  const snapshot = seen(await lookTwice(subject, { ...context, keep }));
  expect(snapshot).toMatchObject({ windowSeconds: 0, rssDeltaBytes: null, containers: QUEUE });
  expect(snapshot.types?.length).toBeGreaterThan(5);
  expect(snapshot.layers.map(({ layer }) => layer)).toContain('python-objects');
  expect(snapshot.brokenOff?.rung).toBe('first-look');
  expect(why(snapshot)).toMatch(
    /broke off: .*s into it, process \d+ has ended.*seen before \(up to .*s\), missing is what grew/,
  );
});

it('one that is killed while its probe works is still known from outside', async () => {
  const snapshot = seen(await lookTwice(subject, { ...context, transport: killedDuring('census', { afterMs: 0 }) }));
  expect(snapshot.rssBytes).toBeGreaterThan(5_000_000);
  expect(snapshot.brokenOff?.rung).toBe('outside');
  expect(why(snapshot)).toContain('missing is the inside of the process');
});

it('one that is killed in the tracing window leaves what grew, without the lines', async () => {
  const snapshot = seen(await lookTwice(subject, { ...context, transport: killedDuring('window') }));
  expect(snapshot.containers?.[0]).toMatchObject({ path: 'app.retries.QUEUE' });
  expect(snapshot.containers?.[0]?.lengthDiff).toBeGreaterThan(20);
  expect(snapshot.brokenOff?.rung).toBe('second-look');
  expect(snapshot.sites).toBeNull();
});

it.each([
  ['first', 1, 'first-look'],
  ['second', 2, 'second-look'],
] as const)(
  'one that is killed while its %s forked child reads leaves what was seen before the fork',
  async (...row) => {
    const [, nth, rung] = row;
    const looking = lookTwice(subject, { ...context, fork: true, transport: killedDuring('child', { nth }) });
    const snapshot = seen(await looking);
    expect(snapshot).toMatchObject({ containers: QUEUE, brokenOff: { rung } });
  },
);

it('no rung begins before what was seen is stored, and a store that fails holds nobody up', async () => {
  const events: string[] = [];
  const { transport } = context;
  if (transport === null) throw new Error('no probe');
  const told: Transport = {
    name: transport.name,
    ask: async (request, deadlineMs, signal) => {
      events.push(request.verb);
      return await transport.ask(request, deadlineMs, signal);
    },
  };
  const keep = async ({ brokenOff }: Snapshot): Promise<void> => {
    events.push(`storing ${brokenOff?.rung}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
    events.push('stored');
    throw new Error('Redis is away');
  };
  const snapshot = seen(await lookTwice(subject, { ...context, transport: told, fork: true, keep }));
  expect(snapshot.brokenOff).toBeUndefined();
  const look = ['ping', 'layers', 'runtime', 'types', 'census'];
  const stored = (rung: string) => [`storing ${rung}`, 'stored'];
  expect(events).toEqual([
    ...stored('outside'),
    ...look,
    ...stored('first-look'),
    'child',
    ...stored('first-child'),
    ...look,
    ...stored('second-look'),
    'child',
    ...stored('second-child'),
    'window',
  ]);
});

it('a store that never answers is waited for a moment only', async () => {
  const keep = () => new Promise<void>(() => {});
  const looking = lookTwice(subject, { ...context, transport: null, windowSeconds: 0.1, keep });
  expect(seen(await looking).brokenOff).toBeUndefined();
});

it('a probe that falls silent after the first look leaves what that one saw inside', async () => {
  const keep = async ({ brokenOff }: Snapshot) => {
    if (brokenOff?.rung === 'first-look') target.process.kill('SIGSTOP');
  };
  const snapshot = seen(await lookTwice(subject, { ...context, windowSeconds: 0.2, keep }));
  expect(snapshot.brokenOff).toBeUndefined();
  expect(snapshot).toMatchObject({ containers: QUEUE, rssDeltaBytes: expect.any(Number) });
  expect(snapshot.notes.join(' ')).toMatch(/did not answer within 2 s.*as the first look saw them/);
});

it('a look that is stopped ends at once, with what it has seen', async () => {
  const began = Date.now();
  const stop = AbortSignal.timeout(1500);
  const snapshot = seen(await lookTwice(subject, { ...context, windowSeconds: 60, signal: stop }));
  expect(Date.now() - began).toBeLessThan(6000);
  expect(why(snapshot)).toContain('the look was stopped');
});
