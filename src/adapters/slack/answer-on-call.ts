/** Who is on call, in words for the one who asked. */
import type { Person, Shift, Span } from '../../oncall/rota.ts';
import { shortSpan, shortTime } from '../../oncall/zone-time.ts';
import { escapeMrkdwn, localTime, mention } from '../../report/slack-blocks.ts';
import { formatDuration } from '../../units.ts';
import type { OnCallView } from './command-desk.ts';

const GAPS_SHOWN = 5;
const PROBLEMS_SHOWN = 3;
const MEMBERS_SHOWN = 15;

/** Lines of mrkdwn, some for each team. */
export function onCallLines(views: readonly OnCallView[]): string[] {
  if (views.length === 0) return ['No team is configured. Add one under `teams:` in memtriage.yaml.'];
  return views.flatMap(teamLines);
}

function teamLines(view: OnCallView): string[] {
  const { team, timezone, nowMs, work, known, problems } = view;
  const clock = `${escapeMrkdwn(timezone, 60)}, ${shortTime(nowMs, nowMs, timezone)}`;
  const head = `*${escapeMrkdwn(team, 80)}* (${clock}; ${escapeMrkdwn(work)})`;
  const told = problems.slice(0, PROBLEMS_SHOWN).map((problem) => `⚠ ${escapeMrkdwn(problem)}`);
  if (known.outcome !== 'ok') {
    return [head, `🟠 not known who is on call: ${escapeMrkdwn(known.why)}. ${escapeMrkdwn(known.tryThis)}.`, ...told];
  }
  const { people, hasShifts, now, next, backup, gaps, source, ageSeconds, staleWhy } = known.value;
  const until = (shift: Shift): string =>
    `until ${shortTime(shift.toMs, nowMs, timezone)} (${localTime(toIso(shift.toMs))})`;
  const present = now === null ? '*nobody*' : `${personName(now.person)} ${until(now)}`;
  const coming =
    next === null ? 'nobody' : `${personName(next.person)} from ${shortTime(next.fromMs, nowMs, timezone)}`;
  const age =
    staleWhy === null
      ? `${formatDuration(ageSeconds)} old`
      : `*${formatDuration(ageSeconds)} old*: ${escapeMrkdwn(staleWhy)}`;
  const origin = `source: ${escapeMrkdwn(source, 100)}, ${age}`;
  if (!hasShifts) return [head, groupLine(people), origin, ...told];
  return [
    head,
    `now: ${present} · next: ${coming} · backup: ${backup === null ? 'nobody' : personName(backup)}`,
    gapLine(gaps, nowMs, timezone),
    origin,
    ...told,
  ];
}

function groupLine(people: readonly Person[]): string {
  if (people.length === 0) return '🟠 now: *nobody*, the group has no members';
  const more = people.length > MEMBERS_SHOWN ? ` and ${people.length - MEMBERS_SHOWN} more` : '';
  return `now: ${people.slice(0, MEMBERS_SHOWN).map(personName).join(', ')}${more} (members of the group now; no hand-offs known)`;
}

function gapLine(gaps: readonly Span[], nowMs: number, timezone: string): string {
  if (gaps.length === 0) return 'no gap in the coming 14 days';
  const shown = gaps.slice(0, GAPS_SHOWN).map(({ fromMs, toMs }) => shortSpan(fromMs, toMs, nowMs, timezone));
  const more = gaps.length > GAPS_SHOWN ? ` and ${gaps.length - GAPS_SHOWN} more` : '';
  return `🟠 nobody on call: ${shown.join(', ')}${more}`;
}

/** A mention where Slack knows the person; else their name, and that nobody can be paged by it. */
export function personName({ userId, name }: Person): string {
  return userId === null ? `${escapeMrkdwn(name, 80)} (not known to Slack)` : mention(userId);
}

function toIso(ms: number): string {
  return new Date(ms).toISOString();
}
