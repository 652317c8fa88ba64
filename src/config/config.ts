/**
 * What memtriage.yaml says, typed, with every default filled in. Times in seconds, sizes in bytes, ratios as 0.15 = 15 %,
 * paths absolute. Secrets are never part of it: they live in the environment.
 */
import type { Policy } from '../analysis/policy.ts';

export type Config = {
  /** The file it was read from, and the directory that relative paths and the embedded Redis start from. */
  file: string;
  directory: string;
  /** `readAlerts`: channels where messages of other bots are read as alerts. */
  slack: { channel: string | null; readAlerts: readonly string[] };
  /** Null: the collector's own samples are the only source. */
  prometheus: { url: string } | null;
  /** How people reach the bot's HTTP, without a slash at its end; null: threads carry no link to their report. */
  http: { publicUrl: string | null };
  sampling: { everySeconds: number; keepSeconds: number };
  /** Pods that the collector of `site` watches; null: none. `context`: of the kubeconfig; null: the current one, or the cluster that it runs in. */
  kubernetes: { namespaces: readonly string[]; site: string; context: string | null } | null;
  /** Directory of the user's own runbooks; null: those that ship with memtriage. */
  runbooks: string | null;
  services: ReadonlyMap<string, Service>;
  teams: ReadonlyMap<string, Team>;
};

export type Service = {
  name: string;
  /** Where its threads go: its own channel, else its team's, else `slack.channel`; null: nowhere (command line only). */
  channel: string | null;
  site: string;
  /** Configured limit of one instance; null: the cgroup's, or that of `metrics.limit`. */
  limitBytes: number | null;
  /** Directory of the probes' sockets; null: no live process can be looked into. */
  sockets: string | null;
  /** PromQL; null: nothing of this service comes from Prometheus. */
  metrics: Metrics | null;
  /** Every label given here must be equal on an alert that belongs to the service. */
  alerts: { match: Readonly<Record<string, string>> };
  policy: Policy;
  team: string | null;
  rollback: Rollback;
  /** Name of the runbook to use whatever the symptom; null: chosen by symptom. */
  runbook: string | null;
  /** 0: what must never go wrong; its rollback needs two persons. */
  tier: number | null;
  snapshot: SnapshotSettings;
  /** Null: its processes run where the collector runs. */
  transport: TransportSettings | null;
};

/** One query each, one series per instance. */
export type Metrics = {
  rss: string | null;
  limit: string | null;
  /** A counter, or a gauge that rises with each kill. */
  oomKills: string | null;
  /** A series with a `release` label. */
  release: string | null;
  traffic: string | null;
};

/** How the collector reaches processes that are not on its own machine. Directories are those of the far side. */
export type TransportSettings =
  | { kind: 'docker'; container: string; probe: string }
  | { kind: 'kubectl'; namespace: string; pod: string; container: string | null; context: string | null; probe: string }
  | { kind: 'ssh'; host: string; user: string | null; port: number | null; identity: string | null };

export type SnapshotSettings = {
  /** Time between the two looks. */
  windowSeconds: number;
  /** May the collector attach to a process that carries no probe. */
  attach: boolean;
  /** May a fork of the target be used for a long look. */
  fork: boolean;
  /** Is a process looked into by itself when it comes near its limit. */
  nearLimit: boolean;
};

export type Rollback = {
  /** Who may start it: nobody here (advice only), approvers, or memtriage itself. */
  mode: 'recommend' | 'approve' | 'auto';
  via: RollbackVia | null;
  cooldownSeconds: number;
  /** How long the release to go back to must have run without trouble. */
  healthyForSeconds: number;
  /** Nothing is rolled back while one of them is open. */
  freeze: readonly FreezeWindow[];
  /** Watched for this long afterwards. */
  verifyForSeconds: number;
};

/** Days with both ends, or minutes of the week since Monday 00:00; in the team's zone. `written`: as people know it. */
export type FreezeWindow =
  | { kind: 'days'; from: string; to: string; written: string }
  | { kind: 'weekly'; fromMinute: number; toMinute: number; written: string };

export type RollbackVia =
  | { kind: 'webhook'; url: string }
  | { kind: 'kubernetes'; namespace: string; workload: { kind: WorkloadKind; name: string } }
  | { kind: 'argoRollouts'; namespace: string; rollout: string }
  | { kind: 'helm'; namespace: string; release: string }
  | { kind: 'command'; argv: readonly string[] };

export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'DaemonSet';

export type Team = {
  name: string;
  /** IANA name; business hours, holidays and hand-offs are read in it. */
  timezone: string;
  channel: string | null;
  businessHours: BusinessHours;
  /** Days as `2026-11-27`. */
  holidays: { country: string | null; state: string | null; add: readonly string[]; remove: readonly string[] };
  onCall: OnCall | null;
  /** Waiting time before each further level is asked. */
  escalateAfterSeconds: readonly number[];
  /** Slack users (`U…`, `W…`) or user groups (`S…`). */
  approvers: readonly string[];
  twoPerson: 'never' | 'offHours' | 'always';
};

/** Weekdays as ISO numbers, Monday 1 to Sunday 7; minutes since local midnight, `toMinute` excluded. */
export type BusinessHours = { weekdays: readonly number[]; fromMinute: number; toMinute: number };

export type OnCall =
  | { source: 'rotation'; members: readonly string[]; handoff: { weekday: number; minute: number }; since: string }
  | { source: 'ics'; primary: string; overrides: string | null }
  | { source: 'pagerduty'; schedule: string }
  /** All members, as Slack tells of them at the moment. */
  | { source: 'userGroup'; group: string };
