import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { runDoctor } from '../../src/main/doctor.ts';
import { readEnvironment } from '../../src/main/environment.ts';
import { startHttp, type TestServer } from '../prometheus/server.ts';
import { anyPython } from '../support/pythons.ts';

let directory = '';
let workspace: Workspace;
let prometheus: TestServer;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mt-doctor-'));
  workspace = await startWorkspace({
    userGroups: [
      { id: 'S0PAYONCALL', handle: 'pay-oncall', users: ['U0ALICE', 'U0BOB'] },
      { id: 'S0EMPTY', handle: 'empty', users: [] },
    ],
  });
  prometheus = await startHttp((request, response) => {
    const query = new URL(request.url ?? '', 'http://x').searchParams.get('query') ?? '';
    const metric = query.startsWith('info') ? { release: 'v1' } : {};
    const result = query === 'absent' ? [] : [{ metric, value: [1, '7'] }];
    const body =
      query === 'wrong('
        ? { status: 'error', errorType: 'bad_data', error: 'parse error' }
        : { status: 'success', data: { resultType: 'vector', result } };
    response.writeHead(query === 'wrong(' ? 400 : 200).end(JSON.stringify(body));
  });
});

afterEach(async () => {
  await workspace.close();
  await prometheus.close();
  await rm(directory, { recursive: true, force: true });
});

async function examine(config: string | null, env: Record<string, string> = {}) {
  const file = join(directory, 'memtriage.yaml');
  if (config !== null) await writeFile(file, config);
  const environment = readEnvironment({
    MEMTRIAGE_CONFIG: file,
    SLACK_API_URL: workspace.apiUrl,
    SLACK_BOT_TOKEN: workspace.botToken,
    SLACK_APP_TOKEN: workspace.appToken,
    MEMTRIAGE_WEBHOOK_TOKEN: 'a-webhook-token',
    ...env,
  });
  let text = '';
  const exitCode = await runDoctor({ environment, stdout: { write: (more) => (text += more) } });
  return { exitCode, text, lines: text.trimEnd().split('\n') };
}

function healthy(extra = ''): string {
  return `slack: { channel: C0ONCALL }
prometheus: { url: '${prometheus.url}' }
services:
  checkout:
    channel: C0PAY
    sockets: ${directory}/sockets
    metrics: { rss: rss, release: info }
${extra}`;
}

test('a working installation is told line by line and ends with 0', async () => {
  await mkdir(join(directory, 'sockets'), { mode: 0o700 });
  const listener = spawn(anyPython().path, [
    '-c',
    `import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.bind("${directory}/sockets/7.7.sock")\nprint("ready",flush=True)\nsys.stdin.read()`,
  ]);
  await once(listener.stdout, 'data');
  const { exitCode, lines } = await examine(healthy());
  listener.kill();
  expect(lines).toEqual([
    `ok    configuration ${directory}/memtriage.yaml: 1 service, 0 teams`,
    expect.stringMatching(/^ok {4}the embedded Redis in .*: version \d+\.\d+\.\d+, answers in [\d.]+ ms$/),
    'warn  site local: no collector is running — Start `memtriage collector --site local` there',
    expect.stringMatching(/^ok {4}Slack bot token: .* in /),
    'ok    Slack channel C0ONCALL (#oncall): the bot may post',
    'ok    Slack channel C0PAY (#payments): the bot may post',
    'ok    Slack app token: Socket Mode opens',
    expect.stringMatching(/^ok {4}Python 3\./),
    expect.stringMatching(/^ok {4}runbooks: .*memory/),
    `ok    Prometheus at ${prometheus.url}: answers`,
    'ok    services.checkout.metrics.rss: one series',
    'ok    services.checkout.metrics.release: one series',
    `ok    services.checkout.sockets: one socket in ${directory}/sockets`,
  ]);
  expect(exitCode).toBe(0);
});

test('without a configuration the rest is still looked at', async () => {
  const { exitCode, lines } = await examine(null);
  expect(exitCode).toBe(78);
  expect(lines[0]).toMatch(/^fail {2}there is no configuration file .* — Write one/);
  expect(lines.some((line) => line.startsWith('ok    Slack bot token'))).toBe(true);
});

test('every problem of the configuration stands below its line', async () => {
  const { exitCode, lines } = await examine('services:\n  checkout: { limit: 2GB, sockt: /x }\n');
  expect(exitCode).toBe(78);
  expect(lines[0]).toMatch(/^fail {2}the configuration has 3 problems — Correct the lines/);
  expect(lines.slice(1, 4)).toEqual([
    expect.stringMatching(/^ {6}\S+:2:3 services\.checkout: found no source/),
    expect.stringMatching(/^ {6}\S+:2:15 services\.checkout\.limit: found "2GB"/),
    expect.stringMatching(/^ {6}\S+:2:27 services\.checkout\.sockt: found the unknown key "sockt", expected sockets/),
  ]);
});

