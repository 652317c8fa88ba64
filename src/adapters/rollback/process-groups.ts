/** Process groups of programs that were started for a rollback: found again by their environment, ended as a whole. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** From SIGTERM to SIGKILL. */
const GRACE_MS = 2000;
const LOOK_MS = 50;

/** The process groups of all live processes whose environment holds `variable=value`. Linux; empty where there is no /proc. */
export async function findGroups(variable: string, value: string): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  const wanted = `${variable}=${value}`;
  const groups = new Set<number>();
  for (const pid of names.filter((name) => /^\d+$/.test(name))) {
    const environ = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (!environ.split('\0').includes(wanted)) continue;
    const group = await groupOf(pid);
    if (group !== null) groups.add(group);
  }
  return [...groups];
}

/** Null: gone, or a zombie that only waits to be reaped. */
async function groupOf(pid: string): Promise<number | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // After the name in parentheses, which may hold anything: state, parent, group (proc(5)).
  const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === undefined || state === 'Z' || group === undefined ? null : Number(group);
}

/** SIGTERM to all of the group, SIGKILL to what is left of it after 2 s. Resolves when the group is gone. */
export async function endGroup(group: number): Promise<void> {
  const end = Date.now() + GRACE_MS;
  if (!signalGroup(group, 'SIGTERM')) return;
  while (Date.now() < end) {
    await wait(LOOK_MS);
    if (!signalGroup(group, 0)) return;
  }
  signalGroup(group, 'SIGKILL');
}

function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}
