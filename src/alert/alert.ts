import { z } from 'zod';
import { AlertKind } from '../incident/alert-tally.ts';

/** Who told us; shown as it stands. */
export const AlertSource = z.enum(['Alertmanager', 'Grafana', 'webhook', 'collector', 'Kubernetes', 'Slack']);
export type AlertSource = z.infer<typeof AlertSource>;

/** One alert of whatever sender, bounded: what is stored until it has its thread. */
export const Alert = z.object({
  schema: z.literal(1),
  source: AlertSource,
  /** The same for every notification of one alert; with `startsAt` and `status`, the same for every copy of one. */
  fingerprint: z.string(),
  status: z.enum(['firing', 'resolved']),
  /** RFC 3339. */
  startsAt: z.string(),
  kind: AlertKind,
  severity: z.string().nullable(),
  /** The service as the sender names it; null: the labels tell. */
  service: z.string().nullable(),
  /** The rule's name. */
  name: z.string(),
  summary: z.string(),
  labels: z.record(z.string(), z.string()),
  /** It tells of something that happened, and never resolves. */
  isMoment: z.boolean().optional(),
});
export type Alert = z.infer<typeof Alert>;

/** The alerts of one request, and what of it could not be read, one sentence each. */
export type ParsedAlerts = { alerts: readonly Alert[]; unreadable: readonly string[] };

/** What makes two copies the same: highly available senders repeat, and so does a sender that got no answer. */
export function alertKey({ source, fingerprint, startsAt, status }: Alert): string {
  return JSON.stringify([source, fingerprint, startsAt, status]);
}

/** The pod, or whatever else says which instance it is about; null: it is about the service. */
export function instanceOf({ labels }: Pick<Alert, 'labels'>): string | null {
  return labels['pod'] ?? labels['instance'] ?? null;
}

/** As kube-state-metrics and the usual relabellings have it, our watch of pods too. */
const NODE_LABELS = ['node', 'kubernetes_node', 'nodename'];

/** The machine that it happened on; null: no label names one. */
export function nodeOf({ labels }: Pick<Alert, 'labels'>): string | null {
  return NODE_LABELS.map((name) => labels[name]).find((node) => node !== undefined && node !== '') ?? null;
}

/** A label of a rule that says what it is about, where its name doesn't. Ours (`runbooks/prometheus/`) carry it. */
export const KIND_LABEL = 'memtriage_kind';

/** By `memtriage_kind`; else by kube-state-metrics' reason and by the rule's name, as the usual collections have them. */
export function classifyAlert(name: string, labels: Readonly<Record<string, string>>): AlertKind {
  const said = saidKind(labels);
  if (said !== null) return said;
  if (labels['reason'] === 'OOMKilled' || /oom[\s_-]?kill|OOM(?![a-z])/i.test(name)) return 'oom';
  return /memory|rss|leak/i.test(name) ? 'rss_growth' : 'custom';
}

/** What a rule of the operator's says by `memtriage_kind`; null: nothing. */
export function saidKind(labels: Readonly<Record<string, string>>): AlertKind | null {
  return AlertKind.safeParse(labels[KIND_LABEL]).data ?? null;
}
