import { type FarSide, type RelayPlace, relayArgv } from './far-side.ts';

export type DockerTarget = { container: string };

/** Into a running container of this machine's Docker, as the container's own user. */
export function dockerFarSide({ container }: DockerTarget, place: RelayPlace): FarSide {
  return { name: `docker exec ${container}`, argv: ['docker', 'exec', '-i', container, ...relayArgv(place)] };
}
