/**
 * On-call weeks as they could have been: teams, rotas, incidents and people from a seed, walked through time by the real
 * table, clock and pager. What went wrong is judged by the story itself, not by the code that decided.
 */
import { DateTime } from 'luxon';
import type { Team } from '../../src/config/config.ts';
import { judgeCase } from '../../src/desks/page-case.ts';
import type { Pager } from '../../src/incident/pager.ts';
import { askLevel, assess, giveUp, newPager, type PagerChange, wake } from '../../src/oncall/escalation.ts';
import { levelCount, peopleOfLevel, waitAfter } from '../../src/oncall/levels.ts';
import { LEAD_SECONDS } from '../../src/oncall/oom-clock.ts';
import { onCallAt } from '../../src/oncall/rota.ts';
import { rotationShifts } from '../../src/oncall/rotation.ts';
import { acknowledge, snooze } from '../../src/oncall/taking.ts';
import { createWorkHours, type WorkHours } from '../../src/oncall/work-hours.ts';
import { anIncident, aReport } from '../slack/reports.ts';
import { type Dice, dice, drawStory, drawTeam, MINUTE, type Story, truthAt } from './weeks-drawn.ts';

export type WeeksTold = {
  weeks: number;
  incidents: number;
  pages: number;
  raised: number;
  quiet: number;
  wrong: string[];
};

export function walkWeeks(count: number, seed: number): WeeksTold {
  const told: WeeksTold = { weeks: count, incidents: 0, pages: 0, raised: 0, quiet: 0, wrong: [] };
  for (let week = 0; week < count; week += 1) {
    const random = dice(seed + week);
    const { team, startMs } = drawTeam(random);
    for (let left = random.whole(0, 2); left > 0; left -= 1) {
      const walk = walkIncident(team, drawStory(random, startMs), random);
      told.incidents += 1;
      told.pages += walk.pager.pages.length;
      told.raised += walk.pager.raisedAt === null ? 0 : 1;
      told.quiet += walk.pager.pages.length === 0 ? 1 : 0;
      told.wrong.push(...walk.wrong.map((why) => `week ${seed + week}: ${why}`));
    }
  }
  return told;
}

type Event =
  | { at: number; kind: 'look' | 'kill' | 'recheck' | 'end' }
  | { at: number; kind: 'level'; round: number; level: number }
  | { at: number; kind: 'wake'; round: number }
  | { at: number; kind: 'ack'; userId: string; round: number };

class Walk {
  pager: Pager = newPager({ incident: 'M-12', service: 'checkout', team: 'payments' });
  readonly wrong: string[] = [];
  readonly #events: Event[] = [];
  readonly #hours: WorkHours;
  readonly #rota;
  /** The last one that could tell, and the last one. */
  #report = aReport({ verdict: 'warning' });
  #shown = this.#report;
  #endsMs: number;

  readonly team: Team;
  readonly story: Story;
  readonly random: Dice;

  constructor(team: Team, story: Story, random: Dice) {
    this.team = team;
    this.story = story;
    this.random = random;
    const known = { fromMs: story.startMs - 40 * 1440 * MINUTE, toMs: story.startMs + 40 * 1440 * MINUTE };
    if (team.onCall?.source !== 'rotation') throw new Error('weeks have rotations');
    this.#rota = rotationShifts(team.onCall, team.timezone, known);
    this.#hours = createWorkHours(team, new Map());
    this.#endsMs = story.endsMs;
    this.#events.push({ at: story.startMs, kind: 'look' }, { at: story.endsMs, kind: 'end' });
    if (story.criticalMs !== null) this.#events.push({ at: story.criticalMs, kind: 'look' });
    this.#events.push(...story.kills.map((at) => ({ at, kind: 'kill' as const })));
  }

