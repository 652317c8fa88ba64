import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export type TestServer = { url: string; close: () => Promise<void> };

export const HAS_PROMETHEUS = ['prometheus', 'promtool'].every((tool) => spawnSync(tool, ['--version']).status === 0);

/** One line of the OpenMetrics text format a sample. */
export type Recorded = {
  metric: string;
  type: 'gauge' | 'counter';
  samples: { labels: string; at: number; value: number }[];
};

/** The real prometheus on loopback with recorded samples, and no target. */
export async function startPrometheus(recorded: readonly Recorded[]): Promise<TestServer> {
  const dir = await mkdtemp(join(tmpdir(), 'mt-prom-'));
  await writeFile(join(dir, 'recorded.om'), openMetrics(recorded));
  await writeFile(join(dir, 'prometheus.yml'), '{}\n');
  const made = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', 'recorded.om', 'data'], {
    cwd: dir,
  });
  if (made.status !== 0) throw new Error(String(made.stderr));
  const port = await freePort();
  const server = spawn(
    'prometheus',
    [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      `--web.listen-address=127.0.0.1:${port}`,
      '--storage.tsdb.retention.time=30d',
    ],
    { cwd: dir, stdio: 'ignore' },
  );
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt += 1) {
    const isReady = await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) break;
    if (attempt > 200) throw new Error('prometheus does not become ready');
    await delay(50);
  }
  return {
    url,
    close: async () => {
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      await gone;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Something else that answers in its place. */
export async function startHttp(listener: RequestListener): Promise<TestServer> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createSocketServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

function openMetrics(recorded: readonly Recorded[]): string {
  const lines = recorded.flatMap(({ metric, type, samples }) => [
    `# TYPE ${metric} ${type}`,
    ...samples.map(
      ({ labels, at, value }) => `${metric}${type === 'counter' ? '_total' : ''}{${labels}} ${value} ${at}`,
    ),
  ]);
  return `${[...lines, '# EOF'].join('\n')}\n`;
}
