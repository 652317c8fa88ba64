/** Many services that were killed at once, in words: the umbrella's root, one reply a report, and a line for the others. */

import type { Pager } from '../incident/pager.ts';
import { type ChildReport, nodesOf, type Umbrella, type UmbrellaChild } from '../incident/umbrella.ts';
import { suspectOf } from '../incident/umbrella-suspect.ts';
import { formatRate } from '../units.ts';
import { killsText } from './kills-text.ts';
import type { Report } from './report.ts';
import { headline } from './slack-advice.ts';
import {
  context,
  escapeMrkdwn,
  fitMessage,
  link,
  localTime,
  type SlackMessage,
  section,
  utcTime,
} from './slack-blocks.ts';
import { NO_PART, type RootPart } from './slack-buttons.ts';
import { growthPhrase, limitPhrase, oomPhrase, rssPhrase } from './slack-figures.ts';
import { pagerPart } from './slack-pager.ts';

/** What fits on two screens of a phone; the rest is counted. */
const SHOWN_CHILDREN = 20;
/** Of one section: a line has two links at the most, and a section holds 3,000 characters. */
const IN_ONE_SECTION = 10;

/** Address of the thread of an incident; null: it has none, or Slack did not tell. */
export type AddressOf = (incident: string) => string | null;

/** What is known beside the umbrella itself. `pagerOf`: of a child, null when it has none. */
export type UmbrellaContext = { addressOf: AddressOf; pagerOf: (incident: string) => Pager | null };

/** The root: its state first, then who may be behind it and who acts next, then every service. */
export function renderUmbrellaRoot(umbrella: Umbrella, { addressOf, pagerOf }: UmbrellaContext): SlackMessage {
  const { id, openedAt } = umbrella;
  const shown = [...umbrella.children].sort(byImportance).slice(0, SHOWN_CHILDREN);
  const left = umbrella.children.length - shown.length;
  const more = left > 0 ? [`… and ${left} more`] : [];
  const suspect = suspectLine(umbrella);
  const pages = umbrella.pages.map((page) => pageLine(page, pagerOf(page.incident)));
  const lines = shown.map((child) => childLine(child, addressOf(child.incident)));
  const small = [escapeMrkdwn(id, 20), `since ${localTime(openedAt)}`, 'the report of each service comes as one reply'];
  const plain = `${escapeMrkdwn(id, 20)}, since ${utcTime(openedAt)}; the report of each service comes as one reply.`;
  const names = shown.map((child) => childLine(child, null));
  return fitMessage([`${head(umbrella, utcTime)}.`, suspect, ...pages, plain, ...names, ...more].join('\n'), [
    section([bold(head(umbrella, localTime)), suspect, ...pages]),
    section(lines.slice(0, IN_ONE_SECTION)),
    ...(lines.length > IN_ONE_SECTION ? [section([...lines.slice(IN_ONE_SECTION), ...more])] : []),
    context(small),
  ]);
}

/** What goes on before what is over, and in each the most kills first. */
function byImportance(a: UmbrellaChild, b: UmbrellaChild): number {
  return Number(isOver(a)) - Number(isOver(b)) || b.kills - a.kills || a.firstKillAt.localeCompare(b.firstKillAt);
}

function isOver({ state, quietSince }: UmbrellaChild): boolean {
  return state === 'closed' || quietSince !== null;
}

function head(umbrella: Umbrella, time: (rfc3339: string) => string): string {
  const { children, endedAt } = umbrella;
  const what = escapeMrkdwn(killsText(umbrella));
  if (endedAt !== null && children.every(isOver)) return `🟢 Over since ${time(endedAt)}: ${what}`;
  const newest =
    children
      .map(({ lastKillAt }) => lastKillAt)
      .sort()
      .at(-1) ?? endedAt;
  if (endedAt !== null && newest !== null) return `⚪ No further kill since ${time(newest)}: ${what}`;
  const reports = children.filter(({ report }) => report !== null).length;
  const state =
    reports < children.length ? `triage running (${reports} of ${children.length} reports)` : 'every report is out';
  return `🔴 ${what} — ${state}`;
}

function bold(line: string): string {
  const [sign = '', ...words] = line.split(' ');
  return `${sign} *${words.join(' ')}*`;
}

