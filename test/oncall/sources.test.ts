import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listPublicHolidays } from '../../src/adapters/on-call/public-holidays.ts';
import { onCallLines } from '../../src/adapters/slack/answer-on-call.ts';
import { createPeopleByEmail } from '../../src/adapters/slack/people-by-email.ts';
import { createSlackWeb } from '../../src/adapters/slack/slack-web.ts';
import { createUserGroups } from '../../src/adapters/slack/user-groups.ts';
import type { Config, OnCall, Service, Team } from '../../src/config/config.ts';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { createOffHours } from '../../src/desks/off-hours.ts';
import { viewOnCall } from '../../src/desks/on-call-desk.ts';
import { createRotas, type Rotas } from '../../src/desks/rotas.ts';
import type { World } from '../../src/main/world.ts';
import { silent } from '../slack/outbox-rig.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

/** Saturday 14:02 in Los Angeles. */
const NOW = Date.parse('2026-11-21T22:02:00Z');
let nowMs = NOW;
let server: TestRedis;
let redis: Redis;
let workspace: Workspace;
let http: Server;
let origin: string;
let answer: RequestListener;
let dir: string;
let runs = 0;
/** Changed by tests, as admins change groups. */
const onCallGroup = { id: 'S0PAYONCALL', handle: 'pay-oncall', users: ['U0ALICE', 'U0BOB'] };
const GROUPS = [onCallGroup, { id: 'S0EMPTY', handle: 'empty', users: [] }];

beforeAll(async () => {
  [server, workspace, dir] = await Promise.all([
    startRedis(),
    startWorkspace({ userGroups: GROUPS }),
    mkdtemp(join(tmpdir(), 'mt-rota-')),
  ]);
  redis = server.connect();
  http = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address = http.address();
  origin = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
});
afterAll(async () => {
  const closed = new Promise((resolve) => http.close(resolve));
  // What was asked keeps its connection for the next question, and a server waits for it.
  http.closeAllConnections();
  await closed;
  await Promise.all([server.close(), workspace.close(), rm(dir, { recursive: true, force: true })]);
});
beforeEach(() => {
  nowMs = NOW;
  runs += 1;
});

function teamWith(onCall: OnCall | null, holidays: Partial<Team['holidays']> = {}): Team {
  return {
    name: 'payments',
    timezone: 'America/Los_Angeles',
    channel: 'C0PAY',
    businessHours: { weekdays: [1, 2, 3, 4, 5], fromMinute: 540, toMinute: 1080 },
    holidays: { country: null, state: null, add: [], remove: [], ...holidays },
    onCall,
    escalateAfterSeconds: [300, 300, 600],
    approvers: [],
    twoPerson: 'never',
  };
}

function rotasOfBot(): Rotas {
  const web = createSlackWeb({ botToken: workspace.botToken, slackApiUrl: workspace.apiUrl, logger: silent });
  const handle = { command: () => redis, prefix: `{run${runs}}` } as World['redis'];
  const findPeople = createPeopleByEmail(web);
  return createRotas({
    redis: handle,
    pagerDuty: { token: 'pd-token-1', url: origin },
    signal: new AbortController().signal,
    findPeople,
    membersOf: createUserGroups(web, () => nowMs).membersOf,
    now: () => nowMs,
  });
}

/** What `/memtriage oncall` shows. */
async function shown(team: Team, rotas: Rotas, patienceMs = 60_000): Promise<string> {
  const views = await viewOnCall([team], rotas, nowMs, patienceMs);
  return onCallLines(views).join('\n');
}

const WEEKLY = (who: string, since: string): string =>
  `BEGIN:VEVENT\r\nUID:${who}\r\nDTSTART;TZID=America/Los_Angeles:${since}T090000\r\nDURATION:P7D\r\nRRULE:FREQ=WEEKLY;INTERVAL=2\r\nSUMMARY:${who}\r\nEND:VEVENT`;
const CALENDAR = (...events: string[]): string => ['BEGIN:VCALENDAR', ...events, 'END:VCALENDAR', ''].join('\r\n');
const PRIMARY = CALENDAR(WEEKLY('U0ALICE1', '20261102'), WEEKLY('bob@example.com', '20261109'));

