import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AlertTally, type Occurrence } from '../../src/incident/alert-tally.ts';
import { countOccurrence, countResolved, isNewLookDue } from '../../src/incident/count-alerts.ts';
import { mostKills } from '../../src/incident/most-kills.ts';
import { renderAlertReplies } from '../../src/report/slack-alerts.ts';

const START = Date.parse('2026-11-22T10:00:00Z');

let nextKey = 0;

function kill(seconds: number, parts: Partial<Occurrence> = {}): Occurrence {
  nextKey += 1;
  return {
    key: `k${nextKey}`,
    fingerprint: `f${nextKey}`,
    source: 'Alertmanager',
    kind: 'oom',
    name: 'PodOOMKilled',
    summary: '',
    instance: 'pod-1',
    startsAt: new Date(START + seconds * 1000).toISOString(),
    ...parts,
  };
}

function tallyOf(...alerts: readonly Occurrence[]): AlertTally {
  const at = { nowMs: START + 86_400_000, isOver: false };
  const tally = alerts.reduce<AlertTally | null>((before, alert) => countOccurrence(before, alert, at), null);
  if (tally === null) throw new Error('no alert');
  return tally;
}

function toldCounts({ timeline }: AlertTally): number[] {
  return timeline.flatMap(({ isTold, count }) => (isTold ? [count] : []));
}

