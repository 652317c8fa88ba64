import { CHILD_KILL } from '../incident/child-kill.ts';
import type { Alert } from './alert.ts';

/** A process that the collector saw end while its cgroup's `oom_kill` rose. `at`: epoch seconds; `node`: its host. */
export function toKillAlert(service: string, { at, instance }: { at: number; instance: string }, node: string): Alert {
  return {
    schema: 1,
    source: 'collector',
    fingerprint: `${service}/${instance}`,
    status: 'firing',
    startsAt: new Date(at * 1000).toISOString(),
    kind: 'oom',
    severity: null,
    service,
    name: 'oom_kill of its cgroup',
    summary: `The kernel's OOM killer took process ${instance.split('.')[0]}`,
    labels: { instance, node },
  };
}

/**
 * The cgroup's `oom_kill` rose and every process that the collector watches lived on: a child of theirs, or a neighbour in
 * the cgroup, was killed. The service goes on, so it pages nobody. `at`: epoch seconds.
 */
export function toChildKillAlert(service: string, at: number): Alert {
  return {
    schema: 1,
    source: 'collector',
    fingerprint: `${service}/child`,
    status: 'firing',
    startsAt: new Date(at * 1000).toISOString(),
    kind: 'custom',
    severity: null,
    service,
    name: CHILD_KILL,
    summary:
      "The kernel's OOM killer took a child process, or a neighbour in the cgroup; every watched process lives on",
    labels: {},
  };
}
