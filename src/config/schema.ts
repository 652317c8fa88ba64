/** The shape of memtriage.yaml. Strict: a key that is not named here is refused. */
import { z } from 'zod';
import {
  ApproverId,
  ChannelId,
  ContextName,
  Day,
  Duration,
  DurationOrZero,
  duration,
  Flag,
  Freeze,
  GroupId,
  Hours,
  HttpUrl,
  Name,
  Path,
  PodName,
  PromQl,
  Ratio,
  Size,
  Text,
  TimeZone,
  UserId,
  WeeklyMoment,
} from './values.ts';

const KNOWN_KEYS = 'one of ';

/** A mapping with exactly these keys. Its messages are what was expected: the known keys, or a mapping of them. */
function section<S extends z.ZodRawShape>(shape: S) {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? `${KNOWN_KEYS}${keys}` : `a mapping of ${keys}`),
  });
}

/** The keys that an `unrecognized_keys` message of `section` names. */
export function knownKeysOf(message: string): string[] {
  return message.startsWith(KNOWN_KEYS) ? message.slice(KNOWN_KEYS.length).split(', ') : [];
}

function listOf<T extends z.ZodType>(item: T, expected: string) {
  return z.array(item, { error: expected });
}

function named<T extends z.ZodType>(what: string, item: T) {
  return z.record(z.string(), item, { error: `a mapping of ${what} names` });
}

function oneOf<const T extends readonly [string, ...string[]]>(...words: T) {
  return z.enum(words, { error: words.join(', ').replace(/, ([^,]*)$/, ' or $1') });
}

const KillCount = z.int({ error: 'a whole number of OOM kills such as 2' }).min(1, 'at least 1');
const Argv = listOf(Text, 'an argv such as [/usr/local/bin/rollback, checkout]').min(1, 'at least the program');

const PolicySection = section({
  warning: section({ over: Ratio.optional(), for: Duration.optional() }).optional(),
  critical: section({
    over: Ratio.optional(),
    for: Duration.optional(),
    oomKills: KillCount.optional(),
    within: Duration.optional(),
  }).optional(),
  growth: section({ perHour: Ratio.optional(), perDay: Ratio.optional() }).optional(),
  warmUp: DurationOrZero.optional(),
});
export type PolicySection = z.infer<typeof PolicySection>;

/** A file of its own for `memtriage replay --policy`. */
export const PolicyFile = section({ policy: PolicySection });

const SnapshotSection = section({
  window: duration('a duration from 1s to 10m', 1, 600).optional(),
  attach: Flag.optional(),
  fork: Flag.optional(),
  nearLimit: Flag.optional(),
});
export type SnapshotSection = z.infer<typeof SnapshotSection>;

const ViaSection = section({
  webhook: section({ url: HttpUrl }).optional(),
  kubernetes: section({
    namespace: Name,
    deployment: Name.optional(),
    statefulSet: Name.optional(),
    daemonSet: Name.optional(),
  }).optional(),
  argoRollouts: section({ namespace: Name, rollout: Name }).optional(),
  helm: section({ namespace: Name, release: Name }).optional(),
  command: Argv.optional(),
});
export type ViaSection = z.infer<typeof ViaSection>;

const TransportSection = section({
  docker: section({ container: Name, probe: Path }).optional(),
  kubectl: section({
    namespace: Name,
    pod: PodName,
    container: Name.optional(),
    context: ContextName.optional(),
    probe: Path,
  }).optional(),
  ssh: section({
    host: Name,
    user: Name.optional(),
    port: z.int({ error: 'a port' }).min(1, 'a port from 1 to 65535').max(65_535, 'a port from 1 to 65535').optional(),
    identity: Path.optional(),
  }).optional(),
});
export type TransportSection = z.infer<typeof TransportSection>;

const ServiceSection = section({
  channel: ChannelId.optional(),
  site: Name.optional(),
  limit: Size.optional(),
  sockets: Path.optional(),
  transport: TransportSection.optional(),
  metrics: section({
    rss: PromQl.optional(),
    limit: PromQl.optional(),
    oomKills: PromQl.optional(),
    release: PromQl.optional(),
    traffic: PromQl.optional(),
  }).optional(),
  alerts: section({ match: z.record(z.string(), Text, { error: 'a mapping of alert labels' }) }).optional(),
  policy: PolicySection.optional(),
  team: Name.optional(),
  rollback: section({
    mode: oneOf('recommend', 'approve', 'auto').optional(),
    via: ViaSection.optional(),
    cooldown: DurationOrZero.optional(),
    verifyFor: Duration.optional(),
    healthyFor: DurationOrZero.optional(),
    freeze: listOf(Freeze, 'a list of windows such as [Fri 16:00-Mon 08:00, 2026-12-20/2027-01-02]').optional(),
  }).optional(),
  runbook: Name.optional(),
  tier: z.int({ error: 'a whole number; 0 for what must never go wrong' }).min(0, 'at least 0').optional(),
  snapshot: SnapshotSection.optional(),
});
export type ServiceSection = z.infer<typeof ServiceSection>;

const OnCallSection = section({
  rotation: listOf(UserId, 'a list of Slack user ids such as [U0ALICE, U0BOB]').min(1, 'at least one user').optional(),
  handoff: WeeklyMoment.optional(),
  since: Day.optional(),
  ics: Text.optional(),
  overrides: Text.optional(),
  pagerduty: Text.optional(),
  userGroup: GroupId.optional(),
});
export type OnCallSection = z.infer<typeof OnCallSection>;

const TeamSection = section({
  timezone: TimeZone,
  channel: ChannelId.optional(),
  businessHours: Hours.optional(),
  holidays: section({
    country: Text.optional(),
    state: Text.optional(),
    add: listOf(Day, 'a list of days such as [2026-11-27]').optional(),
    remove: listOf(Day, 'a list of days such as [2026-11-27]').optional(),
  }).optional(),
  oncall: OnCallSection.optional(),
  escalateAfter: listOf(Duration, 'a list of durations such as [5m, 5m, 10m]').optional(),
  approvers: listOf(ApproverId, 'a list of Slack users or user groups such as [U0ALICE, S0LEADS]').optional(),
  twoPerson: oneOf('never', 'offHours', 'always').optional(),
});
export type TeamSection = z.infer<typeof TeamSection>;

export const ConfigFile = section({
  slack: section({
    channel: ChannelId.optional(),
    readAlerts: listOf(ChannelId, 'a list of channel ids such as [C0ALERTS]').optional(),
  }).optional(),
  prometheus: section({ url: HttpUrl }).optional(),
  http: section({ publicUrl: HttpUrl.optional() }).optional(),
  sampling: section({
    every: duration('a duration from 100ms to 10m', 0.1, 600).optional(),
    keep: duration('a duration from 1m to 90d', 60, 90 * 86_400).optional(),
  }).optional(),
  policy: PolicySection.optional(),
  kubernetes: section({
    namespaces: listOf(Name, 'a list of namespaces such as [shop]').min(1, 'at least one namespace'),
    site: Name.optional(),
    context: Text.optional(),
  }).optional(),
  runbooks: Path.optional(),
  snapshot: SnapshotSection.optional(),
  services: named('service', ServiceSection),
  teams: named('team', TeamSection).optional(),
});
export type ConfigFile = z.infer<typeof ConfigFile>;
