/** Looks at processes that are reached through a program: docker, kubectl, ssh. */
import { toOutsideLook } from '../adapters/procfs/layers.ts';
import { dockerFarSide } from '../adapters/transports/docker.ts';
import type { FarSide } from '../adapters/transports/far-side.ts';
import { kubectlFarSide } from '../adapters/transports/kubectl.ts';
import { type LookContext, lookTwice } from '../adapters/transports/look-twice.ts';
import { createRelay, type Relay } from '../adapters/transports/relay.ts';
import { sshFarSide } from '../adapters/transports/ssh.ts';
import type { Snapshot } from '../analysis/snapshot.ts';
import type { TransportSettings } from '../config/config.ts';
import type { Outcome } from '../errors.ts';

export function createFarRelay(
  transport: TransportSettings,
  socketDirectory: string,
  env: Readonly<Record<string, string | undefined>>,
): Relay {
  return createRelay(toFarSide(transport, socketDirectory), env);
}

export type FarOptions = Pick<LookContext, 'windowSeconds' | 'fork' | 'keep' | 'signal'>;

/** Two looks at the largest process there. T0 is what /proc tells there, without cgroups and pressure. */
export async function lookAcross(relay: Relay, options: FarOptions): Promise<Outcome<Snapshot>> {
  const found = await relay.findLargest(options.signal);
  if (found.outcome !== 'ok') return found;
  const { pid, startTicks } = found.value;
  const target = { pid, startTicks, instance: `${relay.name}: ${pid}.${startTicks}`, release: null };
  return await lookTwice(target, {
    transport: relay.probe(pid),
    lookOutside: async () => {
      const texts = await relay.readOutside(pid, options.signal);
      return texts.outcome === 'ok' ? toOutsideLook(target, texts.value) : texts;
    },
    ...options,
  });
}

function toFarSide(transport: TransportSettings, socketDirectory: string): FarSide {
  switch (transport.kind) {
    case 'docker':
      return dockerFarSide(transport, { probeDirectory: transport.probe, socketDirectory });
    case 'kubectl':
      return kubectlFarSide(transport, { probeDirectory: transport.probe, socketDirectory });
    case 'ssh':
      return sshFarSide(transport);
  }
}