describe('/memtriage oncall', () => {
  it('tells now, next, backup and source of a rotation, and why nobody is at work', async () => {
    const rotation: OnCall = {
      source: 'rotation',
      members: ['U0ALICE', 'U0BOB'],
      handoff: { weekday: 1, minute: 540 },
      since: '2026-01-05',
    };
    const text = await shown(teamWith(rotation), rotasOfBot());
    expect(text).toContain('*payments* (America/Los_Angeles, Sat 14:02; weekend, back Mon 09:00)');
    expect(text).toMatch(/now: <@U0BOB> until Mon 09:00 .* next: <@U0ALICE> from Mon 09:00 · backup: <@U0ALICE>/);
    expect(text).toContain('no gap in the coming 14 days');
    expect(text).toContain('source: rotation, 0 s old');
  });

  it('reads calendar files, with overrides before the primary and people found by their address', async () => {
    const [primary, overrides] = [join(dir, 'pay.ics'), join(dir, 'overrides.ics')];
    await writeFile(primary, PRIMARY);
    const swap =
      'BEGIN:VEVENT\r\nUID:s\r\nDTSTART:20261121T200000Z\r\nDTEND:20261122T040000Z\r\nSUMMARY:U0CAROL3\r\nEND:VEVENT';
    await writeFile(overrides, CALENDAR(swap));
    const text = await shown(teamWith({ source: 'ics', primary, overrides }), rotasOfBot());
    expect(text).toMatch(/now: <@U0CAROL3> until Sat 20:00 .* next: <@U0ALICE1> from Sat 20:00/);
    nowMs = Date.parse('2026-11-24T22:00:00Z');
    expect(await shown(teamWith({ source: 'ics', primary, overrides }), rotasOfBot())).toContain('now: <@U0BOB> until');
  });

  it('goes on with the last good answer of an address that fails, and says its age and why', async () => {
    answer = (_request, response) => response.end(PRIMARY);
    const team = teamWith({ source: 'ics', primary: `${origin}/private-secret.ics`, overrides: null });
    expect(await shown(team, rotasOfBot())).toContain('now: <@U0ALICE1>');
    answer = (_request, response) => response.writeHead(503).end();
    nowMs += 2 * 3_600_000;
    const text = await shown(team, rotasOfBot());
    expect(text).toContain('now: <@U0ALICE1>');
    expect(text).toMatch(/\*2 h old\*: the calendar of 127\.0\.0\.1:\d+ answered with status 503/);
    expect(text).not.toContain('private-secret');
  });

  it('keeps those who were found by their address while Slack does not answer, and asks again for others', async () => {
    const primary = join(dir, 'by-address.ics');
    await writeFile(primary, PRIMARY);
    const team = teamWith({ source: 'ics', primary, overrides: null });
    nowMs = Date.parse('2026-11-24T22:00:00Z');
    const away = { method: 'users.lookupByEmail', kind: 'http-500' } as const;
    workspace.faults.add(away);
    const text = await shown(team, rotasOfBot());
    expect(text).toContain('Slack did not tell who has the address bob@example.com');
    expect(await shown(team, rotasOfBot())).toContain('now: <@U0BOB> until');
    nowMs += 3_600_000;
    workspace.faults.add(away);
    expect(await shown(team, rotasOfBot())).toContain('now: <@U0BOB> until');
  });

  it('says that it is not known who is on call when nothing was ever read', async () => {
    answer = (_request, response) => response.end('<html>sign in</html>');
    const broken = teamWith({ source: 'ics', primary: `${origin}/x.ics`, overrides: null });
    expect(await shown(broken, rotasOfBot())).toMatch(/🟠 not known who is on call: .* it is no iCal calendar/);
    answer = () => {};
    const rotas = rotasOfBot();
    expect(await shown(broken, rotas, 1500)).toContain('it did not answer within 1.5 s');
  });

  it('shows gaps, and people whom Slack does not know as a gap', async () => {
    answer = (_request, response) =>
      response.end(CALENDAR(WEEKLY('U0ALICE1', '20261102'), WEEKLY('Carol', '20261109')));
    const team = teamWith({ source: 'ics', primary: `${origin}/gaps.ics`, overrides: null });
    nowMs = Date.parse('2026-11-17T20:00:00Z');
    const text = await shown(team, rotasOfBot());
    expect(text).toContain('🟠 nobody on call: Mon 23 Nov 09:00-Mon 30 Nov 09:00');
    expect(text).toContain('⚠ "Carol" is nobody in Slack');
  });
});