describe('alerts of one incident', () => {
  it('are counted once each, however often and in whatever order their copies come', () => {
    const alerts = Array.from({ length: 8 }, (_, i) => kill(i * 400));
    fc.assert(
      fc.property(fc.shuffledSubarray([...alerts, ...alerts], { minLength: 16 }), (copies) => {
        const { kills, firing } = tallyOf(...copies);
        expect(kills).toEqual({ count: 8, firstAt: alerts[0]?.startsAt, lastAt: alerts[7]?.startsAt });
        expect(firing).toHaveLength(8);
      }),
    );
  });

  it('come back as the very same object when nothing is new', () => {
    const alert = kill(0);
    const tally = tallyOf(alert);
    expect(countOccurrence(tally, alert, { nowMs: START, isOver: false })).toBe(tally);
    expect(countResolved(tally, kill(0), START)).toBe(tally);
  });

  it('are told at 1, 2, 5, 10 and 25', () => {
    expect(toldCounts(tallyOf(...Array.from({ length: 60 }, (_, i) => kill(i * 10))))).toEqual([1, 2, 5, 10, 25]);
  });

  it('are told in the channel when they come after more than an hour, though they never resolve: as a collector tells of kills', () => {
    const hours = [0, 0.5, 5, 10, 10.5, 15];
    const tally = tallyOf(...hours.map((hour) => kill(hour * 3600, { fingerprint: null, source: 'collector' })));
    expect(toldCounts(tally)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(renderAlertReplies(tally).map(({ isBroadcast }) => isBroadcast)).toEqual([
      false,
      false,
      true,
      true,
      false,
      true,
    ]);
  });

  it('are told when another instance is hit, at most every five minutes', () => {
    const pods = ['pod-1', 'pod-1', 'pod-1', 'pod-2', 'pod-3', 'pod-4'];
    const times = [0, 10, 20, 400, 410, 900];
    expect(toldCounts(tallyOf(...pods.map((instance, i) => kill(times[i] ?? 0, { instance }))))).toEqual([
      1, 2, 4, 5, 6,
    ]);
  });

  it('stay bounded after a thousand kills of a thousand pods', () => {
    const tally = tallyOf(...Array.from({ length: 1000 }, (_, i) => kill(i * 60, { instance: `pod-${i}` })));
    expect(tally.kills?.count).toBe(1000);
    expect(JSON.stringify(tally).length).toBeLessThan(80_000);
    expect(AlertTally.parse(JSON.parse(JSON.stringify(tally)))).toEqual(tally);
  });

  it('of another kind are counted beside the kills', () => {
    const tally = tallyOf(kill(0), kill(10, { kind: 'rss_growth' }), kill(20, { kind: 'custom' }));
    expect([tally.kills?.count, tally.others?.count]).toEqual([1, 2]);
  });

  it('that claim to be of the future, or of no time, happened now', () => {
    const nowMs = START + 1000;
    for (const startsAt of ['2030-01-01T00:00:00Z', '0001-01-01T00:00:00Z', 'yesterday']) {
      const tally = countOccurrence(null, kill(0, { startsAt }), { nowMs, isOver: false });
      expect(tally.kills?.lastAt).toBe(new Date(nowMs).toISOString());
    }
  });
});

describe('one kill that two sources tell of', () => {
  const collector = { source: 'collector', fingerprint: null, instance: '123.4' };

  it('is one kill with two witnesses, whoever comes first', () => {
    for (const alerts of [
      [kill(0, collector), kill(45)],
      [kill(45), kill(0, collector)],
    ]) {
      const { kills, timeline, instances } = tallyOf(...alerts);
      expect([kills?.count, timeline.length, instances.length]).toEqual([1, 1, 1]);
      expect(timeline[0]?.sources.toSorted()).toEqual(['Alertmanager', 'collector']);
    }
  });

  it('is two when they are further apart than three minutes', () => {
    expect(tallyOf(kill(0, collector), kill(181)).kills?.count).toBe(2);
  });

  it('stays one of many: an alert is the witness of a single kill', () => {
    const kills = [0, 30, 60].map((at) => kill(at, { ...collector, instance: `1.${at}` }));
    expect(tallyOf(...kills, kill(70)).kills?.count).toBe(3);
  });
});

describe('an incident whose alerts resolve', () => {
  it('is quiet when the last of them did, and that is told once', () => {
    const [one, other] = [kill(0), kill(400)];
    const half = countResolved(tallyOf(one, other), one, START + 500_000);
    expect([half.quietSince, half.timeline.at(-1)?.event, half.timeline.at(-1)?.isTold]).toEqual([
      null,
      'resolved',
      false,
    ]);
    const quiet = countResolved(half, other, START + 600_000);
    expect(quiet.quietSince).toBe(new Date(START + 600_000).toISOString());
    expect(quiet.timeline.at(-1)).toMatchObject({ event: 'quiet', isTold: true });
  });

  it('goes on when an end comes late, or from another cluster: of what has fired anew since, by the same labels', () => {
    const [first, second] = [kill(0, { fingerprint: 'f' }), kill(400, { fingerprint: 'f' })];
    const ended = (tally: AlertTally, { key }: Occurrence) =>
      countResolved(tally, { ...kill(0, { fingerprint: 'f' }), key: `end of ${key}` }, START + 500_000, key);
    const both = tallyOf(first, second);
    expect(ended(both, first)).toBe(both);
    expect(ended(both, second).quietSince).not.toBeNull();
    // Its start was told otherwise at first: highly available senders agree on the earliest.
    expect(ended(tallyOf(second, first), first).quietSince).not.toBeNull();
    expect(ended(tallyOf(second), first).quietSince).not.toBeNull();
    expect(ended(ended(both, second), first).firing).toEqual([]);
  });

  it('is not quiet any more when another fires, and says so', () => {
    const alert = kill(0);
    const quiet = countResolved(tallyOf(alert), alert, START + 1000);
    const again = countOccurrence(quiet, kill(900), { nowMs: START + 900_000, isOver: true });
    expect(again.quietSince).toBeNull();
    expect(again.timeline.at(-1)).toMatchObject({ event: 'reopened', isTold: true, count: 2 });
  });
});

describe('an alert that comes and goes every five minutes for a day', () => {
  it('is counted each time, and told and looked into some thirty times', () => {
    let tally: AlertTally | null = null;
    const told = new Set<number>();
    let looks = 0;
    for (let seconds = 0; seconds < 86_400; seconds += 300) {
      const alert = kill(seconds, { fingerprint: 'f', kind: 'rss_growth' });
      const isOver = tally !== null && tally.quietSince !== null;
      const after = countOccurrence(tally, alert, { nowMs: START + seconds * 1000, isOver });
      looks += Number(isNewLookDue(tally, after, { isOver, isClosed: false, criticalKills: 2 }));
      tally = countResolved(after, { ...alert, key: `end ${seconds}` }, START + seconds * 1000 + 60_000);
      for (const { id, event, isTold } of tally.timeline) if (isTold && event !== 'quiet') told.add(id);
      // Of what was told, the end is.
      expect(tally.timeline.at(-1)?.isTold).toBe(tally.timeline.at(-2)?.isTold);
    }
    expect(tally?.others?.count).toBe(288);
    expect(told.size).toBeLessThan(32);
    expect(looks).toBeLessThan(32);
    expect(told.size).toBeGreaterThan(24);
  });
});

describe('kills that count for the verdict', () => {
  const at = { nowMs: START + 3_600_000, windowSeconds: 1800 };
  const told = tallyOf(kill(0), kill(2000), kill(3000), kill(3100, { kind: 'rss_growth' }));

  it.each([
    [
      'those of the alerts within the window, where nothing was measured',
      null,
      told,
      { count: 2, windowSeconds: 1800 },
    ],
    ['those of the counters, where they saw more', 5, told, { count: 5, windowSeconds: 1800 }],
    ['those of the alerts, where the counters saw fewer', 0, told, { count: 2, windowSeconds: 1800 }],
    ['those of the counters alone, without alerts', 1, undefined, { count: 1, windowSeconds: 1800 }],
    ['none that is known, without either', null, undefined, null],
  ])('are %s', (_, measured, alerts, expected) => {
    const counted = measured === null ? null : { count: measured, windowSeconds: 1800 };
    expect(mostKills(counted, alerts, at)).toEqual(expected);
  });
});

describe('the runbook is begun anew', () => {
  const at = { isOver: false, isClosed: false, criticalKills: 3 };
  const kills = [0, 400, 800, 1200].map((seconds) => kill(seconds));

  it.each([
    ['at the first kill', null, 1, true],
    ['not at a kill that is neither first nor critical', 1, 2, false],
    ['when the kills become critical', 2, 3, true],
    ['not at kills beyond', 3, 4, false],
    ['not for a copy', 3, 3, false],
  ])('%s', (_, before, after, expected) => {
    const was = before === null ? null : tallyOf(...kills.slice(0, before));
    expect(isNewLookDue(was, tallyOf(...kills.slice(0, after)), at)).toBe(expected);
  });

  it('whenever it had been over', () => {
    const growth = kill(0, { kind: 'rss_growth' });
    const [was, is] = [tallyOf(growth), tallyOf(growth, kill(10, { kind: 'rss_growth' }))];
    expect([isNewLookDue(was, is, at), isNewLookDue(was, is, { ...at, isOver: true })]).toEqual([false, true]);
  });
});
