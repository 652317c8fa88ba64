/**
 * A site with real senders: Prometheus with the shipped rules, Alertmanager, and Python processes that the kernel
 * OOM-kills in a cgroup. Only kube-state-metrics is ours: it tells of each kill in its own metrics, once the kernel did it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type MemoryCgroup, readOomKills } from '../../src/adapters/procfs/cgroup.ts';
import { freePort, startHttp } from '../prometheus/server.ts';
import type { Stage } from './stage.ts';

export const HAS_SENDERS = ['prometheus', 'prometheus-alertmanager'].every(
  (tool) => spawnSync(tool, ['--version']).status === 0,
);

/** Alertmanager waits for more alerts of the group; its default is 30 s. */
export const GROUP_WAIT_SECONDS = 1;

/** Fills its memory far beyond the limit as soon as it is told to. */
const GLUTTON = `
import sys, time
print("ready", flush=True)
sys.stdin.readline()
held = [bytearray(8 << 20) for _ in range(64)]
time.sleep(60)`;

export type OomSite = {
  /** Has the kernel kill a process of the service's pod; epoch milliseconds of its end. */
  kill: (service: string) => Promise<number>;
  close: () => Promise<void>;
};

/** Sends to `alertsUrl` with the token. Its processes end with the stage. */
export async function openOomSite(
  stage: Stage,
  { alertsUrl, token, cgroup, python }: { alertsUrl: string; token: string; cgroup: MemoryCgroup; python: string },
): Promise<OomSite> {
  const dir = join(stage.dir, 'site');
  await mkdir(dir);
  const killed = new Map<string, number>();
  const metrics = await startHttp((_request, response) => void response.end(toMetrics(killed)));
  const alertmanager = await startAlertmanager(stage, dir, alertsUrl, token);
  await startPrometheus(stage, dir, metrics.url, alertmanager);
  return {
    async kill(service) {
      const before = readOomKills(cgroup) ?? 0;
      const victim = spawn(python, ['-c', GLUTTON], { stdio: ['pipe', 'pipe', 'ignore'] });
      stage.adopt(victim);
      await once(victim.stdout, 'data');
      writeFileSync(join(cgroup.path, 'cgroup.procs'), String(victim.pid));
      const gone = once(victim, 'exit');
      victim.stdin.end('go\n');
      await gone;
      const at = Date.now();
      if ((readOomKills(cgroup) ?? 0) <= before) throw new Error('the kernel killed nobody');
      killed.set(`${service}-7f9c4d5b6-x2x4z`, at);
      return at;
    },
    close: metrics.close,
  };
}

/** As kube-state-metrics 2 tells it. */
function toMetrics(killed: ReadonlyMap<string, number>): string {
  return [...killed]
    .map(([pod, at]) => {
      const labels = `namespace="shop",pod="${pod}",container="app"`;
      return [
        `kube_pod_container_status_last_terminated_timestamp{${labels}} ${Math.floor(at / 1000)}`,
        `kube_pod_container_status_last_terminated_reason{${labels},reason="OOMKilled"} 1`,
        '',
      ].join('\n');
    })
    .join('');
}

async function startAlertmanager(stage: Stage, dir: string, url: string, token: string): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(dir, 'alertmanager.yml');
  await writeFile(
    config,
    `route: { receiver: memtriage, group_by: [alertname, service], group_wait: ${GROUP_WAIT_SECONDS}s, group_interval: 1s }
receivers:
  - name: memtriage
    webhook_configs:
      - url: ${url}
        http_config: { authorization: { type: Bearer, credentials: ${token} } }
`,
  );
  const args = [`--config.file=${config}`, `--storage.path=${join(dir, 'alertmanager')}`];
  const listen = [`--web.listen-address=${address}`, '--cluster.listen-address='];
  stage.adopt(spawn('prometheus-alertmanager', [...args, ...listen], { stdio: 'ignore' }));
  await untilReady(`http://${address}/-/ready`);
  return address;
}

async function startPrometheus(stage: Stage, dir: string, metricsUrl: string, alertmanager: string): Promise<void> {
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(dir, 'prometheus.yml');
  await writeFile(
    config,
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${resolve('runbooks/prometheus/oom.rules.yaml')}]
alerting: { alertmanagers: [{ static_configs: [{ targets: ['${alertmanager}'] }] }] }
scrape_configs: [{ job_name: kube-state-metrics, honor_labels: true, static_configs: [{ targets: ['${new URL(metricsUrl).host}'] }] }]
`,
  );
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${join(dir, 'prometheus')}`];
  stage.adopt(spawn('prometheus', [...args, `--web.listen-address=${address}`], { stdio: 'ignore' }));
  // What it sends to it finds up to 5 s after its own start.
  await untilReady(`http://${address}/api/v1/alertmanagers`, /"url":"http/);
}

async function untilReady(url: string, answer = /./): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const isReady = await fetch(url).then(
      async (response) => response.ok && answer.test(await response.text()),
      () => false,
    );
    if (isReady) return;
    await wait(50);
  }
  throw new Error(`${url} does not answer`);
}
