import { lookFromOutside } from '../adapters/procfs/layers.ts';
import { lookTwice } from '../adapters/transports/look-twice.ts';
import { parseResult } from '../adapters/transports/transport.ts';
import { unixSocketTransport } from '../adapters/transports/unix-socket.ts';
import { ProbeIdentity } from '../analysis/look.ts';
import { ok } from '../errors.ts';
import type { CollectorOptions } from './collector.ts';

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
  lookTwice: (target, { windowSeconds, signal }) =>
    lookTwice(target, {
      transport: target.socketPath === null ? null : unixSocketTransport(target.socketPath),
      lookOutside: (process) => lookFromOutside(process),
      windowSeconds,
      signal,
    }),
};