describe('PagerDuty', () => {
  const entry = (name: string, start: string | null, end: string | null, more = {}) => ({
    escalation_level: 1,
    start,
    end,
    user: { type: 'user', name, email: `${name.toLowerCase()}@example.com`, ...more },
  });

  it('is asked with its token for the schedule, page by page', async () => {
    const asked: { auth: string | undefined; query: URLSearchParams }[] = [];
    answer = (request, response) => {
      const query = new URL(request.url ?? '/', origin).searchParams;
      asked.push({ auth: request.headers.authorization, query });
      const isFirst = query.get('offset') === '0';
      const page = isFirst
        ? [entry('Alice', '2026-11-16T17:00:00Z', '2026-11-23T17:00:00Z')]
        : [entry('Zed', '2026-11-23T17:00:00Z', null, { job_title: 'SRE U0ZED99' })];
      response.end(JSON.stringify({ oncalls: page, more: isFirst, limit: 100, offset: 0 }));
    };
    const text = await shown(teamWith({ source: 'pagerduty', schedule: 'PSCHED1' }), rotasOfBot());
    expect(text).toMatch(/now: <@U0ALICE> until Mon 09:00 .* next: <@U0ZED99>/);
    expect(text).toContain('source: PagerDuty schedule PSCHED1');
    expect(asked.map(({ query }) => query.get('offset'))).toEqual(['0', '100']);
    expect(asked[0]?.auth).toBe('Token token=pd-token-1');
    expect(asked[0]?.query.getAll('schedule_ids[]')).toEqual(['PSCHED1']);
  });

  it('that refuses the token, or answers nonsense, is a failure with its cure', async () => {
    answer = (_request, response) => response.writeHead(401).end('{}');
    const refused = await rotasOfBot().rotaOf(teamWith({ source: 'pagerduty', schedule: 'P2' }));
    expect(refused).toMatchObject({ outcome: 'error', who: 'operator', why: 'PagerDuty answered with status 401' });
    answer = (_request, response) => response.end('{"oncalls":"x"}');
    const nonsense = await rotasOfBot().rotaOf(teamWith({ source: 'pagerduty', schedule: 'P3' }));
    expect(nonsense).toMatchObject({ outcome: 'error', who: 'upstream' });
  });
});

describe('public holidays', () => {
  it('are those of country and state, of type public, over the turn of the year', async () => {
    const listed = await listPublicHolidays({ country: 'US', state: 'CA' }, 2026);
    if (listed.outcome !== 'ok') throw new Error(listed.why);
    expect(listed.value.get('2026-07-03')).toBe('Independence Day (substitute day)');
    expect(listed.value.get('2027-01-01')).toBe("New Year's Day");
    expect(listed.value.has('2026-02-14')).toBe(false);
  });

  it('of a place without a calendar are told with those there are, and weekends stand without them', async () => {
    const team = teamWith(null, { country: 'US', state: 'XX' });
    const { hours, problems } = await rotasOfBot().hoursOf(team, 60_000);
    expect(problems).toEqual(['public holidays are not known: the state XX of US has no calendar of public holidays']);
    expect(hours.at(NOW).kind).toBe('weekend');
  });

  it('that are not known leave it open whether the team is at work on a weekday, and not at a weekend', async () => {
    const team = teamWith(null, { country: 'US', state: 'XX' });
    const rotas = rotasOfBot();
    await rotas.hoursOf(team, 60_000);
    const isOffHours = createOffHours({ config: { teams: new Map([['payments', team]]) } as unknown as Config }, rotas);
    const service = { team: 'payments' } as Service;
    const thanksgivingNoon = Date.parse('2026-11-26T20:00:00Z');
    expect(await isOffHours(service, thanksgivingNoon)).toBeNull();
    expect(await isOffHours(service, NOW)).toBe(true);
    const known = teamWith(null, { country: 'US', state: 'CA' });
    await rotas.hoursOf(known, 60_000);
    const sure = createOffHours({ config: { teams: new Map([['payments', known]]) } as unknown as Config }, rotas);
    expect(await sure(service, thanksgivingNoon)).toBe(true);
    expect(await sure(service, thanksgivingNoon - 86_400_000)).toBe(false);
  });
});

