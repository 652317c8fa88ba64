import type { FarSide } from './far-side.ts';

/** `identity`: file of a key that may do nothing but the forced command. Null: ssh's own choice. */
export type SshTarget = { host: string; user: string | null; port: number | null; identity: string | null };

/** The host asks for no password, must be known, and neither forwards anything nor opens a terminal. */
const CAREFUL = ['BatchMode=yes', 'StrictHostKeyChecking=yes', 'ConnectTimeout=5', 'ClearAllForwardings=yes'];

/** To a host whose `authorized_keys` forces the relay's command: nothing is sent that could be another one. */
export function sshFarSide({ host, user, port, identity }: SshTarget): FarSide {
  const options = CAREFUL.flatMap((option) => ['-o', option]);
  const who = [
    ...(user === null ? [] : ['-l', user]),
    ...(port === null ? [] : ['-p', String(port)]),
    ...(identity === null ? [] : ['-i', identity, '-o', 'IdentitiesOnly=yes']),
  ];
  return { name: `ssh ${host}`, argv: ['ssh', '-T', '-q', ...options, ...who, '--', host] };
}
