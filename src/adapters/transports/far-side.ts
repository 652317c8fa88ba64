/** A way to the far side: a program of this machine whose stdin and stdout are those of the relay there. */
export type FarSide = {
  /** For people: `docker exec checkout`. */
  name: string;
  /** Never a shell string. The last words are the relay's, unless the far side chooses them. */
  argv: readonly string[];
};

export type RelayPlace = {
  /** Directory of the probe as the far side sees it. */
  probeDirectory: string;
  /** Directory of the sockets as the far side sees it. */
  socketDirectory: string;
};

/** One read-only command. -I and -S: the relay has no probe of its own, whatever the environment there says. */
export function relayArgv({ probeDirectory, socketDirectory }: RelayPlace): string[] {
  return ['python3', '-I', '-S', '-B', `${probeDirectory}/memtriage_probe/relay.py`, socketDirectory];
}