function suspectLine(umbrella: Umbrella): string {
  const found = suspectOf(umbrella);
  switch (found.kind) {
    case 'pending':
      return 'Suspect of the pressure: not known before every report is out';
    case 'unknown':
      return `Suspect of the pressure: can't tell, ${escapeMrkdwn(found.why)}`;
    case 'suspect': {
      const of = `the most of ${found.measured} services that were measured`;
      return `Suspect of the pressure: *${escapeMrkdwn(found.child.service, 80)}*, which grew by ${formatRate(found.bytesPerHour)}, ${of}`;
    }
  }
}

/** For whom a team was paged, and who acts next: `payments, for checkout (M-12): ✋ Held by @alice …`. */
function pageLine({ team, service, incident }: Umbrella['pages'][number], pager: Pager | null): string {
  const whom = `${escapeMrkdwn(team, 60)}, for ${escapeMrkdwn(service, 80)} (${escapeMrkdwn(incident, 20)})`;
  const state = pager === null ? undefined : pagerPart(pager).lines.at(-1);
  return `${whom}: ${state ?? '📟 paged once'}`;
}

/** `• checkout ×3 — INVESTIGATE NOW (critical) · M-12`. */
function childLine(child: UmbrellaChild, address: string | null): string {
  const { service, kills, report, incident, hasThread, quietSince, silencedUntil, state } = child;
  const verdict = report === null ? '⏳ triage running' : `${report.sign} ${escapeMrkdwn(report.words, 120)}`;
  const over = state === 'closed' ? ['closed'] : quietSince === null ? [] : [`quiet since ${utcTime(quietSince)}`];
  const silenced = silencedUntil === null ? [] : [`🔕 silenced until ${utcTime(silencedUntil)}`];
  const id = address === null ? escapeMrkdwn(incident, 20) : link(address, `thread of ${incident}`);
  const place = hasThread && address === null ? `${id}, in its own thread` : id;
  return `• *${escapeMrkdwn(service, 80)}* ×${kills} — ${[verdict, ...over, ...silenced, place].join(' · ')}`;
}

/** A report in short. `page`: the signed address of all of it. */
export function toChildReport(report: Report, round: number, page: string | null): ChildReport {
  const { growth, recommendation, verdict } = report;
  const oom = oomPhrase(report);
  return {
    round,
    verdict,
    ...headline(report),
    figures: [rssPhrase(report), growthPhrase(report), limitPhrase(report), ...(oom === null ? [] : [oom])],
    why: recommendation.reasons[0] ?? '',
    page,
    growth: growth === null ? null : { bytesPerHour: growth.bytesPerHour, low: growth.low, high: growth.high },
    advisesRollback: recommendation.action === 'rollback',
  };
}

/** The report of a child that has no thread of its own, as one reply; null: it is not out yet. */
export function renderChildReport({ service, incident, report }: UmbrellaChild): SlackMessage | null {
  if (report === null) return null;
  const name = escapeMrkdwn(service, 80);
  const words = escapeMrkdwn(report.words, 120);
  const figures = report.figures.map((figure) => escapeMrkdwn(figure)).join(' · ');
  const why = report.why === '' ? [] : [`Why: ${escapeMrkdwn(report.why)}`];
  const id = escapeMrkdwn(incident, 20);
  const page = report.page === null ? `\`/memtriage status ${id}\` tells its story` : link(report.page, 'full report');
  const own = `\`/memtriage ${name}\` opens a thread of its own`;
  return fitMessage([`${report.sign} ${name}: ${words}. Case ${id}.`, figures, ...why, `${page}; ${own}.`].join('\n'), [
    section([`${report.sign} *${name}* — *${words}*`, figures, ...why]),
    context([id, page, own]),
  ]);
}

/** For the root of a child that has its own thread. */
export function umbrellaPart(umbrella: Umbrella, address: string | null): RootPart {
  const name = address === null ? escapeMrkdwn(umbrella.id, 20) : link(address, umbrella.id);
  const nodes = nodesOf(umbrella);
  const where = nodes.length === 1 ? ` on node ${escapeMrkdwn(nodes[0] ?? '', 80)}` : '';
  return { ...NO_PART, lines: [`☂️ One of many services that were killed at once${where}: ${name}`] };
}