test('channels where messages of other bots are read are looked at, and the subscription that they need is told', async () => {
  const reading = healthy().replace('C0ONCALL }', 'C0ONCALL, readAlerts: [C0PAY, C0GONE] }');
  const { text } = await examine(reading);
  expect(text).toMatch(
    /^ok {4}Slack channel C0PAY \(#payments\): messages of other bots are read, if .* message\.channels/m,
  );
  expect(text).toMatch(/^fail {2}Slack channel C0GONE: Slack says channel_not_found — invite the bot/m);
});

test('user groups that are on call are asked for their members', async () => {
  const { text, exitCode } = await examine(
    healthy(`teams:
  payments: { timezone: UTC, oncall: { userGroup: S0PAYONCALL } }
  empty:    { timezone: UTC, oncall: { userGroup: S0EMPTY } }
  gone:     { timezone: UTC, oncall: { userGroup: S0GONE } }
`),
  );
  expect(text).toMatch(/^ok {4}teams\.payments\.oncall: user group S0PAYONCALL; U0ALICE, U0BOB are on call now$/m);
  expect(text).toMatch(
    /^warn {2}teams\.empty\.oncall: user group S0EMPTY has no members: nobody is on call now — Add/m,
  );
  expect(text).toMatch(/^fail {2}teams\.gone\.oncall: .*S0GONE.*no_such_subteam — Correct the id/m);
  expect(exitCode).toBe(78);
});

test('tokens that Slack refuses, and a channel without the bot, are told with their cure', async () => {
  workspace.setMember('C0PAY', false);
  const outside = await examine(healthy());
  expect(outside.exitCode).toBe(78);
  expect(outside.text).toMatch(/^fail {2}Slack channel C0PAY.* — invite the bot/m);

  const refused = await examine(healthy(), {
    SLACK_BOT_TOKEN: 'xoxb-wrong-token',
    SLACK_APP_TOKEN: 'xapp-wrong-token',
  });
  expect(refused.exitCode).toBe(78);
  expect(refused.text).toMatch(/^fail {2}Slack bot token: Slack says \w+ — put a valid bot token/m);
  expect(refused.text).toMatch(/^fail {2}Slack app token: Slack says \w+ — Make an app-level token/m);
  expect(refused.text).not.toMatch(/wrong-token|a-webhook-token/);
});

test('what does not answer ends with 69', async () => {
  const { exitCode, text } = await examine(healthy().replace(prometheus.url, 'http://127.0.0.1:9'), {
    SLACK_API_URL: 'http://127.0.0.1:9/api/',
  });
  expect(text).toMatch(/^fail {2}Slack bot token: no answer/m);
  expect(text).toMatch(/^fail {2}Prometheus: Prometheus at http:\/\/127\.0\.0\.1:9 can't be reached/m);
  expect(exitCode).toBe(69);
});

test('queries without data warn, wrong ones fail', async () => {
  const text = (
    await examine(healthy().replace('{ rss: rss, release: info }', '{ rss: absent, limit: wrong(, release: rss }'))
  ).text;
  expect(text).toMatch(/^warn {2}services\.checkout\.metrics\.rss: Prometheus has no data for absent/m);
  expect(text).toMatch(/^fail {2}services\.checkout\.metrics\.limit: Prometheus refuses the query: parse error/m);
  expect(text).toMatch(/^fail {2}services\.checkout\.metrics\.release: its series have no label `release`/m);
});

test('a socket directory that others may write into fails', async () => {
  await mkdir(join(directory, 'sockets'));
  await chmod(join(directory, 'sockets'), 0o777);
  const { exitCode, text } = await examine(healthy());
  expect(text).toMatch(/^fail {2}services\.checkout\.sockets: .*others may write into it — chmod go-w/m);
  expect(exitCode).toBe(78);
});

test('choices that need a secret of the environment are told when it is missing', async () => {
  const { text } = await examine(
    healthy(`    team: payments
    runbook: nowhere
    rollback: { mode: approve, via: { webhook: { url: https://deploys.example.com } } }
teams:
  payments: { timezone: UTC, approvers: [U0ALICE], oncall: { pagerduty: P1 } }
`),
  );
  expect(text).toMatch(/^fail {2}MEMTRIAGE_ROLLBACK_SECRET is not set/m);
  expect(text).toMatch(/^fail {2}MEMTRIAGE_PAGERDUTY_TOKEN is not set/m);
  expect(text).toMatch(/^fail {2}services\.checkout\.runbook: no runbook is called nowhere/m);
});

test('schedules and holidays are read as the bot will read them', async () => {
  const { text, exitCode } = await examine(
    healthy(`    team: payments
teams:
  payments: { timezone: UTC, oncall: { rotation: [U0ALICE], handoff: Mon 09:00, since: 2026-01-05 }, holidays: { country: US, state: CA } }
  shop:     { timezone: UTC, oncall: { ics: gone.ics }, holidays: { country: US, state: ZZ } }
  nobody:   { timezone: UTC }
`),
  );
  expect(text).toMatch(/^ok {4}teams\.payments\.oncall: rotation; U0ALICE is on call now$/m);
  expect(text).toMatch(/^ok {4}teams\.payments\.holidays: next \d{4}-\d\d-\d\d /m);
  expect(text).toMatch(/^fail {2}teams\.shop\.oncall: .*gone\.ics can't be read/m);
  expect(text).toMatch(/^fail {2}teams\.shop\.holidays: the state ZZ of US has no calendar .* — Take one of AL, /m);
  expect(text).toMatch(/^warn {2}teams\.nobody\.oncall: nobody is paged for its services/m);
  expect(exitCode).toBe(78);
});
