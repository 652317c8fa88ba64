/** From the shape of the file to the Config that the rest works with: every default filled in, every path absolute. */
import { dirname, resolve } from 'node:path';
import { DEFAULT_POLICY, type Policy } from '../analysis/policy.ts';
import type { Config, OnCall, Rollback, RollbackVia, Service, SnapshotSettings, Team, WorkloadKind } from './config.ts';
import { toSockets, toTransport } from './resolve-transport.ts';
import type {
  ConfigFile,
  OnCallSection,
  PolicySection,
  ServiceSection,
  SnapshotSection,
  TeamSection,
  ViaSection,
} from './schema.ts';

/** Defaults of the product where contract and policy name none. Seconds. */
const DEFAULT_SITE = 'local';
const SAMPLE_EVERY_SECONDS = 15;
const KEEP_SECONDS = 7 * 86_400;
const COOLDOWN_SECONDS = 3600;
const VERIFY_SECONDS = 1800;
/** A day shows the daily cycle of a release once. */
const HEALTHY_SECONDS = 86_400;
const SNAPSHOT: SnapshotSettings = { windowSeconds: 10, attach: false, fork: false, nearLimit: true };
/** The usual office week, where a team does not say. */
const OFFICE_HOURS = { weekdays: [1, 2, 3, 4, 5], fromMinute: 9 * 60, toMinute: 18 * 60 };
/** PagerDuty's incident response guide: five minutes to acknowledge (response.pagerduty.com, "Being on-call"). */
const ESCALATE_SECONDS = [300, 300, 600];

/** `file`: absolute path of the configuration, from whose directory relative paths start. */
export function resolveConfig(parsed: ConfigFile, file: string): Config {
  const directory = dirname(file);
  const teams = new Map(
    Object.entries(parsed.teams ?? {}).map(([name, team]) => [name, toTeam(name, team, directory)]),
  );
  const defaults: Defaults = {
    directory,
    channel: parsed.slack?.channel ?? null,
    policy: mergePolicy(DEFAULT_POLICY, parsed.policy),
    snapshot: mergeSnapshot(SNAPSHOT, parsed.snapshot),
    teams,
  };
  return {
    file,
    directory,
    slack: { channel: defaults.channel, readAlerts: parsed.slack?.readAlerts ?? [] },
    prometheus: parsed.prometheus ?? null,
    http: { publicUrl: parsed.http?.publicUrl?.replace(/\/+$/, '') ?? null },
    sampling: {
      everySeconds: parsed.sampling?.every ?? SAMPLE_EVERY_SECONDS,
      keepSeconds: parsed.sampling?.keep ?? KEEP_SECONDS,
    },
    kubernetes:
      parsed.kubernetes === undefined
        ? null
        : {
            namespaces: parsed.kubernetes.namespaces,
            site: parsed.kubernetes.site ?? DEFAULT_SITE,
            context: parsed.kubernetes.context ?? null,
          },
    runbooks: parsed.runbooks === undefined ? null : resolve(directory, parsed.runbooks),
    services: new Map(
      Object.entries(parsed.services).map(([name, service]) => [name, toService(name, service, defaults)]),
    ),
    teams,
  };
}

type Defaults = {
  directory: string;
  channel: string | null;
  policy: Policy;
  snapshot: SnapshotSettings;
  teams: ReadonlyMap<string, Team>;
};

function toService(name: string, service: ServiceSection, defaults: Defaults): Service {
  const team = service.team === undefined ? undefined : defaults.teams.get(service.team);
  const { metrics } = service;
  return {
    name,
    channel: service.channel ?? team?.channel ?? defaults.channel,
    site: service.site ?? DEFAULT_SITE,
    limitBytes: service.limit ?? null,
    sockets: toSockets(service, defaults.directory),
    transport: toTransport(service.transport),
    metrics:
      metrics === undefined
        ? null
        : {
            rss: metrics.rss ?? null,
            limit: metrics.limit ?? null,
            oomKills: metrics.oomKills ?? null,
            release: metrics.release ?? null,
            traffic: metrics.traffic ?? null,
          },
    alerts: service.alerts ?? { match: { service: name } },
    policy: mergePolicy(defaults.policy, service.policy),
    team: service.team ?? null,
    rollback: toRollback(service.rollback),
    runbook: service.runbook ?? null,
    tier: service.tier ?? null,
    snapshot: mergeSnapshot(defaults.snapshot, service.snapshot),
  };
}

