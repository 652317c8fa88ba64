import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createRelay } from '../../src/adapters/transports/relay.ts';
import { runFar } from '../../src/adapters/transports/run-far.ts';
import type { TransportSettings } from '../../src/config/config.ts';
import { createFarRelay, lookAcross } from '../../src/main/far-access.ts';
import { anyPython } from '../support/pythons.ts';
import { PROBE_DIR, startTarget, type Target } from './target.ts';

const STAND_IN = fileURLToPath(new URL('./programs/stands_for_docker.py', import.meta.url));
const SSHD = '/usr/sbin/sshd';
const [UNSHARE, KEYGEN, PRLIMIT] = ['/usr/bin/unshare', '/usr/bin/ssh-keygen', '/usr/bin/prlimit'] as const;
const canUnshare = spawnSync(UNSHARE, ['--mount', '--', 'true']).status === 0;
const canServeSsh = existsSync(SSHD) && spawnSync('ssh', ['-V']).status === 0 && userInfo().uid === 0;

let home = '';
let target: Target;
let env: Record<string, string>;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'mt-far-'));
  await mkdir(join(home, 'bin'));
  for (const name of ['docker', 'kubectl']) await symlink(STAND_IN, join(home, 'bin', name));
  env = { PATH: `${join(home, 'bin')}:/usr/local/bin:/usr/bin:/bin`, HOME: home };
  target = await startTarget(anyPython().path, 'retry_queue.py');
});

afterAll(async () => {
  await target.end();
  await rm(home, { recursive: true, force: true });
});

async function lookBy(transport: TransportSettings, sockets = target.dir) {
  const signal = AbortSignal.timeout(60_000);
  return await lookAcross(createFarRelay(transport, sockets, env), { windowSeconds: 0.5, fork: false, signal });
}

async function expectLook(transport: TransportSettings): Promise<void> {
  const outcome = await lookBy(transport);
  if (outcome.outcome !== 'ok') throw new Error(`${outcome.why} ${outcome.tryThis}`);
  const { containers, layers, rssBytes, instance, sites } = outcome.value;
  expect(containers?.[0]).toMatchObject({ path: 'app.retries.QUEUE', type: 'list', oldestKept: true });
  expect(layers.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rssBytes);
  expect(instance).toMatch(new RegExp(`: ${target.pid}\\.\\d+$`));
  expect(sites?.[0]?.container).toBe('app.retries.QUEUE');
}

describe.skipIf(!canUnshare)('a container, with a program that stands for its command line', () => {
  it('is looked into by docker exec', async () => {
    await expectLook({ kind: 'docker', container: 'checkout', probe: PROBE_DIR });
  });

  it('is looked into by kubectl exec', async () => {
    const where = { namespace: 'shop', pod: 'deploy/checkout', container: 'app', context: null };
    await expectLook({ kind: 'kubectl', ...where, probe: PROBE_DIR });
  });

  it('that is not there, has no probe, or no Python, is told with the words of the program', async () => {
    expect(await lookBy({ kind: 'docker', container: 'other', probe: PROBE_DIR })).toMatchObject({
      outcome: 'inconclusive',
      who: 'operator',
      why: expect.stringContaining('no such container: exec -i other'),
    });
    expect(await lookBy({ kind: 'docker', container: 'checkout', probe: '/nowhere' })).toMatchObject({
      why: expect.stringMatching(/ended without an answer: .*nowhere/),
    });
    expect(await lookBy({ kind: 'docker', container: 'checkout', probe: PROBE_DIR }, home)).toMatchObject({
      why: expect.stringContaining('no process there has a probe'),
    });
    const missing = createRelay({ name: 'docker exec x', argv: ['no-such-program'] }, env);
    expect(await missing.findLargest(AbortSignal.timeout(9000))).toMatchObject({
      tryThis: expect.stringContaining('install no-such-program'),
    });
  });
});

describe('the program of a far side', () => {
  const context = () => ({ env, deadlineMs: 1, signal: new AbortController().signal });

  it('that answers without end is cut off, with what it started; one that is aborted ends at once', async () => {
    const unheard = join(home, 'unheard');
    const writing = `trap '' PIPE; (while printf '%65536s'; do :; done 2>/dev/null; touch '${unheard}') & wait`;
    const endless = { name: 'endless', argv: ['sh', '-c', writing] };
    expect(await runFar(endless, '{}\n', context())).toMatchObject({ outcome: 'failed', code: 'garbage' });
    await vi.waitFor(() => expect(existsSync(unheard)).toBe(true), { timeout: 20_000 });
    const stop = new AbortController();
    const mute = runFar({ name: 'mute', argv: ['sleep', '600'] }, '{}\n', { ...context(), signal: stop.signal });
    stop.abort();
    expect(await mute).toMatchObject({ code: 'aborted' });
  });
});

