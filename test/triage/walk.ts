import { randomUUID } from 'node:crypto';
import { createIncidentBook, type RedisIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import type { ServiceMemory } from '../../src/analysis/memory.ts';
import { DEFAULT_POLICY } from '../../src/analysis/policy.ts';
import type { Snapshot } from '../../src/analysis/snapshot.ts';
import { type Outcome, ok } from '../../src/errors.ts';
import type { Incident, TriageRequest } from '../../src/incident/incident.ts';
import type { Progress, Report } from '../../src/report/report.ts';
import type { Runbook, RunbookStep } from '../../src/runbook/runbook.ts';
import type { TriageContext } from '../../src/triage/context.ts';
import type { Ports } from '../../src/triage/ports.ts';
import { triage } from '../../src/triage/triage.ts';
import { aReport } from '../slack/reports.ts';
import type { TestRedis } from '../support/redis.ts';

/** 2026-11-22T10:00:00Z, epoch milliseconds: the walk's clock stands still. */
export const NOW_MS = Date.parse('2026-11-22T10:00:00Z');
const MIB = 1024 ** 2;

const why = 'Because.';

export const FOUR_STEPS: Runbook = {
  runbook: 'memory',
  symptoms: ['asked'],
  steps: (['capture', 'compare', 'snapshot', 'evaluate'] as const).map((step) => ({ step, why })),
};

export function runbookOf(...steps: RunbookStep[]): Runbook {
  return { ...FOUR_STEPS, steps };
}

/** The world of a walk: the incident book in Redis, and everything else in memory, counted. */
export type Walk = {
  book: RedisIncidentBook;
  ports: Ports;
  /** What was asked of the ports, in order. */
  asked: string[];
  /** The thread by incident, as an idempotent publisher keeps it, and how often it was published. */
  published: Map<string, Report>;
  publications: number;
  progress: Progress[];
  errors: { fields: object; message: string }[];
  open(request?: Partial<TriageRequest>): Promise<Incident>;
  run(incident: Incident, runbook?: Runbook, changes?: Partial<TriageContext>): Promise<Report>;
};

export function createWalk(redis: TestRedis, changes: Partial<Ports> = {}): Walk {
  const book = createIncidentBook(redis.connect(), `{${randomUUID()}}`, () => NOW_MS);
  const asked: string[] = [];
  const note = (what: string): void => {
    asked.push(what);
  };
  const published: Walk['published'] = new Map();
  const progress: Progress[] = [];
  const errors: Walk['errors'] = [];
  const walk: Walk = {
    book,
    asked,
    published,
    publications: 0,
    progress,
    errors,
    ports: {
      now: () => NOW_MS,
      incidents: {
        savedSteps: (id) => book.savedSteps(id),
        async saveStep(id, result) {
          await book.saveStep(id, result);
          note(`saved ${result.step}`);
        },
        async saveReport(id, report) {
          await book.saveReport(id, report);
          note('saved report');
        },
      },
      memory: {
        async readMemory() {
          note('memory');
          return await Promise.resolve(ok(growing()));
        },
      },
      baselines: { current: async () => await Promise.resolve(null) },
      snapshots: {
        async takeSnapshot({ key, instance }) {
          note(`look ${key} at ${instance}`);
          return await Promise.resolve(ok(aSnapshot()));
        },
      },
      queries: null,
      thread: {
        async showProgress(_incident, shown) {
          progress.push(shown);
          await Promise.resolve();
        },
        async publishReport(incident, report) {
          walk.publications += 1;
          published.set(incident.id, report);
          note('published');
          await Promise.resolve();
        },
      },
      ...changes,
    },
    async open(request = {}) {
      const wanted: TriageRequest = {
        service: 'checkout',
        symptom: 'asked',
        openedBy: 'U0ALICE',
        channelId: 'C0ONCALL',
        sinceSeconds: 86_400,
        takeSnapshot: true,
        ...request,
      };
      return (await book.openOrJoin(wanted, 'local')).incident;
    },
    run: (incident, runbook = FOUR_STEPS, context = {}) =>
      triage(incident, runbook, {
        ports: walk.ports,
        service: { name: 'checkout', site: 'local', policy: DEFAULT_POLICY, snapshotWindowSeconds: 0.1 },
        sinceSeconds: 86_400,
        takeSnapshot: true,
        logger: { error: (fields, message) => errors.push({ fields, message }) },
        signal: new AbortController().signal,
        ...context,
      }),
  };
  return walk;
}

/** Six hours at a minute's pace of one instance that grows by 60 MiB/h from 200 MiB on, with some sawtooth. */
export function growing(): ServiceMemory {
  const start = NOW_MS / 1000 - 6 * 3600;
  return {
    source: 'collector',
    instances: [
      {
        instance: '4711.99',
        release: 'v812',
        startedAt: start,
        endedAt: null,
        endReason: null,
        limitBytes: null,
        samples: Array.from({ length: 360 }, (_, i) => [start + i * 60, (200 + i + (i % 7) / 10) * MIB]),
      },
    ],
    limitBytes: 1024 * MIB,
    oomKillsAt: [],
    deploys: [{ release: 'v812', at: start }],
  };
}

export function aSnapshot(): Snapshot {
  const { snapshot } = aReport();
  if (snapshot === null) throw new Error('the sample report has a snapshot');
  return snapshot;
}

/** Resolves never, whatever the signal does. */
export function never<T>(): Promise<Outcome<T>> {
  return new Promise(() => {});
}
