/** A replay as people read it in a terminal, and as programs do. */
import { printable } from '../report/report-text.ts';
import { formatBytes, formatDuration, formatRate } from '../units.ts';
import type { Replay, ReplayedAlarm, ReplayedKill } from '../watch/replay.ts';
import { lastedSeconds, summarize } from '../watch/replay-summary.ts';

/** `name`: where the policy comes from, as the reader would call it. */
export type NamedReplay = { name: string; replay: Replay };

/** `askedSeconds`: how far back the reader wanted to see. */
export type ReplayedService = {
  service: string;
  source: string;
  askedSeconds: number;
  replays: readonly NamedReplay[];
};

/** One line an alarm and one an OOM kill for each policy, then the figures side by side. */
export function renderReplayText({ service, source, askedSeconds, replays }: ReplayedService): string {
  const [first] = replays;
  if (first === undefined) return '';
  const { fromSeconds, untilSeconds } = first.replay;
  const span = `${utc(fromSeconds)} to ${utc(untilSeconds)} (${formatDuration(untilSeconds - fromSeconds)})`;
  return [
    `${service}, ${span}, recorded by ${source}`,
    ...reachesLess(askedSeconds, untilSeconds - fromSeconds),
    ...replays.flatMap((each) => ['', ...replayLines(each)]),
    '',
    ...summaryLines(replays),
    '',
  ]
    .map(printable)
    .join('\n');
}

/** A day less of a fortnight is worth a line, a minute is not. */
const WORTH_TELLING = 0.02;

function reachesLess(askedSeconds: number, seenSeconds: number): string[] {
  if (seenSeconds >= (1 - WORTH_TELLING) * askedSeconds) return [];
  const seen = formatDuration(seenSeconds);
  return [
    `Asked for ${formatDuration(askedSeconds)}, but only the last ${seen} are recorded: what came before can't be told.`,
    'How long samples are kept is `sampling.keep`, or the retention of Prometheus.',
  ];
}

function replayLines({ name, replay }: NamedReplay): string[] {
  const { alarms, oomKills, baselines, looks, told, everySeconds } = replay;
  return [
    `${name}: ${looks} looks, one each ${formatDuration(everySeconds)}; ${told} could tell`,
    ...baselines.map(
      ({ at, release, bytes }) => `  ${utc(at)}  baseline  ${release ?? 'release unknown'}, ${formatBytes(bytes)}`,
    ),
    ...(alarms.length === 0 ? ['  no alarm'] : alarms.map(alarmLine)),
    ...(oomKills ?? []).map((kill) => killLine(kill, replay.fromSeconds)),
  ];
}

function alarmLine(alarm: ReplayedAlarm): string {
  const { openedAt, level, worsenedAt, closedAt, release, bytesPerHour, why, borneOutBy } = alarm;
  const parts = [
    `for ${formatDuration(lastedSeconds(alarm))}`,
    ...(worsenedAt === null ? [] : [`critical after ${formatDuration(worsenedAt - openedAt)}`]),
    release ?? 'release unknown',
    ...(bytesPerHour === null ? [] : [formatRate(bytesPerHour)]),
    { 'oom-kill': 'an OOM kill followed', leak: 'the leak went on', none: 'nothing followed' }[borneOutBy ?? 'none'],
    closedAt === null ? 'still open' : `closed ${utc(closedAt)}`,
  ];
  return `  ${utc(openedAt)}  ${level.padEnd(8)}  ${parts.join(', ')}: ${why}`;
}

function killLine({ at, leadSeconds }: ReplayedKill, fromSeconds: number): string {
  const lead =
    leadSeconds === null
      ? `no alarm before it, ${formatDuration(at - fromSeconds)} after the first sample`
      : `${formatDuration(leadSeconds)} after the first alarm`;
  return `  ${utc(at)}  OOM kill  ${lead}`;
}

function summaryLines(replays: readonly NamedReplay[]): string[] {
  const all = replays.map(({ replay }) => summarize(replay));
  const row = (label: string, cells: readonly string[]): string =>
    `${label.padEnd(34)}${cells.map((cell, i) => cell.padEnd(widthOf(replays[i]?.name ?? ''))).join('')}`.trimEnd();
  return [
    ...(replays.length < 2
      ? []
      : [
          row(
            '',
            replays.map(({ name }) => name),
          ),
        ]),
    row(
      'alarms (critical)',
      all.map(({ alarms, criticalAlarms }) => `${alarms} (${criticalAlarms})`),
    ),
    row(
      'alarms with nothing after them',
      all.map(({ aloneAlarms }) => `${aloneAlarms}`),
    ),
    row(
      'time in alarm',
      all.map(({ alarmedSeconds }) => formatDuration(alarmedSeconds)),
    ),
    row(
      'OOM kills with an alarm before',
      all.map(({ oomKills, foretoldOomKills }) =>
        oomKills === null ? 'not counted' : `${foretoldOomKills} of ${oomKills}`,
      ),
    ),
    row(
      'shortest time from alarm to kill',
      all.map(({ shortestLeadSeconds }) =>
        shortestLeadSeconds === null ? 'none' : formatDuration(shortestLeadSeconds),
      ),
    ),
  ];
}

function widthOf(name: string): number {
  return Math.max(14, name.length + 2);
}

/** Times in RFC 3339, durations and sizes with their unit in the name; what can't be told is null. */
export function toReplayJson({ service, source, askedSeconds, replays }: ReplayedService) {
  const time = (seconds: number | null): string | null =>
    seconds === null ? null : new Date(seconds * 1000).toISOString();
  return {
    schema: 1,
    service,
    source,
    askedSeconds,
    from: time(replays[0]?.replay.fromSeconds ?? null),
    until: time(replays[0]?.replay.untilSeconds ?? null),
    policies: replays.map(({ name, replay }) => ({
      name,
      policy: replay.policy,
      everySeconds: replay.everySeconds,
      looks: replay.looks,
      looksThatTold: replay.told,
      summary: summarize(replay),
      alarms: replay.alarms.map((alarm) => ({
        openedAt: time(alarm.openedAt),
        level: alarm.level,
        worsenedAt: time(alarm.worsenedAt),
        lastSeenAt: time(alarm.lastSeenAt),
        closedAt: time(alarm.closedAt),
        lastedSeconds: lastedSeconds(alarm),
        release: alarm.release,
        bytesPerHour: alarm.bytesPerHour,
        borneOutBy: alarm.borneOutBy,
        why: alarm.why,
      })),
      oomKills: replay.oomKills?.map(({ at, leadSeconds }) => ({ at: time(at), leadSeconds })) ?? null,
      baselines: replay.baselines.map(({ at, ...rest }) => ({ at: time(at), ...rest })),
    })),
  };
}

/** `2026-11-20 03:35:10 UTC`. */
function utc(epochSeconds: number): string {
  return `${new Date(epochSeconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
