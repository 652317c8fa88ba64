/** What happened in an incident, as a Markdown document to finish by hand: timeline, evidence, decisions, figures, follow-ups. */
import type { AuditEntry } from '../incident/audit.ts';
import type { Incident } from '../incident/incident.ts';
import type { Rollback } from '../incident/rollback.ts';
import { formatBytes, formatDuration, formatRate } from '../units.ts';
import type { Report } from './report.ts';
import { baselinePhrase, culpritPhrase, growthPhrase, limitPhrase, oomPhrase, rssPhrase } from './slack-figures.ts';

export type PostmortemFacts = {
  incident: Incident;
  /** Null: its triage is not out yet. */
  report: Report | null;
  rollback: Rollback | null;
  trail: readonly AuditEntry[];
};

/** Longest single line of text from outside. */
const MAX_TEXT = 1000;

/** The whole document. Every name and reason is escaped: none of them makes a heading, a link or a table. */
export function renderPostmortem(facts: PostmortemFacts): string {
  const { incident, rollback, report } = facts;
  const parts = [
    `# Postmortem ${md(incident.id)}: ${md(incident.service)}`,
    '',
    ...summary(facts),
    ...chapter('Timeline (UTC)', timeline(facts)),
    ...chapter('Evidence', report === null ? ['- No report was made.'] : evidence(report)),
    ...chapter('Figures', figures(facts)),
    ...chapter('Decisions', decisions(facts)),
    ...(rollback === null ? [] : chapter('Guards at the last decision', guards(rollback))),
    ...chapter('Follow-ups', followUps(facts)),
  ];
  return `${parts.join('\n')}\n`;
}

function summary({ incident, report, rollback }: PostmortemFacts): string[] {
  const under =
    incident.umbrella === undefined ? '' : ` One of many services that were killed at once: ${md(incident.umbrella)}.`;
  const opened = `Opened ${incident.openedAt} by ${md(incident.openedBy)}, site ${md(incident.site)}, now ${incident.state}.${under}`;
  if (report === null) return [opened];
  const { action, from, to, confidence } = report.recommendation;
  const way = from === null || to === null ? '' : ` ${md(from)} → ${md(to)}`;
  const mitigation =
    rollback?.proof == null ? [] : [`Time to mitigation: ${formatDuration(rollback.proof.secondsToMitigation)}.`];
  return [
    opened,
    `Verdict: **${report.verdict}**; advice: **${action}**${way} (confidence ${confidence}).`,
    ...mitigation,
  ];
}

type Line = { at: string; text: string };

function timeline({ incident, report, rollback, trail }: PostmortemFacts): string[] {
  const lines: Line[] = [
    { at: incident.openedAt, text: `incident opened by ${md(incident.openedBy)} (${incident.symptom})` },
    ...(incident.alerts?.timeline ?? []).map(({ at, event, name, count, instance, summary: said }) => ({
      at,
      text: `${event}: ${md(name)} ×${count}${instance === null ? '' : ` on ${md(instance)}`}${said === '' ? '' : `: ${md(said)}`}`,
    })),
    ...(report?.onset == null ? [] : [{ at: report.onset.at, text: `growth began${releaseOf(report.onset.release)}` }]),
    ...(report === null
      ? []
      : [{ at: report.generatedAt, text: `report: ${report.verdict}, ${report.recommendation.action}` }]),
    ...trail.map(({ at, who, what, why }) => ({ at, text: `${md(what)} by ${md(who)}: ${md(why)}` })),
    ...(rollback?.act == null ? [] : actLines(rollback.act)),
    ...(rollback?.proof == null
      ? []
      : [{ at: rollback.proof.judgedAt, text: `${rollback.state}: ${md(rollback.proof.message)}` }]),
  ];
  return lines
    .toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at))
    .map(({ at, text }) => `- \`${utc(at)}\` ${text}`);
}

function actLines({ startedAt, endedAt, outcome, message }: NonNullable<Rollback['act']>): Line[] {
  const begun = { at: startedAt, text: 'rollback begun' };
  return endedAt === null ? [begun] : [begun, { at: endedAt, text: `rollback ${outcome ?? 'ended'}: ${md(message)}` }];
}

function releaseOf(release: string | null): string {
  return release === null ? '' : ` with ${md(release)}`;
}

