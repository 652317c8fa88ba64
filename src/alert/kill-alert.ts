import type { Alert } from './alert.ts';

/** A process that the collector saw end while its cgroup's `oom_kill` rose. `at`: epoch seconds. */
export function toKillAlert(service: string, { at, instance }: { at: number; instance: string }): Alert {
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
    labels: { instance },
  };
}
