import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { readProcess } from '../adapters/procfs/process.ts';

/**
 * Who a collector is, as it stands in Redis: host, pid, start of the process, pid namespace, and what tells two in one
 * process apart. The namespace: a pid of another container says nothing about ours.
 */
export function nameCollector(host: string): string {
  const start = readProcess(process.pid)?.startTicks ?? 0;
  return [host, process.pid, start, pidNamespace(), randomUUID()].join('/');
}

/** True only when it is certain: a process of this host and pid namespace that is gone, or whose pid is another's now. */
export function hasEnded(who: string, host: string): boolean {
  const [itsHost, pid, start, namespace] = who.split('/');
  if (itsHost !== host || namespace === undefined || namespace === '' || namespace !== pidNamespace()) return false;
  return readProcess(Number(pid))?.startTicks !== Number(start);
}

/** Empty where the kernel does not tell: then nobody is ever believed to have ended. */
function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