function evidence(report: Report): string[] {
  const culprit = culpritPhrase(report);
  return [
    ...report.recommendation.reasons.map((reason) => `- ${md(reason)}`),
    ...(culprit === null ? [] : [`- Inside the process: ${md(culprit)}`]),
    ...(report.pattern?.evidence ?? []).map((line) => `- ${md(line)}`),
    ...(report.pattern?.counterEvidence ?? []).map((line) => `- Against it: ${md(line)}`),
    ...report.steps
      .filter(({ outcome }) => outcome !== 'ok')
      .map(({ step, note }) => `- Not measured: ${md(step)}: ${md(note)}`),
  ];
}

function figures({ report, rollback }: PostmortemFacts): string[] {
  const rows: [string, string][] = [];
  if (report !== null) {
    const oom = oomPhrase(report);
    rows.push(['Memory', rssPhrase(report)], ['Baseline', baselinePhrase(report)], ['Growth', growthPhrase(report)]);
    rows.push(['Limit', limitPhrase(report)], ['OOM kills', oom ?? 'none seen']);
  }
  if (rollback !== null) {
    rows.push(['Before the rollback', memoryPhrase(rollback.before)]);
    if (rollback.proof !== null) {
      const { after, instancesChanged, instances } = rollback.proof;
      rows.push(['After it', memoryPhrase(after)], ['Instances changed', `${instancesChanged} of ${instances}`]);
    }
  }
  if (rows.length === 0) return ['- None.'];
  return ['| figure | value |', '|---|---|', ...rows.map(([name, value]) => `| ${name} | ${md(value)} |`)];
}

function memoryPhrase({ rssBytes, growth }: Rollback['before']): string {
  const level = rssBytes === null ? 'RSS not measured' : `RSS ${formatBytes(rssBytes)}`;
  if (growth === null) return `${level}, growth not measured`;
  return `${level}, ${formatRate(growth.bytesPerHour)} (95 %: ${formatRate(growth.low)} to ${formatRate(growth.high)})`;
}

function decisions({ trail }: PostmortemFacts): string[] {
  if (trail.length === 0) return ['- Nobody decided anything.'];
  return trail.map(({ at, who, what, why }) => `- **${md(what)}** by ${md(who)} at ${utc(at)}: ${md(why)}`);
}

function guards({ guards: judged }: Rollback): string[] {
  return judged.map(({ name, state, evidence: by }) => `- ${state}: ${md(name)}: ${md(by)}`);
}

/** What is left to do, as far as it can be told from what was found; people add theirs. */
function followUps({ report, rollback }: PostmortemFacts): string[] {
  const tasks: string[] = [];
  if (report?.pattern?.fix != null) tasks.push(`Fix the cause: ${md(report.pattern.fix)}`);
  if (rollback?.state === 'recovered') tasks.push(`Keep ${md(rollback.from)} from going out again until it is fixed`);
  if (rollback?.state === 'unproven') tasks.push('Find out why nobody measured whether the rollback helped');
  if (rollback?.state === 'not-recovered') tasks.push(`Find out why going back to ${md(rollback.to)} did not help`);
  if (rollback?.state === 'failed') tasks.push('Find out why the rollback itself failed, and rehearse it');
  if (rollback?.declined?.reason === 'false-alarm')
    tasks.push('Adjust the policy or the baseline: this was a false alarm');
  if (rollback?.declined?.reason === 'known-batch')
    tasks.push('Silence the known batch, or set its level as the baseline');
  if (rollback?.declined?.reason === 'fix-forward')
    tasks.push('See that the fix is out, and that memory is healthy with it');
  if (report?.baseline === null) tasks.push('Record a healthy baseline');
  const gaps = report?.steps.filter(({ outcome }) => outcome !== 'ok') ?? [];
  for (const { step } of gaps) tasks.push(`Make ${md(step)} possible next time`);
  tasks.push('Who writes down what people saw that no machine did?');
  return tasks.map((task) => `- [ ] ${task}`);
}

function chapter(title: string, lines: readonly string[]): string[] {
  return ['', `## ${title}`, ...lines];
}

function utc(rfc3339: string): string {
  const at = new Date(rfc3339);
  return Number.isNaN(at.getTime()) ? md(rfc3339) : at.toISOString().slice(0, 19).replace('T', ' ');
}

/** Text from outside on one line, with everything that Markdown or HTML would take for its own made harmless. */
function md(raw: string): string {
  return raw
    .slice(0, MAX_TEXT)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[\p{Cf}\p{Cs}]/gu, '')
    .replace(/[\\`*_{}[\]<>|#!~@]/g, (mark) =>
      mark === '@' ? '&#64;' : mark === '<' ? '&lt;' : mark === '>' ? '&gt;' : `\\${mark}`,
    );
}
