import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Alert, alertKey, classifyAlert } from '../../src/alert/alert.ts';
import { parseAlertmanager } from '../../src/alert/alertmanager.ts';
import { parseDeploy } from '../../src/alert/deploy.ts';
import { parseGenericAlert } from '../../src/alert/generic.ts';
import { placeAlert, placingLine, unplacedKey } from '../../src/alert/place-alert.ts';
import { renderUnplacedAlert } from '../../src/report/slack-alerts.ts';
import { alertmanagerBody, alertOf, grafanaBody } from './senders.ts';

const NOW = '2026-11-22T10:00:00.000Z';

function parsed(body: unknown): readonly Alert[] {
  const outcome = parseAlertmanager(body, NOW);
  return outcome.outcome === 'ok' ? outcome.value.alerts : [];
}

function only(parts: Parameters<typeof alertOf>[0]): Alert {
  const [alert] = parsed(alertmanagerBody(alertOf(parts)));
  if (alert === undefined) throw new Error('it was not read');
  return alert;
}

describe('a body from outside', () => {
  it('of any JSON is read or refused with a reason, never thrown at', () => {
    const reasons: string[] = [];
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        const outcomes = [parseAlertmanager(body, NOW), parseGenericAlert(body, NOW), parseDeploy(body, NOW)];
        reasons.push(...outcomes.map((outcome) => (outcome.outcome === 'ok' ? 'read' : outcome.why)));
      }),
    );
    expect(Math.max(...reasons.map(({ length }) => length))).toBeLessThanOrEqual(300);
  });

  it('of any alerts gives one result each, all within bounds, and the same when it is read again from the queue', () => {
    const foreign = fc.record(
      {
        status: fc.constantFrom('firing', 'resolved', 'odd', 7),
        labels: fc.oneof(
          fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.constant(null))),
          fc.jsonValue(),
        ),
        annotations: fc.jsonValue(),
        startsAt: fc.oneof(fc.string(), fc.constant('0001-01-01T00:00:00Z'), fc.constant(NOW), fc.jsonValue()),
        fingerprint: fc.oneof(fc.string(), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(foreign, fc.jsonValue())), (alerts) => {
        const outcome = parseAlertmanager(alertmanagerBody(...alerts), NOW);
        if (outcome.outcome !== 'ok') throw new Error(outcome.why);
        expect(outcome.value.alerts.length + outcome.value.unreadable.length).toBe(alerts.length);
        for (const alert of outcome.value.alerts) {
          expect(Object.keys(alert.labels).length).toBeLessThanOrEqual(64);
          const fromQueue = Alert.parse(JSON.parse(JSON.stringify(alert)));
          expect(alertKey(fromQueue)).toBe(alertKey(alert));
          expect(Number.isNaN(Date.parse(alert.startsAt))).toBe(false);
        }
      }),
    );
  });

  it.each<[string, unknown]>([
    ['a label of 1 MB', 'x'.repeat(1 << 20)],
    ['half a character at the cut', `${'x'.repeat(298)}😀😀`],
    ['markup of Slack', '<!channel> <@U0ALICE> `rm -rf` *bold* & <https://evil|here>'],
    ['control and bidirectional characters', '\u0000\u0007\u202e\u2066gnp.exe\u2069\r\n\u2028'],
    ['a lone surrogate', 'a\ud800b'],
  ])('with %s is stored short and told harmlessly', (_, value) => {
    const alert = only({ labels: { service: undefined, hostile: value, [`${String(value)}name`]: 'x' } });
    expect(alert.labels['hostile']?.length).toBeLessThanOrEqual(300);
    const told = JSON.stringify(renderUnplacedAlert(alert, placingLine(alert)));
    expect(told).not.toMatch(/<!|<@|<http|\\u0000|\u202e|\\ud800/);
    expect(told.length).toBeLessThan(13_000);
  });

  it('with labels named like parts of every object changes no object', () => {
    const body = JSON.parse(
      '{"alerts":[{"status":"firing","labels":{"__proto__":"x","constructor":"y","alertname":"A"}}]}',
    );
    const [alert] = parsed(body);
    expect(alert?.name).toBe('A');
    expect(placeAlert([{ name: 'a', alerts: { match: { toString: 'x' } } }], only({}))).toBeNull();
  });

  it('is of Grafana where it says so, and of Alertmanager otherwise', () => {
    expect(parsed(grafanaBody(alertOf()))[0]?.source).toBe('Grafana');
    expect(parsed(alertmanagerBody(alertOf()))[0]?.source).toBe('Alertmanager');
    expect(parsed({ alerts: [alertOf()] })[0]?.source).toBe('Alertmanager');
  });

  it('that is sent again has the same key, whatever was added to it; another status or start has another', () => {
    const alert = alertOf();
    const again = { ...alertmanagerBody(alert), notification_reason: 'repeat interval elapsed', routeLabels: {} };
    const keys = [again, alertmanagerBody(alert)].map((body) => parsed(body).map(alertKey));
    expect(keys[0]).toEqual(keys[1]);
    const others = [
      { ...alert, status: 'resolved' },
      { ...alert, startsAt: NOW },
    ];
    expect(new Set(parsed(alertmanagerBody(alert, ...others)).map(alertKey)).size).toBe(3);
  });

  it('without a start or a fingerprint is still told apart by its labels', () => {
    const { fingerprint: _, startsAt: __, ...bare } = alertOf({ labels: { pod: 'a' } });
    const [one, other] = parsed(alertmanagerBody(bare, { ...bare, labels: { ...bare.labels, pod: 'b' } }));
    expect(one?.startsAt).toBe(NOW);
    expect(one?.fingerprint).not.toBe(other?.fingerprint);
  });

  it('with keys or labels that differ only far behind is another one all the same', () => {
    const { fingerprint: _, ...bare } = alertOf({ labels: { a: 'x'.repeat(290), pod: 'a' } });
    const [one, other] = parsed(alertmanagerBody(bare, { ...bare, labels: { ...bare.labels, pod: 'b' } }));
    expect(one?.fingerprint).not.toBe(other?.fingerprint);
    const keys = ['a', 'b'].map((end) => {
      const body = { service: 'checkout', kind: 'oom', dedup_key: `${'k'.repeat(400)}${end}` };
      const outcome = parseGenericAlert(body, NOW);
      return outcome.outcome === 'ok' ? outcome.value.alerts.map(alertKey).join() : '';
    });
    expect(keys[0]).not.toBe(keys[1]);
  });
});