  run(): void {
    for (let steps = 0; this.#events.length > 0 && steps < 500; steps += 1) {
      this.#events.sort((a, b) => a.at - b.at);
      const event = this.#events.shift();
      if (event === undefined || event.at > this.#endsMs) continue;
      this.#handle(event);
      // Jobs run at least once: a bot that died after its work leaves it to be done again.
      if (event.kind !== 'ack' && event.kind !== 'end' && this.random.chance(0.2)) this.#handle(event);
    }
    this.#judgeEnd();
  }

  #handle(event: Event): void {
    const { at } = event;
    switch (event.kind) {
      case 'look':
      case 'recheck':
        this.#look(at);
        return this.#consider(at);
      case 'kill':
        this.#consider(at);
        if (this.pager.state === 'snoozed' && truthAt(this.story, at, this.#endsMs) === 'oom') {
          this.wrong.push(`slept through the kill at ${iso(at)}`);
        }
        return;
      case 'end':
        this.#endsMs = at;
        return this.#consider(at);
      case 'wake':
        this.#apply(wake(this.pager, event.round, at), at);
        return this.#consider(at);
      case 'ack':
        return this.#acknowledge(event.userId, event.round, at);
      case 'level':
        return this.#level(event.round, event.level, at);
    }
  }

  /** Now and then nothing can be measured: that is no good news. Never at the first look, which would open nothing. */
  #look(at: number): void {
    const isBlind = at > this.story.startMs && at !== this.story.criticalMs && dice(Math.floor(at / 1000)).chance(0.15);
    if (!isBlind) this.#report = this.story.reportAt(at);
    const generatedAt = iso(at);
    this.#shown = isBlind
      ? { ...this.#report, generatedAt, verdict: 'inconclusive', timeToLimitSeconds: null }
      : this.#report;
  }

  #consider(at: number): void {
    const { team, story } = this;
    const truth = truthAt(story, at, this.#endsMs);
    const kills = story.kills.filter((kill) => kill <= at);
    const run = { count: kills.length, firstAt: iso(at), lastAt: iso(at) };
    const alerts = {
      schema: 1 as const,
      kills: kills.length === 0 ? null : run,
      others: null,
      instances: [],
      firing: ['f'],
      quietSince: null,
      looks: 0,
      entries: 0,
      timeline: [],
    };
    const incident = anIncident({
      state: truth === 'none' ? 'closed' : 'reported',
      symptom: story.isAsked ? 'asked' : 'memory-growth',
      ...(kills.length === 0 ? {} : { alerts }),
      round: at === story.startMs ? 1 : 2,
    });
    const judged = judgeCase({
      incident,
      report: this.#shown,
      team,
      seen: this.pager.seen,
      rollback: null,
      rota: this.#rota,
      hours: this.#hours,
      nowMs: at,
    });
    const raised = this.pager.raisedAt;
    this.#apply(assess(this.pager, judged.situation, at), at);
    if (this.pager.raisedAt !== raised && this.#hours.at(at).kind !== 'open')
      this.wrong.push(`raised off-hours at ${iso(at)}`);
    if (judged.recheckMs !== null) this.#events.push({ at: Math.max(at + MINUTE, judged.recheckMs), kind: 'recheck' });
  }

  #level(round: number, level: number, at: number): void {
    const { team } = this;
    if (level > levelCount(team)) return this.#apply(giveUp(this.pager, round, at), at);
    const userIds = peopleOfLevel(level, this.#rota, onCallAt(this.#rota, at), team.approvers);
    const asked = askLevel(this.pager, { round, level, userIds, waitSeconds: waitAfter(team, level) }, at);
    if (asked === null) return;
    this.#judgePage(userIds, level, at);
    this.#apply(asked, at);
    for (const userId of userIds) {
      const delay = this.random.whole(1, 14) * MINUTE + this.random.whole(0, 59) * 1000;
      if (this.random.chance(this.story.ackChance)) this.#events.push({ at: at + delay, kind: 'ack', userId, round });
    }
  }

  #acknowledge(userId: string, round: number, at: number): void {
    const answer = acknowledge(this.pager, userId, round, at);
    if (answer.kind === 'refused') return;
    this.#apply(answer.change, at);
    if (this.random.chance(0.15)) {
      const put = snooze(this.pager, { by: userId, untilMs: at + 120 * MINUTE, round }, at);
      if (put.kind === 'changed') this.#apply(put.change, at);
    } else {
      this.#events.push({ at: at + this.random.whole(10, 90) * MINUTE, kind: 'end' });
    }
  }

  /** Stores the change as the bot does: the jobs that are due are queued after it. */
  #apply(change: PagerChange | null, at: number): void {
    if (change === null) return;
    this.pager = change.after;
    const { state, round, level, dueAt } = this.pager;
    const dueMs = dueAt === null ? null : Math.max(at, Date.parse(dueAt));
    if (dueMs === null) return;
    if (state === 'snoozed') this.#events.push({ at: dueMs, kind: 'wake', round });
    if (state === 'paging' || state === 'waiting')
      this.#events.push({ at: dueMs, kind: 'level', round, level: level + 1 });
  }

