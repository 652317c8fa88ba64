import { describe, expect, test } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { renderProblems } from '../../src/config/problems.ts';

const FULL = `slack:      { channel: C0ONCALL }
prometheus: { url: http://127.0.0.1:9090 }
sampling:   { every: 15s, keep: 7d }
policy:
  warning:  { over: 15%, for: 30m }
  critical: { over: 30%, for: 30m, oomKills: 2, within: 1h }
  growth:   { perHour: 1%, perDay: 5% }
  warmUp:   15m
services:
  checkout:
    channel: C0PAY
    site: local
    limit: 2GiB
    sockets: /run/memtriage/checkout
    metrics:
      rss: process_resident_memory_bytes{job="checkout"}
      limit: ...
      oomKills: ...
      release: ...
    alerts: { match: { service: checkout } }
    policy: { warning: { over: 10%, for: 15m } }
    team: payments
    rollback:
      mode: approve
      via: { webhook: { url: https://deploys.example.com/rollback } }
      cooldown: 60m
      verifyFor: 30m
teams:
  payments:
    timezone: America/Los_Angeles
    channel: C0PAY
    businessHours: Mon-Fri 09:00-18:00
    holidays: { country: US, state: CA, add: [2026-11-27], remove: [] }
    oncall: { rotation: [U0ALICE, U0BOB], handoff: Mon 09:00, since: 2026-01-05 }
    escalateAfter: [5m, 5m, 10m]
    approvers: [U0ALICE, U0BOB]
    twoPerson: offHours
`;

function configOf(text: string): Config {
  const parsed = parseConfig(text, '/etc/memtriage/memtriage.yaml');
  if ('problems' in parsed) throw new Error(renderProblems('memtriage.yaml', parsed.problems));
  return parsed.config;
}

function problemsOf(text: string): string[] {
  const parsed = parseConfig(text, '/etc/memtriage/memtriage.yaml');
  return 'problems' in parsed ? renderProblems('memtriage.yaml', parsed.problems).split('\n') : [];
}

/** A file with one service and the given lines in it, `sockets` included. */
function withService(...lines: string[]): string {
  return ['services:', '  checkout:', '    sockets: /run/c', ...lines.map((line) => `    ${line}`), ''].join('\n');
}

