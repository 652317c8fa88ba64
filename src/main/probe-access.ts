import { existsSync } from 'node:fs';
import { readMemoryCgroup, readOomKills } from '../adapters/procfs/cgroup.ts';
import { lookFromOutside } from '../adapters/procfs/layers.ts';
import { readOwner } from '../adapters/procfs/process.ts';
import { attachProbe } from '../adapters/transports/attach.ts';
import { lookInside } from '../adapters/transports/look-inside.ts';
import { lookTwice } from '../adapters/transports/look-twice.ts';
import { parseResult } from '../adapters/transports/transport.ts';
import { unixSocketTransport } from '../adapters/transports/unix-socket.ts';
import { ProbeIdentity } from '../analysis/look.ts';
import { toCensus } from '../analysis/sibling-diff.ts';
import type { Snapshot } from '../analysis/snapshot.ts';
import type { Target } from '../collector/choose-target.ts';
import { inconclusive, ok } from '../errors.ts';
import { formatDuration } from '../units.ts';
import type { CollectorOptions } from './collector.ts';
import { probePath } from './probe-path.ts';

/** A ping is answered in under a millisecond; a garbage collection of a large heap holds it up for 0.2 s. */
const PING_MS = 1000;

/** How the collector reaches processes of this machine: /proc from outside, the socket of their probe inside. */
export const probeAccess: CollectorOptions['probe'] = {
  async ping(socketPath, { signal }) {
    const transport = unixSocketTransport(socketPath);
    const reply = await transport.ask({ verb: 'ping' }, PING_MS, signal);
    if (reply.outcome !== 'ok') return reply.failure;
    const identity = parseResult(ProbeIdentity, reply.result, transport.name);
    if (identity.outcome !== 'ok') return identity;
    return ok({ release: identity.value.release, python: identity.value.python });
  },
  async lookTwice(target, { windowSeconds, attachIn, fork, sibling, healthy, keep, signal }) {
    const { socketPath, notes } = await reach(target, attachIn, signal);
    const withNotes = (snapshot: Snapshot): Snapshot => ({ ...snapshot, notes: [...notes, ...snapshot.notes] });
    const cgroup = readMemoryCgroup(target.pid);
    const outcome = await lookTwice(target, {
      transport: socketPath === null ? null : unixSocketTransport(socketPath),
      sibling: toSibling(sibling),
      healthy: healthy ?? null,
      lookOutside: (process) => lookFromOutside(process),
      fork,
      windowSeconds,
      keep: async (partial) => await keep?.(withNotes(partial)),
      readOomKills: () => (cgroup === null ? null : readOomKills(cgroup)),
      signal,
    });
    return outcome.outcome === 'ok' ? ok(withNotes(outcome.value)) : outcome;
  },
  async takeCensus({ pid, startTicks, socketPath, instance, release }, signal) {
    if (socketPath === null) return inconclusive('operator', `${instance} has no probe`, 'load it with the service');
    const seen = await lookInside(unixSocketTransport(socketPath), { pid, startTicks }, null, { fork: false, signal });
    if (seen.outcome !== 'ok') return seen;
    const census = toCensus(instance, seen.value, Date.now());
    if (census === null) return inconclusive('upstream', seen.value.notes.join(' '), 'set the baseline again');
    return ok({ release: release ?? seen.value.identity.release, census });
  },
};

function toSibling(target: Target | null) {
  if (target === null || target.socketPath === null) return null;
  return { target, transport: unixSocketTransport(target.socketPath) };
}

type Reached = { socketPath: string | null; notes: readonly string[] };

/** The way to the probe. A process without one gets it where `attachIn` names a directory; what came of it is a note. */
async function reach(target: Target, attachIn: string | null, signal: AbortSignal): Promise<Reached> {
  const { socketPath } = target;
  if (attachIn === null || (socketPath !== null && existsSync(socketPath))) return { socketPath, notes: [] };
  const owner = readOwner(target.pid);
  if (owner === null) return { socketPath: null, notes: [] };
  const attaching = { ...target, owner };
  const attached = await attachProbe(attaching, {
    probeDirectory: probePath(),
    socketDirectory: attachIn,
    signal,
  });
  if (attached.outcome !== 'ok')
    return { socketPath: null, notes: [`${attached.why}. To mend it, ${attached.tryThis}.`] };
  const { stoppedSeconds } = attached.value;
  const how =
    stoppedSeconds > 0 ? `whose main thread was held for ${formatDuration(stoppedSeconds)}` : 'without a stop';
  const note = `the probe was attached to the running process, ${how}; it stays there until the process ends.`;
  return { socketPath: attached.value.socketPath, notes: [note] };
}