  /** Nobody is paged without need, after somebody took it, or in the place of somebody else. */
  #judgePage(userIds: readonly string[], level: number, at: number): void {
    const { pager, story, team } = this;
    const truth = truthAt(story, at, this.#endsMs);
    if (pager.state === 'held' || pager.state === 'snoozed')
      this.wrong.push(`paged at ${iso(at)} although ${pager.state}`);
    const isUrgent = truth === 'oom' || truth === 'critical';
    const earliestMs = Date.parse(this.#report.generatedAt) + (this.#report.timeToLimitSeconds?.low ?? Infinity) * 1000;
    const isDying = truth === 'warning' && earliestMs - at <= (LEAD_SECONDS + 960) * 1000;
    // Further levels follow from the first: nobody answered it.
    if (level === 1 && !isUrgent && !isDying) this.wrong.push(`paged without need at ${iso(at)}: ${truth}`);
    if (level === 1 && userIds.join() !== onCallBySimpleCount(team, at))
      this.wrong.push(`paged ${userIds.join()} at ${iso(at)}`);
  }

  /** Nobody is missed. */
  #judgeEnd(): void {
    const { pager, story, team, wrong } = this;
    const { pages } = pager;
    const patience = story.isAsked ? waitAfter(team, 1) * 1000 : 0;
    const urgentMs = Math.min(story.criticalMs ?? Infinity, story.kills[0] ?? Infinity);
    const isReached = urgentMs + patience < this.#endsMs;
    const isTold = pages.some((page) => Date.parse(page.at) <= urgentMs + patience);
    if (isReached && !isTold) wrong.push(`nobody was paged for what was urgent at ${iso(urgentMs)}`);
    const keys = pages.map(({ round, level }) => `${round}/${level}`);
    if (new Set(keys).size !== keys.length) wrong.push(`a level was asked twice: ${keys.join(' ')}`);
    for (const [index, { round, level, at }] of pages.entries()) {
      const before = pages[index - 1];
      const isFirst = before === undefined || before.round !== round;
      const wait = before === undefined || before.userIds.length === 0 ? 0 : waitAfter(team, before.level);
      const isPunctual = isFirst || Date.parse(at) === Date.parse(before.at) + wait * 1000;
      if (level !== (isFirst ? 1 : before.level + 1) || !isPunctual)
        wrong.push(`level ${level} of round ${round} at ${at}`);
    }
    const isUnfinished = pager.state === 'paging' && pager.dueAt !== null && Date.parse(pager.dueAt) < this.#endsMs;
    if (isUnfinished) wrong.push(`the escalation stood still at level ${pager.level}`);
    const [kill] = story.kills;
    const hadTime = kill !== undefined && kill < this.#endsMs && kill - story.startMs > (LEAD_SECONDS + 1800) * 1000;
    const wasOff = kill !== undefined && this.#hours.at(kill).kind !== 'open';
    const isWarned = pager.raisedAt !== null || pages.some((page) => Date.parse(page.at) < (kill ?? 0));
    if (hadTime && wasOff && !story.isSudden && !isWarned)
      wrong.push(`killed off-hours at ${iso(kill)} without a word before`);
  }
}

function walkIncident(team: Team, story: Story, random: Dice): Walk {
  const walk = new Walk(team, story, random);
  walk.run();
  return walk;
}

/** Weeks counted on the wall clock, by nothing that the rotation itself uses. */
function onCallBySimpleCount({ onCall, timezone }: Team, at: number): string {
  if (onCall?.source !== 'rotation') return '';
  const { members, handoff, since } = onCall;
  const local = DateTime.fromMillis(at, { zone: timezone });
  const wall = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute);
  const first = Date.parse(`${since}T00:00:00Z`) + handoff.minute * MINUTE;
  return members[Math.floor((wall - first) / (7 * 1440 * MINUTE)) % members.length] ?? '';
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
