import { z } from 'zod';
import { failed, type Outcome, ok } from '../errors.ts';
import { type Alert, classifyAlert, type ParsedAlerts } from './alert.ts';
import { cut, Labels, MAX_IDENTITY, OptionalText, OptionalTime } from './bounded.ts';

/** Alertmanager's webhook, version 4 (notify/webhook), and Grafana's, version 1, which adds `orgId`, `state` and more. */
const Envelope = z.object({
  version: z.coerce.string().optional().catch(undefined),
  alerts: z.array(z.unknown()),
  orgId: z.unknown().optional(),
  state: z.unknown().optional(),
});

const ForeignAlert = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: Labels,
  annotations: Labels,
  startsAt: OptionalTime,
  fingerprint: OptionalText,
});

/**
 * The alerts of a notification of Alertmanager or of Grafana, each by itself: a group mixes firing and resolved ones.
 * One that can't be read does not cost the others. `receivedAt` (RFC 3339) stands in for a missing start.
 */
export function parseAlertmanager(body: unknown, receivedAt: string): Outcome<ParsedAlerts> {
  const envelope = Envelope.safeParse(body);
  if (!envelope.success) {
    return failed(
      'user',
      'this is no notification of Alertmanager or Grafana: it has no list `alerts`',
      'Send the default payload: a custom `payload` or template is not understood',
    );
  }
  const { alerts, ...head } = envelope.data;
  const source = isGrafana(head) ? 'Grafana' : 'Alertmanager';
  const parsed = alerts.map((alert) => ForeignAlert.safeParse(alert));
  return ok({
    alerts: parsed.flatMap(({ data }) => (data === undefined ? [] : [toAlert(data, source, receivedAt)])),
    unreadable: parsed.flatMap(({ success }, index) =>
      success ? [] : [`alerts[${index}] is no alert: its status is neither firing nor resolved`],
    ),
  });
}

/** Grafana says `1` where Alertmanager says `4`. */
function isGrafana({ version, orgId, state }: Omit<z.infer<typeof Envelope>, 'alerts'>): boolean {
  return version === '1' || (version !== '4' && (orgId !== undefined || state !== undefined));
}

function toAlert(
  { status, labels, annotations, startsAt, fingerprint }: z.infer<typeof ForeignAlert>,
  source: Alert['source'],
  receivedAt: string,
): Alert {
  const name = labels['alertname'] ?? '(no alertname)';
  const labelsAsText = Object.entries(labels)
    .map((label) => label.join('='))
    .toSorted()
    .join(',');
  return {
    schema: 1,
    source,
    fingerprint: cut(fingerprint ?? labelsAsText, MAX_IDENTITY),
    status,
    startsAt: startsAt ?? receivedAt,
    kind: classifyAlert(name, labels),
    severity: labels['severity'] ?? null,
    service: null,
    name,
    summary: annotations['summary'] ?? annotations['description'] ?? '',
    labels,
  };
}