describe.skipIf(!canServeSsh)('a host, by ssh with a forced command on a real sshd', () => {
  let sshd: ReturnType<typeof spawn>;
  let port = 0;

  beforeAll(async () => {
    port = await freePort();
    for (const name of ['host', 'key']) spawnSync(KEYGEN, ['-q', '-t', 'ed25519', '-N', '', '-f', join(home, name)]);
    const relay = `${PROBE_DIR}/memtriage_probe/relay.py`;
    const forced = `command="python3 -I -S -B ${relay} ${target.dir}",restrict`;
    const key = await readFile(join(home, 'key.pub'), 'utf8');
    await writeFile(join(home, 'authorized_keys'), `${forced} ${key}`, { mode: 0o600 });
    await mkdir('/run/sshd', { recursive: true });
    const settings = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${home}/host`,
      `AuthorizedKeysFile ${home}/authorized_keys`,
      'StrictModes no',
      'PasswordAuthentication no',
      'PermitRootLogin yes',
      'UsePAM no',
      `PidFile ${home}/sshd.pid`,
    ];
    await writeFile(join(home, 'sshd_config'), settings.join('\n'));
    sshd = spawn(PRLIMIT, ['--nofile=1024', SSHD, '-D', '-e', '-f', join(home, 'sshd_config')], { stdio: 'ignore' });
    const known = (await readFile(join(home, 'host.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');
    await mkdir(join(home, 'bin2'));
    await writeFile(join(home, 'known_hosts'), `[127.0.0.1]:${port} ${known}\n`);
    // ssh reads its configuration from the home directory of the user database, not from $HOME.
    const ssh = `#!/bin/sh\nexec /usr/bin/ssh -o UserKnownHostsFile=${home}/known_hosts "$@"\n`;
    await writeFile(join(home, 'bin', 'ssh'), ssh);
    await chmod(join(home, 'bin', 'ssh'), 0o755);
    await vi.waitFor(
      () => {
        if (!existsSync(join(home, 'sshd.pid'))) throw new Error('sshd does not listen yet');
      },
      { timeout: 10_000 },
    );
  });

  afterAll(async () => {
    sshd.kill();
    if (sshd.exitCode === null) await once(sshd, 'exit');
  });

  const byKey = () => ({ kind: 'ssh' as const, host: '127.0.0.1', user: 'root', port, identity: join(home, 'key') });

  it('is asked for its processes, from outside and inside', async () => {
    const relay = createFarRelay(byKey(), 'unused: the forced command names it', env);
    const signal = AbortSignal.timeout(40_000);
    const found = await relay.findLargest(signal);
    if (found.outcome !== 'ok') throw new Error(found.why);
    expect(found.value.pid).toBe(target.pid);
    expect(await relay.readOutside(target.pid, signal)).toMatchObject({
      outcome: 'ok',
      value: {
        stat: expect.stringContaining(String(found.value.startTicks)),
        smaps: expect.stringContaining('[heap]'),
      },
    });
    const reply = await relay.probe(target.pid).ask({ verb: 'census', since: null }, 20_000, signal);
    expect(reply).toMatchObject({ outcome: 'ok', result: { containers: expect.any(Array) } });
  });

  it('runs nothing else, whatever is asked for', async () => {
    const argv = ['ssh', '-q', '-o', 'BatchMode=yes', '-i', join(home, 'key'), '-p', String(port), 'root@127.0.0.1'];
    const signal = new AbortController().signal;
    const reply = await runFar({ name: 'ssh', argv: [...argv, 'id'] }, '{}\n', { env, deadlineMs: 5000, signal });
    expect(reply).toMatchObject({
      outcome: 'failed',
      code: 'absent',
      failure: { why: expect.stringContaining('no process') },
    });
  });

  it('that nobody knows, or that takes another key, is not reached', async () => {
    await writeFile(join(home, 'known_hosts'), '');
    expect(await lookBy(byKey())).toMatchObject({ outcome: 'inconclusive', who: 'operator' });
  });
});

it.skipIf(!existsSync(PRLIMIT))(
  'is not reached while we have no descriptor left, and that is all that happens',
  async () => {
    const most = readdirSync('/proc/self/fd').length + 64;
    const limit = (soft: string) => spawnSync(PRLIMIT, ['--pid', String(process.pid), `--nofile=${soft}:`]);
    const before = /open files\s+(\d+)/.exec(await readFile('/proc/self/limits', 'utf8'))?.[1] ?? '1024';
    const taken: number[] = [];
    limit(String(most));
    try {
      for (let i = 0; i < most; i += 1) taken.push(openSync('/dev/null', 'r'));
    } catch {
      // that was the last one
    }
    const context = { env, deadlineMs: 5000, signal: new AbortController().signal };
    const reply = await runFar({ name: 'cat', argv: ['/bin/cat'] }, '{}\n', context).finally(() => {
      for (const descriptor of taken) closeSync(descriptor);
      limit(before);
    });
    expect(reply).toMatchObject({
      outcome: 'failed',
      code: 'absent',
      failure: { why: expect.stringContaining('EMFILE') },
    });
  },
);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