describe('a whole file', () => {
  test('becomes seconds, bytes and ratios', () => {
    const config = configOf(FULL);
    expect(config.sampling).toEqual({ everySeconds: 15, keepSeconds: 604_800 });
    const checkout = config.services.get('checkout');
    expect(checkout).toMatchObject({
      name: 'checkout',
      channel: 'C0PAY',
      site: 'local',
      limitBytes: 2 * 1024 ** 3,
      sockets: '/run/memtriage/checkout',
      metrics: { rss: 'process_resident_memory_bytes{job="checkout"}', traffic: null },
      alerts: { match: { service: 'checkout' } },
      team: 'payments',
      rollback: {
        mode: 'approve',
        via: { kind: 'webhook', url: 'https://deploys.example.com/rollback' },
        cooldownSeconds: 3600,
        verifyForSeconds: 1800,
      },
      snapshot: { windowSeconds: 10, attach: false, fork: false },
    });
    expect(checkout?.policy).toEqual({
      warning: { overRatio: 0.1, forSeconds: 900 },
      critical: { overRatio: 0.3, forSeconds: 1800, oomKills: 2, withinSeconds: 3600 },
      growth: { perHourRatio: 0.01, perDayRatio: 0.05 },
      warmUpSeconds: 900,
    });
    expect(config.teams.get('payments')).toEqual({
      name: 'payments',
      timezone: 'America/Los_Angeles',
      channel: 'C0PAY',
      businessHours: { weekdays: [1, 2, 3, 4, 5], fromMinute: 540, toMinute: 1080 },
      holidays: { country: 'US', state: 'CA', add: ['2026-11-27'], remove: [] },
      onCall: {
        source: 'rotation',
        members: ['U0ALICE', 'U0BOB'],
        handoff: { weekday: 1, minute: 540 },
        since: '2026-01-05',
      },
      escalateAfterSeconds: [300, 300, 600],
      approvers: ['U0ALICE', 'U0BOB'],
      twoPerson: 'offHours',
    });
  });

  test('every other on-call source and way to roll back is understood', () => {
    const text = FULL.replace(
      /oncall: .*/,
      'oncall: { ics: rota.ics, overrides: https://cal.example.com/o.ics }',
    ).replace(/via: .*/, 'via: { command: [/usr/local/bin/rollback, checkout] }');
    const config = configOf(text);
    expect(config.teams.get('payments')?.onCall).toEqual({
      source: 'ics',
      primary: '/etc/memtriage/rota.ics',
      overrides: 'https://cal.example.com/o.ics',
    });
    expect(config.services.get('checkout')?.rollback.via).toEqual({
      kind: 'command',
      argv: ['/usr/local/bin/rollback', 'checkout'],
    });
    for (const via of [
      'kubernetes: { namespace: shop, deployment: c }',
      'argoRollouts: { namespace: shop, rollout: c }',
    ]) {
      expect(configOf(FULL.replace(/via: .*/, `via: { ${via} }`)).services.get('checkout')?.rollback.via).toMatchObject(
        {
          kind: via.split(':')[0],
          namespace: 'shop',
        },
      );
    }
    const pagerDuty = configOf(FULL.replace(/oncall: .*/, 'oncall: { pagerduty: PSCHED1 }'));
    expect(pagerDuty.teams.get('payments')?.onCall).toEqual({ source: 'pagerduty', schedule: 'PSCHED1' });
    const group = configOf(FULL.replace(/oncall: .*/, 'oncall: { userGroup: S0PAYONCALL }'));
    expect(group.teams.get('payments')?.onCall).toEqual({ source: 'userGroup', group: 'S0PAYONCALL' });
  });

  test('defaults fill in what a short file leaves out', () => {
    const config = configOf('slack: { channel: C0ONCALL }\nservices:\n  checkout: { sockets: sockets/checkout }\n');
    expect(config).toMatchObject({ prometheus: null, runbooks: null, directory: '/etc/memtriage' });
    expect(config.services.get('checkout')).toMatchObject({
      channel: 'C0ONCALL',
      site: 'local',
      limitBytes: null,
      sockets: '/etc/memtriage/sockets/checkout',
      metrics: null,
      alerts: { match: { service: 'checkout' } },
      policy: { warning: { overRatio: 0.15, forSeconds: 1800 }, warmUpSeconds: 900 },
      rollback: { mode: 'recommend', via: null },
    });
  });

  test('channels where messages of other bots are read are named; by default there are none', () => {
    const text = 'slack: { readAlerts: [C0ALERTS] }\nservices:\n  checkout: { sockets: sockets/checkout }\n';
    expect(configOf(text).slack).toEqual({ channel: null, readAlerts: ['C0ALERTS'] });
    expect(configOf(text.replace('[C0ALERTS]', '[]')).slack.readAlerts).toEqual([]);
  });

  test("a service without a channel of its own uses its team's", () => {
    const text = FULL.replace('    channel: C0PAY\n    site', '    site').replace('channel: C0PAY', 'channel: C0TEAM');
    expect(configOf(text).services.get('checkout')?.channel).toBe('C0TEAM');
  });

  test('a second service may share settings by an anchor', () => {
    const config = configOf(
      'services:\n  a: { sockets: /run/a, policy: &same { warmUp: 1h } }\n  b: { sockets: /run/b, policy: *same }\n',
    );
    expect(config.services.get('b')?.policy.warmUpSeconds).toBe(3600);
  });

  test('services on different sites may have their sockets at the same path', () => {
    const text = 'services:\n  a: { sockets: /run/s }\n  b: { sockets: /run/s, site: eu }\n';
    expect(configOf(text).services.size).toBe(2);
  });
});

