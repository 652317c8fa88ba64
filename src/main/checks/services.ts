import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import { createPrometheus, type Prometheus } from '../../adapters/prometheus/prometheus.ts';
import { listSockets } from '../../collector/socket-directory.ts';
import type { Config, Service } from '../../config/config.ts';
import type { Environment } from '../environment.ts';
import { loadRunbooks } from '../load-runbooks.ts';
import { type CheckFinding, fromError, fromFailure, good, warning, wrongConfiguration } from './finding.ts';

const run = promisify(execFile);

/** Every query of every service, asked once. */
export async function checkPrometheus(config: Config, logger: Logger): Promise<CheckFinding[]> {
  if (config.prometheus === null) return [good("Prometheus: not configured, the collector's own samples are used")];
  const { url } = config.prometheus;
  const prometheus = createPrometheus({ url, services: config.services, logger });
  const alive = await prometheus.queryInstant('vector(1)', new AbortController().signal);
  if (alive.outcome !== 'ok') return [fromFailure('Prometheus', alive)];
  const services = await Promise.all([...config.services.values()].map((service) => checkQueries(service, prometheus)));
  return [good(`Prometheus at ${url}: answers`), ...services.flat()];
}

async function checkQueries({ name, metrics }: Service, prometheus: Prometheus): Promise<CheckFinding[]> {
  const queries = Object.entries(metrics ?? {}).flatMap(([metric, promql]) =>
    promql === null ? [] : [{ metric, promql }],
  );
  return await Promise.all(
    queries.map(async ({ metric, promql }) => {
      const about = `services.${name}.metrics.${metric}`;
      const answer = await prometheus.queryInstant(promql, new AbortController().signal);
      if (answer.outcome !== 'ok') return fromFailure(about, answer);
      const { length } = answer.value;
      if (metric === 'release' && answer.value.every(({ labels }) => labels['release'] === undefined)) {
        return wrongConfiguration(
          `${about}: its series have no label \`release\``,
          'Put it there with label_replace()',
        );
      }
      return good(`${about}: ${length === 1 ? 'one series' : `${length} series`}`);
    }),
  );
}

/** Sockets are on the host of the site's collector; elsewhere their absence means nothing, so it only warns. */
export function checkSockets({ name, sockets, site, transport }: Service): CheckFinding[] {
  if (sockets === null)
    return [warning(`services.${name}: no sockets, so no live process can be looked into`, 'Add `sockets`')];
  if (transport !== null)
    return [good(`services.${name}.sockets: on the far side of ${transport.kind}, asked when a look is taken`)];
  const found = listSockets(sockets);
  const about = `services.${name}.sockets`;
  if (found.outcome !== 'ok') return [fromFailure(site === 'local' ? about : `${about} (of site ${site})`, found)];
  const { length } = found.value;
  if (length > 0) return [good(`${about}: ${length === 1 ? 'one socket' : `${length} sockets`} in ${sockets}`)];
  const cure = 'Start the service with PYTHONPATH=$(memtriage probe-path) and MEMTRIAGE_SOCKET_DIR set to it';
  return [warning(`${about}: no process listens in ${sockets}`, cure)];
}

export async function checkRunbooks(config: Config): Promise<CheckFinding[]> {
  try {
    const runbooks = await loadRunbooks(config.runbooks);
    const names = runbooks.map(({ runbook }) => runbook);
    const missing = [...config.services.values()].flatMap(({ name, runbook }) =>
      runbook === null || names.includes(runbook)
        ? []
        : [
            wrongConfiguration(
              `services.${name}.runbook: no runbook is called ${runbook}`,
              `Those there are: ${names.join(', ')}`,
            ),
          ],
    );
    return [good(`runbooks: ${names.join(', ')}`), ...missing];
  } catch (error) {
    return [fromError(error)];
  }
}

/** Python 3.8 or later on this machine: for the probe's own tools, not for the services, which bring theirs. */
export async function checkPython(): Promise<CheckFinding> {
  const cure = 'Install it: `sudo apt-get install -y python3` (Debian, Ubuntu) or `brew install python3` (Homebrew)';
  try {
    const { stdout } = await run('python3', ['--version'], { timeout: 5000 });
    const [, major, minor] = /(\d+)\.(\d+)/.exec(stdout) ?? [];
    const isOld = Number(major) < 3 || (Number(major) === 3 && Number(minor) < 8);
    return isOld ? warning(`${stdout.trim()} is older than 3.8`, cure) : good(stdout.trim());
  } catch {
    return warning('python3 is not on this machine; the demo and hosts of services need it', cure);
  }
}

/** Choices of the configuration that need a secret of the environment. */
export function checkSecrets(config: Config, environment: Environment): CheckFinding[] {
  const findings: CheckFinding[] = [];
  const { webhookToken, rollbackSecret, pagerDutyToken } = environment;
  if (webhookToken === null) {
    findings.push(
      warning('MEMTRIAGE_WEBHOOK_TOKEN is not set: alerts and deploys are refused', 'Set it for `memtriage bot`'),
    );
  }
  const signed = [...config.services.values()].filter(
    ({ rollback }) => rollback.mode !== 'recommend' && rollback.via?.kind === 'webhook',
  );
  if (rollbackSecret === null && signed.length > 0) {
    const names = signed.map(({ name }) => name).join(', ');
    findings.push(
      wrongConfiguration(`MEMTRIAGE_ROLLBACK_SECRET is not set: no rollback of ${names} can be signed`, 'Set it'),
    );
  }
  const scheduled = [...config.teams.values()].filter(({ onCall }) => onCall?.source === 'pagerduty');
  if (pagerDutyToken === null && scheduled.length > 0) {
    const names = scheduled.map(({ name }) => name).join(', ');
    findings.push(
      wrongConfiguration(`MEMTRIAGE_PAGERDUTY_TOKEN is not set: who is on call for ${names} is not known`, 'Set it'),
    );
  }
  return findings;
}
