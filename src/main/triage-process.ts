import { setTimeout as wait } from 'node:timers/promises';
import { readMemoryCgroup, readMemoryLimit } from '../adapters/procfs/cgroup.ts';
import { type ProcessReading, readProcess, readStartVariable } from '../adapters/procfs/process.ts';
import { DEFAULT_POLICY, type Policy } from '../analysis/policy.ts';
import type { Sample } from '../analysis/series.ts';
import { CommandError, EXIT_UNAVAILABLE, failed, inconclusive, ok } from '../errors.ts';
import type { Incident } from '../incident/incident.ts';
import type { Report } from '../report/report.ts';
import { selectRunbook } from '../runbook/runbook.ts';
import type { IncidentBook, MemorySource, Ports } from '../triage/ports.ts';
import { triage } from '../triage/triage.ts';
import { formatDuration } from '../units.ts';
import { readEnvironment } from './environment.ts';
import { loadRunbooks } from './load-runbooks.ts';
import { createLogger } from './logging.ts';
import { probeAccess } from './probe-access.ts';
import { findSocket, forgetEnded, privateDirectory } from './process-sockets.ts';
import { progressOnTerminal } from './progress-on-terminal.ts';
import type { TriageArguments } from './triage-arguments.ts';

const LOOK_SECONDS = 10;
/** Some hundred samples for the minute, never more than four a second. */
const SAMPLES = 240;
const FASTEST_SECONDS = 0.25;

/** One triage of a process that no configuration knows: nothing is stored, nothing but the process is needed. */
export async function triageProcess(pid: number, asked: TriageArguments, signal: AbortSignal): Promise<Report> {
  const environment = readEnvironment();
  const first = readProcess(pid);
  if (first === null) {
    throw new CommandError(
      EXIT_UNAVAILABLE,
      `there is no process ${pid} that we may see`,
      'Check the number with ps, or use sudo.',
    );
  }
  const incident = toIncident(pid);
  const runbook = selectRunbook(await loadRunbooks(null), { name: incident.service, runbook: null }, 'asked');
  if (runbook === null) throw new Error('the runbooks of memtriage have none for "asked"');
  const logger = createLogger({ level: environment.logLevel, secrets: environment.secrets });
  logger.info({ pid, seconds: asked.watchSeconds }, 'watching the process');
  const samples = await watchProcess(first, asked.watchSeconds, signal);
  return await triage(incident, runbook, {
    ports: await portsOf(first, samples, asked),
    service: {
      name: incident.service,
      site: 'local',
      policy: policyOfWatch(first, asked.watchSeconds),
      snapshotWindowSeconds: LOOK_SECONDS,
    },
    sinceSeconds: asked.sinceSeconds,
    takeSnapshot: asked.takeSnapshot,
    logger,
    signal,
  });
}

/**
 * A process that is past its warm-up may be judged by what the watch shows: its windows shrink with it. A younger one
 * may not, however steadily it grows: start-up looks the same.
 */
function policyOfWatch({ startedAt }: ProcessReading, watchSeconds: number): Policy {
  const isYoung = Date.now() / 1000 - startedAt < DEFAULT_POLICY.warmUpSeconds;
  return isYoung
    ? DEFAULT_POLICY
    : { ...DEFAULT_POLICY, warmUpSeconds: Math.min(DEFAULT_POLICY.warmUpSeconds, watchSeconds / 4) };
}

/** RSS for `seconds`, or until the process ends. Epoch seconds. */
async function watchProcess(first: ProcessReading, seconds: number, signal: AbortSignal): Promise<Sample[]> {
  const everyMs = Math.max(FASTEST_SECONDS, seconds / SAMPLES) * 1000;
  const end = Date.now() + seconds * 1000;
  const samples: Sample[] = [];
  for (let reading: ProcessReading | null = first; reading?.startTicks === first.startTicks; ) {
    samples.push([Date.now() / 1000, reading.rssBytes]);
    if (Date.now() >= end) break;
    await wait(everyMs, undefined, { signal });
    reading = readProcess(first.pid);
  }
  return samples;
}

function toIncident(pid: number): Incident {
  return {
    schema: 1,
    id: 'M-0',
    service: `pid ${pid}`,
    site: 'local',
    symptom: 'asked',
    state: 'triaging',
    openedAt: new Date().toISOString(),
    openedBy: 'command line',
    channelId: null,
  };
}

async function portsOf(
  first: ProcessReading,
  samples: readonly Sample[],
  { attach, fork }: TriageArguments,
): Promise<Ports> {
  const target = await toTarget(first);
  const attachIn = attach ? privateDirectory(first.pid) : null;
  if (attachIn !== null) await forgetEnded(attachIn);
  return {
    now: Date.now,
    incidents: forgetfulBook,
    memory: watchedMemory(first, target, samples),
    baselines: { current: async () => await Promise.resolve(null) },
    snapshots: {
      takeSnapshot: async (_request, signal) =>
        await probeAccess.lookTwice(target, {
          windowSeconds: LOOK_SECONDS,
          attachIn,
          fork,
          sibling: null,
          signal,
        }),
    },
    queries: null,
    thread: progressOnTerminal(process.stderr),
  };
}

type ProcessTarget = Parameters<typeof probeAccess.lookTwice>[0];

/** The probe's socket is where the process was told to put it, or where an earlier triage attached it. */
async function toTarget({ pid, startTicks }: ProcessReading): Promise<ProcessTarget> {
  const instance = `${pid}.${startTicks}`;
  const [directory, release] = await Promise.all([
    readStartVariable(pid, 'MEMTRIAGE_SOCKET_DIR'),
    readStartVariable(pid, 'MEMTRIAGE_RELEASE'),
  ]);
  return {
    pid,
    startTicks,
    instance,
    release,
    socketPath: findSocket(pid, instance, [...(directory === null ? [] : [directory]), privateDirectory(pid)]),
  };
}

function watchedMemory(first: ProcessReading, target: ProcessTarget, samples: readonly Sample[]): MemorySource {
  const cgroup = readMemoryCgroup(first.pid);
  const limitBytes = cgroup === null ? null : readMemoryLimit(cgroup);
  return {
    async readMemory() {
      if (readProcess(first.pid)?.startTicks !== first.startTicks) {
        return await Promise.resolve(
          inconclusive('user', `process ${first.pid} ended while it was watched`, 'Name the process that runs now'),
        );
      }
      if (samples.length === 0) return failed('us', 'no sample was taken', 'Report this');
      const instance = {
        instance: target.instance,
        release: target.release,
        startedAt: first.startedAt,
        endedAt: null,
        endReason: null,
        limitBytes,
        samples,
      };
      const seen = formatDuration((samples.at(-1)?.[0] ?? 0) - (samples[0]?.[0] ?? 0));
      const sourceNote = `seen for ${seen}: slower growth than that can show stays hidden`;
      return ok({ source: 'watch', sourceNote, instances: [instance], limitBytes, oomKillsAt: null, deploys: [] });
    },
  };
}

/** A single run needs no memory of its steps. */
const forgetfulBook: IncidentBook = {
  savedSteps: async () => await Promise.resolve([]),
  saveStep: async () => await Promise.resolve(),
  saveReport: async () => await Promise.resolve(),
};