describe('user groups of Slack', () => {
  const team = () => teamWith({ source: 'userGroup', group: 'S0PAYONCALL' });

  it('are on call together, as they are now; hand-offs and gaps are not known of them', async () => {
    const rotas = rotasOfBot();
    expect((await shown(team(), rotas)).split('\n').slice(1)).toEqual([
      'now: <@U0ALICE>, <@U0BOB> (members of the group now; no hand-offs known)',
      'source: user group S0PAYONCALL, 0 s old',
    ]);
    onCallGroup.users = ['U0BOB'];
    nowMs += 61_000;
    expect(await shown(team(), rotas)).toContain('now: <@U0BOB> (members');
    onCallGroup.users = ['U0ALICE', 'U0BOB'];
  });

  it('that Slack does not tell of are taken from its last good answer, with its age and why', async () => {
    const rotas = rotasOfBot();
    await shown(team(), rotas);
    nowMs += 3 * 3_600_000;
    workspace.faults.add({ method: 'usergroups.users.list', kind: 'http-500' });
    const text = await shown(team(), rotas);
    expect(text).toContain('now: <@U0ALICE>, <@U0BOB>');
    expect(text).toMatch(/\*3 h old\*: who is in the user group S0PAYONCALL is not known: Slack did not answer/);
  });

  it('that have no members, or are none, are nobody on call, and that is told', async () => {
    expect(await shown(teamWith({ source: 'userGroup', group: 'S0EMPTY' }), rotasOfBot())).toContain(
      '🟠 now: *nobody*, the group has no members',
    );
    const wrong = await shown(teamWith({ source: 'userGroup', group: 'S0NONE' }), rotasOfBot());
    expect(wrong).toMatch(/not known who is on call: .*no_such_subteam\. Correct the id of the group/);
  });

  it('are not answered for by the schedule that the team had before', async () => {
    const rotas = rotasOfBot();
    await writeFile(join(dir, 'before.ics'), PRIMARY);
    await shown(teamWith({ source: 'ics', primary: join(dir, 'before.ics'), overrides: null }), rotas);
    expect(await shown(team(), rotas)).toContain('source: user group S0PAYONCALL');
    // Nor by another calendar of the same host.
    answer = (request, response) =>
      request.url === '/old.ics' ? response.end(PRIMARY) : response.writeHead(404).end();
    const calendarOf = (name: string) => teamWith({ source: 'ics', primary: `${origin}/${name}`, overrides: null });
    expect(await shown(calendarOf('old.ics'), rotas)).toContain('now: <@U0ALICE1>');
    expect(await shown(calendarOf('new.ics'), rotas)).toMatch(/not known who is on call: .* status 404/);
  });

  it('are kept for a minute; a look-up that fails is no empty group', async () => {
    const grouped = await startWorkspace({ userGroups: [{ id: 'S0LEADS', handle: 'leads', users: ['U0ALICE'] }] });
    try {
      const web = createSlackWeb({ botToken: grouped.botToken, slackApiUrl: grouped.apiUrl, logger: silent });
      let clock = 0;
      const groups = createUserGroups(web, () => clock);
      expect(await groups.membersOf('S0LEADS')).toEqual({ outcome: 'ok', value: ['U0ALICE'] });
      grouped.faults.add({ method: 'usergroups.users.list', kind: 'http-500' });
      clock = 59_000;
      expect((await groups.membersOf('S0LEADS')).outcome).toBe('ok');
      clock = 61_000;
      expect(await groups.membersOf('S0LEADS')).toMatchObject({ outcome: 'inconclusive', who: 'upstream' });
      expect(await groups.membersOf('S0NONE')).toMatchObject({ outcome: 'error', who: 'operator' });
    } finally {
      await grouped.close();
    }
  });
});