/** `own` laid over `base`, key by key. */
export function mergePolicy(base: Policy, own: PolicySection | undefined): Policy {
  return {
    warning: {
      overRatio: own?.warning?.over ?? base.warning.overRatio,
      forSeconds: own?.warning?.for ?? base.warning.forSeconds,
    },
    critical: {
      overRatio: own?.critical?.over ?? base.critical.overRatio,
      forSeconds: own?.critical?.for ?? base.critical.forSeconds,
      oomKills: own?.critical?.oomKills ?? base.critical.oomKills,
      withinSeconds: own?.critical?.within ?? base.critical.withinSeconds,
    },
    growth: {
      perHourRatio: own?.growth?.perHour ?? base.growth.perHourRatio,
      perDayRatio: own?.growth?.perDay ?? base.growth.perDayRatio,
    },
    warmUpSeconds: own?.warmUp ?? base.warmUpSeconds,
  };
}

function mergeSnapshot(base: SnapshotSettings, own: SnapshotSection | undefined): SnapshotSettings {
  return {
    windowSeconds: own?.window ?? base.windowSeconds,
    attach: own?.attach ?? base.attach,
    fork: own?.fork ?? base.fork,
    nearLimit: own?.nearLimit ?? base.nearLimit,
  };
}

function toRollback(section: ServiceSection['rollback']): Rollback {
  return {
    mode: section?.mode ?? 'recommend',
    via: section?.via === undefined ? null : toVia(section.via),
    cooldownSeconds: section?.cooldown ?? COOLDOWN_SECONDS,
    healthyForSeconds: section?.healthyFor ?? HEALTHY_SECONDS,
    freeze: section?.freeze ?? [],
    verifyForSeconds: section?.verifyFor ?? VERIFY_SECONDS,
  };
}

function toVia({ webhook, kubernetes, argoRollouts, helm, command }: ViaSection): RollbackVia | null {
  if (webhook !== undefined) return { kind: 'webhook', ...webhook };
  if (kubernetes !== undefined) return toKubernetes(kubernetes);
  if (argoRollouts !== undefined) return { kind: 'argoRollouts', ...argoRollouts };
  if (helm !== undefined) return { kind: 'helm', ...helm };
  return command === undefined ? null : { kind: 'command', argv: command };
}

/** Exactly one workload is named: references.ts saw to it. */
function toKubernetes(section: NonNullable<ViaSection['kubernetes']>): RollbackVia | null {
  const { namespace, deployment, statefulSet, daemonSet } = section;
  const via = (kind: WorkloadKind, name: string): RollbackVia => ({
    kind: 'kubernetes',
    namespace,
    workload: { kind, name },
  });
  if (deployment !== undefined) return via('Deployment', deployment);
  if (statefulSet !== undefined) return via('StatefulSet', statefulSet);
  return daemonSet === undefined ? null : via('DaemonSet', daemonSet);
}

function toTeam(name: string, team: TeamSection, directory: string): Team {
  const { country, state, add, remove } = team.holidays ?? {};
  return {
    name,
    timezone: team.timezone,
    channel: team.channel ?? null,
    businessHours: team.businessHours ?? OFFICE_HOURS,
    holidays: { country: country ?? null, state: state ?? null, add: add ?? [], remove: remove ?? [] },
    onCall: team.oncall === undefined ? null : toOnCall(team.oncall, directory),
    escalateAfterSeconds: team.escalateAfter ?? ESCALATE_SECONDS,
    approvers: team.approvers ?? [],
    twoPerson: team.twoPerson ?? 'never',
  };
}

function toOnCall(section: OnCallSection, directory: string): OnCall | null {
  const { rotation, handoff, since, ics, overrides, pagerduty, userGroup } = section;
  if (rotation !== undefined && handoff !== undefined && since !== undefined) {
    return { source: 'rotation', members: rotation, handoff, since };
  }
  if (ics !== undefined) {
    const place = (text: string): string => (/^(https?|webcals?):\/\//i.test(text) ? text : resolve(directory, text));
    return { source: 'ics', primary: place(ics), overrides: overrides === undefined ? null : place(overrides) };
  }
  if (userGroup !== undefined) return { source: 'userGroup', group: userGroup };
  return pagerduty === undefined ? null : { source: 'pagerduty', schedule: pagerduty };
}