describe('what an alert is about', () => {
  it.each([
    ['PodOOMKilled', {}, 'oom'],
    ['KubernetesContainerOomKiller', {}, 'oom'],
    ['HostOomKillDetected', {}, 'oom'],
    ['ContainerOOM', {}, 'oom'],
    ['ContainerTerminated', { reason: 'OOMKilled' }, 'oom'],
    ['ContainerTerminated', { reason: 'Error' }, 'custom'],
    ['MemoryHigh', {}, 'rss_growth'],
    ['CheckoutRssGrowth', {}, 'rss_growth'],
    ['RoomTemperature', {}, 'custom'],
    ['Zoomed', {}, 'custom'],
    ['MemoryHigh', { memtriage_kind: 'oom' }, 'oom'],
    ['PodOOMKilled', { memtriage_kind: 'nonsense' }, 'oom'],
  ])('%s %j is %s', (name, labels, kind) => {
    expect(classifyAlert(name, labels)).toBe(kind);
  });
});

describe('the service of an alert', () => {
  const services = [
    { name: 'checkout', alerts: { match: { service: 'checkout' } } },
    { name: 'checkout-eu', alerts: { match: { service: 'checkout', region: 'eu' } } },
    { name: 'nobody', alerts: { match: {} } },
  ];

  it.each([
    ['by its label', { service: 'checkout' }, 'checkout'],
    ['by the match with more labels', { service: 'checkout', region: 'eu' }, 'checkout-eu'],
    ['by the value as a whole', { service: 'checkout2' }, null],
    ['by no empty match', { service: 'basket' }, null],
  ])('is found %s', (_, labels, name) => {
    expect(placeAlert(services, { ...only({}), labels })?.name ?? null).toBe(name);
  });

  it('is the one that the sender names, whatever its labels', () => {
    expect(placeAlert(services, { ...only({}), service: 'checkout-eu' })?.name).toBe('checkout-eu');
  });

  it('that is none is told once for all its pods, with the line that would place it', () => {
    const [one, other] = ['a', 'b'].map((pod) => only({ labels: { service: 'basket', pod } }));
    if (one === undefined || other === undefined) throw new Error('two');
    expect(unplacedKey(one)).toBe(unplacedKey(other));
    const line = placingLine(one);
    expect(line).toBe('alerts: { match: { service: "basket" } }');
    const basket = [{ name: 'b', alerts: { match: { service: 'basket' } } }];
    expect(placeAlert(basket, one)?.name).toBe('b');
    // Also where the sender names it: a service without memory figures would be refused by the configuration.
    const named = { ...only({}), service: 'basket', labels: {} };
    expect(placingLine(named)).toBe(line);
    expect(placeAlert(basket, named)?.name).toBe('b');
  });
});
