/** What the senders of alerts send, as it was received from real ones (Alertmanager 0.25, Grafana's template data). */

export type AlertParts = {
  status?: 'firing' | 'resolved';
  labels?: Readonly<Record<string, unknown>>;
  startsAt?: string;
  fingerprint?: string;
  annotations?: Readonly<Record<string, unknown>>;
};

let nextFingerprint = 0;

/** Fourteen minutes ago, unless it is said. */
export function alertOf({ labels = {}, ...parts }: AlertParts = {}) {
  nextFingerprint += 1;
  return {
    status: 'firing',
    labels: { alertname: 'PodOOMKilled', service: 'checkout', pod: 'checkout-7f', severity: 'page', ...labels },
    annotations: { summary: 'checkout was OOM-killed' },
    startsAt: new Date(Date.now() - 60_000).toISOString(),
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus:9090/graph',
    fingerprint: `f${nextFingerprint}`.padStart(16, '0'),
    ...parts,
  };
}

export function alertmanagerBody(...alerts: readonly unknown[]) {
  return {
    receiver: 'memtriage',
    status: 'firing',
    alerts,
    groupLabels: { alertname: 'PodOOMKilled' },
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'http://alertmanager:9093',
    version: '4',
    groupKey: '{}:{alertname="PodOOMKilled"}',
    truncatedAlerts: 0,
  };
}

export function grafanaBody(...alerts: readonly unknown[]) {
  return {
    ...alertmanagerBody(...alerts),
    version: '1',
    orgId: 1,
    title: '[FIRING:1]',
    state: 'alerting',
    message: '',
  };
}