describe('a wrong file', () => {
  test('tells every problem at once, by line, with what was found and expected', () => {
    const text = [
      'slack: { channel: "#oncall" }',
      'services:',
      '  checkout:',
      '    sockets: /run/c',
      '    limt: 2GiB',
      '    limit: "2GB"',
      '    team: paymnts',
      '    policy: { warning: { over: 15, for: 30 minutes } }',
      'teams:',
      '  payments: { timezone: Mars/Olympus }',
      '',
    ].join('\n');
    expect(problemsOf(text)).toEqual([
      'memtriage.yaml:1:10 slack.channel: found "#oncall", expected a channel id such as C0ONCALL (Slack shows it at the end of the channel details)',
      expect.stringMatching(
        /^memtriage\.yaml:5:5 services\.checkout\.limt: found the unknown key "limt", expected limit \(one of /,
      ),
      'memtriage.yaml:6:5 services.checkout.limit: found "2GB", expected a size such as 512MiB or 2GiB',
      'memtriage.yaml:7:5 services.checkout.team: found "paymnts", expected a team of this file: payments',
      'memtriage.yaml:8:26 services.checkout.policy.warning.over: found 15, expected a ratio such as 15%',
      'memtriage.yaml:8:36 services.checkout.policy.warning.for: found "30 minutes", expected a duration above zero such as 15s, 30m, 6h or 1d',
      'memtriage.yaml:10:15 teams.payments.timezone: found "Mars/Olympus", expected an IANA time zone such as America/Los_Angeles',
    ]);
  });

  test.each([
    ['an empty file', '', 'memtriage.yaml:1:1: found nothing, expected a mapping of slack'],
    ['no services', 'slack: {}\n', 'services: found nothing, expected a mapping of service names'],
    ['no service', 'services: {}\n', 'services: found nothing, expected at least one service'],
    ['a list for a mapping', 'services: [checkout]\n', 'services: found a list, expected a mapping of service names'],
    [
      'a command word as a service',
      'services:\n  status: { sockets: /run/s }\n',
      '/memtriage status is a command of its own',
    ],
    [
      'a name with a slash',
      'services:\n  a/b: { sockets: /run/s }\n',
      'services.a/b: found "a/b", expected a name of letters',
    ],
    [
      'a name that is a trap',
      'services:\n  __proto__: { sockets: /run/s }\n  a: { sockets: /run/a }\n',
      'found "__proto__"',
    ],
    [
      'sockets of another service',
      'services:\n  a: { sockets: /run/s }\n  b: { sockets: /run/s/ }\n',
      'memtriage.yaml:3:8 services.b.sockets: found the sockets of a, expected a directory of its own',
    ],
    ['no source of figures', 'services:\n  a: { site: local }\n', 'expected sockets'],
    [
      'metrics without Prometheus',
      'services:\n  a: { metrics: { rss: x } }\n',
      'found metrics.rss without prometheus.url',
    ],
    [
      'a channel to read by its name',
      'slack: { readAlerts: ["#alerts"] }\n',
      'slack.readAlerts[0]: found "#alerts", expected a channel id',
    ],
    [
      'one channel for a list',
      'slack: { readAlerts: C0ALERTS }\n',
      'expected a list of channel ids such as [C0ALERTS]',
    ],
    ['an empty value', withService('limit:'), 'services.checkout.limit: found nothing, expected a size'],
    ['a mode of nobody', withService('rollback: { mode: yes please }'), 'expected recommend, approve or auto'],
    [
      'a rollback by itself without a team',
      withService('rollback: { mode: auto, via: { command: [x] } }'),
      'found "auto" without team',
    ],
    [
      'a freeze that never was',
      withService('rollback: { freeze: [Fri 16:00] }'),
      'a window such as Fri 16:00-Mon 08:00',
    ],
    [
      'a freeze that ends before it begins',
      withService('rollback: { freeze: [2027-01-02/2026-12-20] }'),
      'a window such as',
    ],
    ['a tier of another kind', withService('tier: gold'), 'a whole number'],
    ['a rollback without a way', withService('rollback: { mode: auto }'), 'found "auto" without via'],
    [
      'two ways to roll back',
      withService('rollback: { via: { command: [x], webhook: { url: http://x } } }'),
      'found webhook and command, expected exactly one of',
    ],
    [
      'an approval that nobody may give',
      withService('rollback: { mode: approve, via: { command: [x] } }'),
      'found "approve" without approvers',
    ],
    [
      'holidays of a state of no country',
      withService('team: a').concat('teams: { a: { timezone: UTC, holidays: { state: CA } } }\n'),
      'holidays.state: found state without country',
    ],
    ['an empty argv', withService('rollback: { via: { command: [] } }'), 'expected at least the program'],
    ['a size without sense', withService('limit: 1KiB'), 'expected a size'],
    ['a password in a URL', 'prometheus: { url: http://me:hunter22@prom }\n', 'http://[redacted]@prom'],
    ['a key that stands twice', withService('site: a', 'site: b'), 'memtriage.yaml:5:5: found a second "site"'],
    ['a tab as indentation', 'services:\n\tcheckout: {}\n', 'expected valid YAML'],
    ['an unclosed bracket', 'services: { a: { sockets: /x }\n', 'expected valid YAML'],
    ['two documents', 'services: {}\n---\nservices: {}\n', 'expected valid YAML'],
    [
      'an alias of nothing',
      'services:\n  a: *none\n',
      'memtriage.yaml:2:6: found *none, expected an alias of an anchor that stands before it',
    ],
  ])('%s', (_, text, expected) => {
    expect(problemsOf(text).join('\n')).toContain(expected);
  });

  test.each([
    ['two sources', 'rotation: [U0A], ics: x.ics, handoff: Mon 09:00, since: 2026-01-05', 'found rotation and ics'],
    [
      'a group and a rotation',
      'userGroup: S0A, rotation: [U0A], handoff: Mon 09:00, since: 2026-01-05',
      'found rotation and userGroup',
    ],
    ['a user for a group', 'userGroup: U0ALICE', 'expected a Slack user group id such as S0PAYONCALL'],
    ['a rotation without a hand-off', 'rotation: [U0ALICE], since: 2026-01-05', 'oncall.handoff: found nothing'],
    ['a day that is none', 'rotation: [U0ALICE], handoff: Mon 09:00, since: 2026-02-30', 'found "2026-02-30"'],
    ['an hour that is none', 'rotation: [U0ALICE], handoff: Mon 24:30, since: 2026-01-05', 'found "Mon 24:30"'],
    ['overrides of nothing', 'pagerduty: P1, overrides: x.ics', 'overrides only beside ics'],
  ])('on-call with %s', (_, onCall, expected) => {
    expect(problemsOf(FULL.replace(/oncall: .*/, `oncall: { ${onCall} }`)).join('\n')).toContain(expected);
  });

  test('a token is refused wherever it stands, and is not repeated', () => {
    const token = ['xoxb', '1234567890', 'abcdefghijkl'].join('-');
    const problems = problemsOf(`# SLACK_BOT_TOKEN=${token}\n${withService(`team: ${token}`)}`);
    expect(problems[0]).toBe(
      'memtriage.yaml:1:19: found a Slack token (xoxb-…), expected no secrets here: they live in the environment',
    );
    expect(problems.filter((line) => line.includes('a Slack token'))).toHaveLength(2);
    expect(problems.join('\n')).not.toContain('abcdefghijkl');
    // Also where the file can't be read to its end.
    expect(problemsOf(`services:\n  a: *none\n# ${token}\n`)).toHaveLength(2);
  });

  test('never throws, whatever the text is', () => {
    for (const text of [
      '- ',
      '"',
      '? [a]: b',
      '{{{{',
      '!!binary x',
      '&a [*a]',
      'services: &a { b: *a }',
      '\u0000',
      'a: |\n b',
    ]) {
      expect({ text, problems: problemsOf(text) }).not.toEqual({ text, problems: [] });
    }
  });
});

describe('ways to roll back on Kubernetes', () => {
  test('a Deployment, a StatefulSet, a DaemonSet or a Helm release', () => {
    const viaOf = (via: string) =>
      configOf(withService(`rollback: { via: ${via} }`)).services.get('checkout')?.rollback.via;
    expect(viaOf('{ kubernetes: { namespace: shop, deployment: checkout } }')).toEqual({
      kind: 'kubernetes',
      namespace: 'shop',
      workload: { kind: 'Deployment', name: 'checkout' },
    });
    expect(viaOf('{ kubernetes: { namespace: shop, statefulSet: db } }')).toMatchObject({
      workload: { kind: 'StatefulSet', name: 'db' },
    });
    expect(viaOf('{ kubernetes: { namespace: shop, daemonSet: agent } }')).toMatchObject({
      workload: { kind: 'DaemonSet', name: 'agent' },
    });
    expect(viaOf('{ helm: { namespace: shop, release: checkout } }')).toEqual({
      kind: 'helm',
      namespace: 'shop',
      release: 'checkout',
    });
  });

  test('none or two workloads at once are refused, with the place', () => {
    const problems = (workload: string) =>
      problemsOf(withService(`rollback: { via: { kubernetes: { namespace: shop${workload} } } }`));
    const expected = 'expected exactly one of deployment, statefulSet, daemonSet';
    expect(problems('')).toEqual([expect.stringContaining(`via.kubernetes: found none of them, ${expected}`)]);
    expect(problems(', deployment: a, daemonSet: b')).toEqual([
      expect.stringContaining('found deployment and daemonSet'),
    ]);
    expect(problems(', deploiment: a').join()).toContain('found the unknown key "deploiment", expected deployment');
  });

  test('the watch of pods: namespaces, the site whose collector does it, and the context', () => {
    const text = withService('site: eu');
    expect(configOf(text).kubernetes).toBe(null);
    expect(configOf(`kubernetes: { namespaces: [shop, pay], site: eu, context: prod }\n${text}`).kubernetes).toEqual({
      namespaces: ['shop', 'pay'],
      site: 'eu',
      context: 'prod',
    });
    expect(problemsOf(`kubernetes: { namespaces: [] }\n${text}`)[0]).toContain('expected at least one namespace');
  });
});
