import type { Incident } from '../../src/incident/incident.ts';
import type { Progress, Report } from '../../src/report/report.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export function anIncident(changes: Partial<Incident> = {}): Incident {
  return {
    schema: 1,
    id: 'M-12',
    service: 'checkout',
    site: 'local',
    symptom: 'asked',
    state: 'triaging',
    openedAt: '2026-11-22T09:59:00Z',
    openedBy: 'U0ALICE',
    channelId: 'C0PAY',
    ...changes,
  };
}

export function aProgress(changes: Partial<Progress> = {}): Progress {
  return {
    incident: 'M-12',
    service: 'checkout',
    steps: [
      { step: 'capture', state: 'ok', note: 'RSS 2.40 GiB, +164 MiB/h' },
      { step: 'compare', state: 'running', note: '' },
      { step: 'snapshot', state: 'waiting', note: '' },
      { step: 'evaluate', state: 'waiting', note: '' },
    ],
    ...changes,
  };
}

/** A leak that began with v812: everything was measured. */
export function aReport(changes: Partial<Report> = {}): Report {
  return {
    schema: 1,
    incident: 'M-12',
    service: 'checkout',
    site: 'local',
    generatedAt: '2026-11-22T10:00:00Z',
    verdict: 'critical',
    recommendation: {
      action: 'rollback',
      from: 'v812',
      to: 'v811',
      confidence: 'high',
      reasons: [
        'growth began 12 min after v812',
        '3 of 3 instances grow',
        'traffic is flat',
        'v811 was healthy for 6 d',
      ],
      wouldChange: ['the same growth in v811', 'a traffic increase at the same time'],
    },
    rss: {
      bytes: 2.4 * GIB,
      limitBytes: 3 * GIB,
      instances: [
        { instance: '4711.99', bytes: 2.4 * GIB, release: 'v812', startedAt: '2026-11-22T04:00:00Z' },
        { instance: '4712.99', bytes: 2.1 * GIB, release: 'v812', startedAt: null },
      ],
    },
    growth: { bytesPerHour: 164 * MIB, low: 150 * MIB, high: 178 * MIB, windowSeconds: 21_600, samples: 1440 },
    timeToLimitSeconds: { estimate: 13_500, low: 12_000, high: 15_000 },
    baseline: { bytes: 0.8 * GIB, release: 'v811', recordedAt: '2026-11-16T10:00:00Z', deltaRatio: 2 },
    onset: { at: '2026-11-22T04:12:00Z', release: 'v812', afterDeploySeconds: 720 },
    oomKills: { count: 2, windowSeconds: 3600 },
    snapshot: {
      instance: '4711.99',
      release: 'v812',
      takenAt: '2026-11-22T09:59:40Z',
      windowSeconds: 10,
      rssBytes: 2.4 * GIB,
      rssDeltaBytes: 0.5 * MIB,
      longestPauseSeconds: 0.012,
      cost: {
        stopSeconds: 0.012,
        cpuSeconds: 0.024,
        addedBytes: 0.4 * MIB,
        longestStallSeconds: 0.014,
        childBytes: null,
      },
      layers: [{ layer: 'python-objects', bytes: 2 * GIB, deltaBytes: 0.4 * MIB }],
      sites: [
        {
          file: 'app/retries.py',
          line: 12,
          sizeDiffBytes: 400_000,
          countDiff: 120,
          traceback: ['app/server.py:40 pay'],
        },
      ],
      containers: [
        {
          path: 'app.retries.QUEUE',
          type: 'list',
          length: 12_345,
          lengthDiff: 120,
          growthPerMinute: 720,
          bytesPerEntry: 4096,
          explainsRatio: 0.93,
          oldestKept: true,
          callableRatio: 0,
          cyclicRatio: 0,
          maxLength: null,
        },
      ],
      types: [{ type: 'dict', count: 40_000, countDiff: 240 }],
      gc: {
        enabled: true,
        thresholds: [700, 10, 10],
        collections: [12, 1, 0],
        longestPauseSeconds: 0.004,
        uncollectable: 0,
        allocationsPerSecond: 900,
      },
      process: {
        python: '3.12.1',
        threads: 9,
        openFiles: 40,
        minorFaultsPerSecond: 12,
        majorFaultsPerSecond: 0,
        memoryPressureRatio: 0,
      },
      sibling: null,
      notes: [],
    },
    pattern: {
      name: 'accumulated-results',
      confidence: 'high',
      evidence: ['app.retries.QUEUE keeps its oldest entries'],
      counterEvidence: [],
      fix: 'Bound the queue, or drop payloads after the last retry.',
    },
    steps: [
      { step: 'capture', outcome: 'ok', seconds: 0.2, note: 'RSS 2.40 GiB, +164 MiB/h' },
      { step: 'compare', outcome: 'ok', seconds: 0.1, note: '3.0 times the baseline' },
      { step: 'snapshot', outcome: 'ok', seconds: 12, note: 'two looks 10 s apart' },
      { step: 'evaluate', outcome: 'ok', seconds: 0.01, note: 'accumulated-results' },
    ],
    data: { source: 'prometheus', ageSeconds: 40 },
    checks: [
      {
        title: 'Queue depth',
        text: 'retry_queue_depth = 12345, expected below 100',
        links: ['https://grafana.example.com/d/1'],
      },
    ],
    ...changes,
  };
}
