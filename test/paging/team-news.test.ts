import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTeamSchedule } from '../../src/adapters/bullmq/team-queue.ts';
import { createShiftCursor } from '../../src/adapters/redis/shift-cursor.ts';
import type { Team } from '../../src/config/config.ts';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { type TeamNewsParts, tellTeam } from '../../src/desks/team-news.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { aTeam, type Bot, CHANNEL, SATURDAY, startBot } from './paging-rig.ts';

const MONDAY = Date.parse('2026-11-23T17:00:00Z');
const DAY = 86_400_000;
const WAIT = { timeout: 30_000, interval: 20 };

let server: TestRedis;
let workspace: Workspace;
let bot: Bot;
let runs = 0;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => await server.close());
beforeEach(async () => {
  runs += 1;
  workspace = await startWorkspace();
  bot = await startBot(server, workspace, { prefix: `{news${runs}}` });
});
afterEach(async () => {
  await bot.close();
  await workspace.close();
});

function partsFor(team: Team): TeamNewsParts {
  const { services } = bot.world.config;
  const config = { services, teams: new Map([[team.name, team]]), slack: { channel: null, readAlerts: [] } };
  return { ...bot, config, cursor: createShiftCursor(server.connect(), `{news${runs}}`) };
}

const roots = () => workspace.messages(CHANNEL).map(({ text }) => text);
const news = () => roots().filter((text) => text.startsWith('📋') || text.startsWith('🔁'));

describe('the Monday digest', () => {
  it('tells once what is open and that nobody was paged for it, however many bots do it', async () => {
    await bot.report({ verdict: 'warning', timeToLimitSeconds: null });
    await bot.refresh('M-1');
    const parts = partsFor(aTeam());
    bot.setNow(MONDAY);
    await Promise.all([1, 2, 3].map(async () => await tellTeam({ kind: 'digest', team: 'payments' }, MONDAY, parts)));
    await vi.waitFor(() => expect(news()).toHaveLength(1), WAIT);
    await tellTeam({ kind: 'digest', team: 'payments' }, MONDAY, parts);
    await tellTeam({ kind: 'digest', team: 'payments' }, MONDAY + DAY, parts);
    const [text] = news();
    expect(text).toMatch(/\*payments\* — the week until Mon 23 Nov: 1 incident, 1 still open, 0 OOM kills, 0 pages/);
    expect(text).toMatch(/M-1.* checkout: 🟠 warning, opened .*, nobody was paged/);
    expect(text).toContain('*Next:* <@U0ALICE> takes up what is open');
    expect(news()).toHaveLength(1);
  });

  it('comes on Tuesday when Monday is a holiday, and not at all when there is nothing to say', async () => {
    const parts = partsFor(aTeam({ holidays: { country: null, state: null, add: ['2026-11-23'], remove: [] } }));
    await tellTeam({ kind: 'digest', team: 'payments' }, MONDAY + DAY, parts);
    await bot.report({ verdict: 'warning', timeToLimitSeconds: null });
    await tellTeam({ kind: 'digest', team: 'payments' }, MONDAY, parts);
    await tellTeam({ kind: 'digest', team: 'payments' }, MONDAY + DAY, parts);
    await vi.waitFor(() => expect(news()).toHaveLength(1), WAIT);
    expect(news()[0]).toContain('until Tue 24 Nov');
  });

  it("is a job of each team's own zone, kept once, and gone with the team", async () => {
    const schedule = createTeamSchedule(server.connect(), `{news${runs}}`);
    const days = ['America/Los_Angeles', 'Australia/Lord_Howe'].map((timezone) => ({
      name: timezone,
      timezone,
      openMinute: 570,
    }));
    await schedule.keep(days);
    await schedule.keep(days);
    const local = (await schedule.nextRuns())
      .filter(({ job }) => job.kind === 'digest')
      .map(({ job, atMs }) =>
        new Intl.DateTimeFormat('en-GB', { timeZone: job.team, timeStyle: 'short' }).format(atMs),
      );
    expect(local).toEqual(['09:30', '09:30']);
    await schedule.keep(days.slice(0, 1));
    expect((await schedule.nextRuns()).map(({ job }) => job.team)).toEqual([
      'America/Los_Angeles',
      'America/Los_Angeles',
    ]);
    await schedule.close();
  });
});

describe('the summary of a shift', () => {
  const tick = async (parts: TeamNewsParts, atMs: number): Promise<void> => {
    bot.setNow(atMs);
    await tellTeam({ kind: 'shifts', team: 'payments' }, atMs, parts);
  };

  it('comes once when the shift has ended, with what is open and who is on call now', async () => {
    await bot.report({ verdict: 'warning', timeToLimitSeconds: null });
    const parts = partsFor(aTeam());
    await tick(parts, MONDAY - 60_000);
    expect(news()).toEqual([]);
    await tick(parts, MONDAY + 120_000);
    await tick(parts, MONDAY + 120_000);
    await tick(parts, MONDAY + 420_000);
    await vi.waitFor(() => expect(news()).toHaveLength(1), WAIT);
    const [text] = news();
    expect(text).toMatch(/🔁 \*payments\* — a shift ended at .*; now on call: <@U0ALICE>/);
    expect(text).toContain('In the shift of <@U0BOB>: 1 incident, 1 still open');
    expect(text).toContain('whoever is on call now takes up what is open');
  });

  it('mentions nobody when the shift ends at night', async () => {
    const night = aTeam({
      onCall: {
        source: 'rotation',
        members: ['U0ALICE', 'U0BOB'],
        handoff: { weekday: 7, minute: 120 },
        since: '2026-01-04',
      },
    });
    const parts = partsFor(night);
    await tick(parts, SATURDAY);
    await tick(parts, SATURDAY + DAY / 2);
    await vi.waitFor(() => expect(news()).toHaveLength(1), WAIT);
    expect(news()[0]).not.toContain('<@');
  });
});
