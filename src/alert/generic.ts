import { z } from 'zod';
import { failed, type Outcome, ok } from '../errors.ts';
import { AlertKind } from '../incident/alert-tally.ts';
import type { ParsedAlerts } from './alert.ts';
import { cut, Labels, MAX_IDENTITY, OptionalText, OptionalTime } from './bounded.ts';

const GenericAlert = z.object({
  service: z.string().trim().min(1),
  kind: AlertKind,
  status: z.enum(['firing', 'resolved']).default('firing'),
  severity: OptionalText,
  dedup_key: OptionalText,
  starts_at: OptionalTime,
  summary: OptionalText,
  labels: Labels,
});

/**
 * One alert of any other sender. With `dedup_key`, copies of it are one alert of its service: by their `starts_at` where
 * they have one, else until it is resolved. Without, each request is an event of its own. `receivedAt`: RFC 3339.
 */
export function parseGenericAlert(body: unknown, receivedAt: string): Outcome<ParsedAlerts> {
  const parsed = GenericAlert.safeParse(body);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`);
    const example = '{"service":"checkout","kind":"oom|rss_growth|custom","status":"firing|resolved"}';
    return failed('user', cut(`this is no alert: ${wrong.join('; ')}`), `Send ${example}`);
  }
  const { service, kind, status, severity, dedup_key, starts_at, summary, labels } = parsed.data;
  const fingerprint = `${service}/${dedup_key ?? kind}`;
  return ok({
    alerts: [
      {
        schema: 1,
        source: 'webhook',
        fingerprint: cut(fingerprint, MAX_IDENTITY),
        status,
        // Copies that carry no time must not differ in it.
        startsAt: starts_at ?? (dedup_key === null ? receivedAt : NO_TIME),
        kind,
        severity: severity === null ? null : cut(severity),
        service: cut(service),
        name: kind,
        summary: cut(summary ?? ''),
        labels,
      },
    ],
    unreadable: [],
  });
}

/** As Alertmanager writes it: the sender told none. */
export const NO_TIME = '0001-01-01T00:00:00.000Z';
