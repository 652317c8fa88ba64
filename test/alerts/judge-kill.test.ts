import { describe, expect, it } from 'vitest';
import type { AlertSource } from '../../src/alert/alert.ts';
import { judgeKill, type KillEvidence } from '../../src/alert/judge-kill.ts';
import { toChildKillAlert } from '../../src/alert/kill-alert.ts';
import { joinDeploys } from '../../src/analysis/known-deploys.ts';
import type { Occurrence } from '../../src/incident/alert-tally.ts';
import { countOccurrence } from '../../src/incident/count-alerts.ts';

const NOW = Date.parse('2026-11-22T03:00:00Z') / 1000;

/** Seconds before now. */
function life(
  startedAgo: number,
  endedAgo: number | null,
  endReason: KillEvidence['lives'][number]['endReason'] = null,
) {
  return { startedAt: NOW - startedAgo, endedAt: endedAgo === null ? null : NOW - endedAgo, endReason };
}

const steady = [life(86_400, null)];

type Row = [
  string,
  { labels?: Record<string, string>; ago?: number; source?: AlertSource },
  Partial<KillEvidence>,
  string | null,
];

describe('an alert of an OOM kill', () => {
  it.each<Row>([
    ['with nothing known beside it is one', {}, {}, null],
    [
      'of our collector is one, whatever else happened',
      { source: 'collector' },
      { lives: steady, deploys: [{ release: 'v2', at: NOW }] },
      null,
    ],
    [
      'that the kubelet calls OOMKilled is one, though a deploy went out',
      { labels: { reason: 'OOMKilled' } },
      { deploys: [{ release: 'v2', at: NOW - 60 }] },
      null,
    ],
    [
      'that a process of the service died of is one, though a deploy went out',
      {},
      { lives: [life(9000, 70, 'oom')], deploys: [{ release: 'v2', at: NOW - 60 }] },
      null,
    ],
    ['whose process is alive, told at once, is one: the sampler may come later', {}, { lives: steady }, null],
    ['whose process ended for no reason that is known is one', {}, { lives: [life(9000, 70, 'restart')] }, null],
    [
      'with the reason Evicted is a pod that was moved',
      { labels: { reason: 'Evicted' } },
      {},
      'moved off its node (Evicted)',
    ],
    [
      'with the reason Error is an exit',
      { labels: { reason: 'Error', exit_code: '137' } },
      {},
      'exit code 137 alone is any SIGKILL',
    ],
    [
      'beside a deploy that a pipeline told of is that restart',
      {},
      { deploys: [{ release: 'v2', at: NOW - 300 }] },
      'the deploy of v2 explains this restart',
    ],
    ['an hour after a deploy is one', {}, { deploys: [{ release: 'v2', at: NOW - 3600 }] }, null],
    [
      'whose process a newer release replaced is that restart',
      {},
      { lives: [life(9000, 70, 'deploy')] },
      'a newer release took the place',
    ],
    ['whose worker its master replaced is that', {}, { lives: [life(9000, 70, 'recycle')] }, 'its own master replaced'],
    [
      'of hours ago, when every process lived on, is an old reason',
      { labels: { reason: 'OOMKilled' }, ago: 7200 },
      { lives: steady },
      'an old reason that is still shown',
    ],
    [
      'of hours ago, when a process ended, is one told late',
      { labels: { reason: 'OOMKilled' }, ago: 7200 },
      { lives: [life(9000, 7210, 'restart')] },
      null,
    ],
    [
      'of hours ago, when nobody watched, is one told late',
      { labels: { reason: 'OOMKilled' }, ago: 7200 },
      { lives: [life(60, null)] },
      null,
    ],
    [
      'whose rule names the second of an old end, which nobody saw, is an old reason',
      { labels: { killed_at: String(NOW - 5000) } },
      { lives: steady },
      'an old reason',
    ],
  ])('%s', (_, { labels = {}, ago = 60, source = 'Alertmanager' }, evidence, why) => {
    const alert = { source, labels, startsAt: new Date((NOW - ago) * 1000).toISOString() };
    const verdict = judgeKill(alert, NOW * 1000, { lives: [], deploys: [], ...evidence });
    expect(verdict).toEqual(why === null ? { kind: 'kill' } : { kind: 'no-kill', why: expect.stringContaining(why) });
  });

  it('about a child that the collector saw killed joins what is known of it, and is no kill of the service', () => {
    const at = new Date((NOW - 60) * 1000).toISOString();
    const { name, summary, kind } = toChildKillAlert('checkout', NOW - 60);
    const child: Occurrence = {
      key: 'a',
      fingerprint: null,
      source: 'collector',
      kind,
      name,
      summary,
      instance: null,
      startsAt: at,
    };
    const alert: Occurrence = {
      ...child,
      key: 'b',
      source: 'Alertmanager',
      kind: 'oom',
      name: 'PodOOMKilled',
      fingerprint: 'f',
    };
    const options = { nowMs: NOW * 1000, isOver: false };
    const tally = countOccurrence(countOccurrence(null, child, options), alert, options);
    expect(tally).toMatchObject({ kills: null, others: { count: 1 } });
    expect(tally.timeline).toMatchObject([{ sources: ['collector', 'Alertmanager'] }]);
  });
});

describe('deploys that a pipeline told of', () => {
  it('stand beside those that processes showed; told and seen is one, at the time of its first process', () => {
    const seen = [{ release: 'v2', at: 1000 }];
    const told = [
      { release: 'v2', at: 900 },
      { release: 'v3', at: 5000 },
      { release: 'v2', at: 90_000 },
    ];
    expect(joinDeploys(seen, told)).toEqual([
      { release: 'v2', at: 1000 },
      { release: 'v3', at: 5000 },
      { release: 'v2', at: 90_000 },
    ]);
  });
});
