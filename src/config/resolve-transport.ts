import { resolve } from 'node:path';
import type { TransportSettings } from './config.ts';
import type { ServiceSection, TransportSection } from './schema.ts';

/** On the far side of a transport the path stays as it is written. */
export function toSockets({ sockets, transport }: ServiceSection, directory: string): string | null {
  if (sockets === undefined) return null;
  return transport === undefined ? resolve(directory, sockets) : sockets;
}

export function toTransport(section: TransportSection | undefined): TransportSettings | null {
  const { docker, kubectl, ssh } = section ?? {};
  if (docker !== undefined) return { kind: 'docker', ...docker };
  if (kubectl !== undefined)
    return { kind: 'kubectl', ...kubectl, container: kubectl.container ?? null, context: kubectl.context ?? null };
  if (ssh === undefined) return null;
  const { host, user = null, port = null, identity = null } = ssh;
  return { kind: 'ssh', host, user, port, identity };
}
