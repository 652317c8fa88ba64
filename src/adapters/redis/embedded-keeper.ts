/**
 * Starts the embedded server in such a way that the kernel alone keeps three promises, whoever dies and however:
 * - never two servers on one directory: the server itself holds an exclusive flock on `lock` as long as it lives;
 * - it outlives the role that started it: keeper and server are in a session of their own;
 * - it ends with the last role: every role holds the fifo `lease` open, `cat` reads it and ends when nobody does,
 *   and the server gets SIGTERM with the death of `cat` (PDEATHSIG), its parent.
 * So no process polls, none has to be told, and SIGKILL of roles or keeper leaves nothing behind.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { CommandError, EXIT_UNAVAILABLE } from '../../errors.ts';

const run = promisify(execFile);

/** Exit status of the starter: another server, or one that is just ending, holds the directory. */
export const DIRECTORY_TAKEN = 75;
export const TOOLS_MISSING = 69;

// `env -i`: the tokens in a role's environment are none of theirs. After `exec` the process that was the shell is the server's parent still: PDEATHSIG follows the process.
const KEEPER = `
command -v flock >/dev/null && command -v setpriv >/dev/null || exit ${TOOLS_MISSING}
exec 9>lock || exit 73
flock -n 9 || exit ${DIRECTORY_TAKEN}
setpriv --pdeathsig TERM env -i PATH="$PATH" redis-server "$@" >redis.log 2>&1 </dev/null &
exec 9>&-
exec env -i PATH="$PATH" cat lease >/dev/null
`;

const SERVER = {
  '--port': '0',
  '--unixsocket': 's',
  '--unixsocketperm': '700',
  '--dir': '.',
  '--appendonly': 'yes',
  '--appendfsync': 'everysec',
  '--save': '',
  '--maxmemory-policy': 'noeviction',
  '--daemonize': 'no',
};

/** Its exit code tells why it could not start; while it runs it is the keeper. `lease` must be held open already. */
export function startKeeper(directory: string): ChildProcess {
  const args = ['-c', KEEPER, 'memtriage-redis', ...Object.entries(SERVER).flat()];
  const keeper = spawn('sh', args, { cwd: directory, detached: true, stdio: 'ignore' });
  keeper.on('error', () => {});
  keeper.unref();
  return keeper;
}

/** Whether no living server holds the directory. */
export async function isDirectoryFree(directory: string): Promise<boolean> {
  return run('flock', ['-n', 'lock', 'true'], { cwd: directory, timeout: 5000 }).then(
    () => true,
    () => false,
  );
}

/** The fifo that roles hold open; made once. */
export async function makeFifo(path: string): Promise<void> {
  await run('mkfifo', ['-m', '600', path], { timeout: 5000 });
}

/** Throws a CommandError (69) with the line to type when this machine has no redis-server. */
export async function requireRedisServer(): Promise<void> {
  await run('redis-server', ['--version'], { timeout: 5000 }).catch((error: unknown) => {
    throw new CommandError(
      EXIT_UNAVAILABLE,
      'this machine has no redis-server, and REDIS_URL names none elsewhere',
      'Install it: `sudo apt-get install -y redis-server` (Debian, Ubuntu) or `brew install redis` (Homebrew); or set REDIS_URL.',
      { cause: error },
    );
  });
}

/** Throws a CommandError (69): the promises above need Linux and util-linux. */
export function refuseWithoutTools(): never {
  throw new CommandError(
    EXIT_UNAVAILABLE,
    'the embedded Redis needs flock and setpriv of util-linux, which this machine lacks',
    'Set REDIS_URL, or run `docker compose up`.',
  );
}
