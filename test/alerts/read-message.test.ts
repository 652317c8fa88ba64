import { describe, expect, it } from 'vitest';
import { type BotPost, type MessageContent, readChannelEvent } from '../../src/alert/channel-event.ts';
import { readText } from '../../src/alert/message-text.ts';
import { readEvent, readMessage } from '../../src/alert/read-message.ts';
import {
  alertmanagerMessage,
  blockMessage,
  datadogMessage,
  grafanaMessage,
  labelledMessage,
  pagerDutyMessage,
  robustaMessage,
} from './bot-messages.ts';

const services = [
  { name: 'checkout', alerts: { match: { service: 'checkout' } } },
  { name: 'checkout-worker', alerts: { match: { service: 'checkout-worker' } } },
  { name: 'search', alerts: { match: { namespace: 'find', app: 'search-api' } } },
];

function post(content: Partial<MessageContent> | object): BotPost {
  const whole = { text: null, attachments: null, blocks: null, ...content };
  return { channelId: 'C0ALERTS', ts: '1763805600.123456', botId: 'B0ALERTS', content: whole };
}

/** `firing oom checkout`, or why not. */
function read(content: object): string {
  const reading = readMessage(post(content), services);
  if (reading.kind !== 'alert') return reading.kind;
  const { status, kind, service, isMoment } = reading.alert;
  return `${isMoment === true ? 'moment' : status} ${kind} ${service}`;
}

const say = (text: string) => ({ text });
const POD = 'checkout-7d4f9c6b5d-x2v7k';

describe('messages of bots, as what they are read', () => {
  it.each<[string, object, string]>([
    // Alertmanager, its default template.
    ['AM firing', alertmanagerMessage('[FIRING:2] MemoryHigh checkout (critical prod)'), 'firing rss_growth checkout'],
    [
      'AM resolved',
      alertmanagerMessage('[RESOLVED] MemoryHigh checkout (prod)', false),
      'resolved rss_growth checkout',
    ],
    ['AM OOM', alertmanagerMessage(`[FIRING:1] PodOOMKilled checkout (app ${POD} page)`), 'firing oom checkout'],
    ['AM, pod only', alertmanagerMessage(`[FIRING:1] KubeContainerOOMKilled shop (${POD})`), 'firing oom checkout'],
    [
      'AM, grouped without its name',
      alertmanagerMessage('[FIRING:1] checkout (MemoryHigh page)'),
      'firing rss_growth checkout',
    ],
    ['AM, two services', alertmanagerMessage('[FIRING:2] MemoryHigh (checkout search)'), 'unplaced'],
    ['AM, another service', alertmanagerMessage('[FIRING:1] MemoryHigh basket (critical)'), 'unplaced'],
    [
      'AM, longer name',
      alertmanagerMessage('[FIRING:1] MemoryHigh checkout-worker'),
      'firing rss_growth checkout-worker',
    ],
    ['AM, not ours to watch', alertmanagerMessage('[FIRING:1] HighErrorRate checkout (critical)'), 'no-alert'],
    ['AM, soon', alertmanagerMessage('[FIRING:1] ContainerWillBeOOMKilled checkout'), 'firing rss_growth checkout'],
    [
      'AM, soon, in words',
      alertmanagerMessage('[FIRING:1] checkout may be OOM killed soon'),
      'firing rss_growth checkout',
    ],
    // Templates with labels.
    [
      'labels and red',
      labelledMessage('MemoryHigh', { alertname: 'MemoryHigh', service: 'checkout', severity: 'page' }, 'a30200'),
      'firing rss_growth checkout',
    ],
    [
      'labels and green',
      labelledMessage('MemoryHigh', { alertname: 'MemoryHigh', service: 'checkout' }, '2eb886'),
      'resolved rss_growth checkout',
    ],
    [
      'labels and orange',
      labelledMessage('MemoryHigh', { alertname: 'MemoryHigh', service: 'checkout' }, 'daa038'),
      'no-alert',
    ],
    [
      'red, no labels of an alert',
      labelledMessage('memory tests failed', { service: 'checkout' }, 'a30200'),
      'no-alert',
    ],
    [
      'match by two labels',
      labelledMessage('[FIRING] RSSHigh', { namespace: 'find', app: 'search-api' }, 'danger'),
      'firing rss_growth search',
    ],
    [
      'one label of two',
      labelledMessage('[FIRING] RSSHigh', { namespace: 'find', app: 'other' }, 'danger'),
      'unplaced',
    ],
    [
      'kind by label',
      labelledMessage('[FIRING:1] SlowQueries', { service: 'checkout', memtriage_kind: 'custom' }, 'danger'),
      'firing custom checkout',
    ],
    [
      'reason by label',
      labelledMessage('[FIRING:1] PodRestarted', { service: 'checkout', reason: 'OOMKilled' }, 'danger'),
      'firing oom checkout',
    ],
    [
      'two values of a label',
      labelledMessage('[FIRING:2] MemoryHigh service=checkout', { service: 'search' }, 'danger'),
      'unplaced',
    ],
    // Grafana.
    [
      'Grafana',
      grafanaMessage('[FIRING:1] MemoryHigh (prod)', { alertname: 'MemoryHigh', service: 'checkout' }),
      'firing rss_growth checkout',
    ],
    [
      'Grafana, mixed',
      grafanaMessage('[FIRING:1, RESOLVED:1] MemoryHigh', { service: 'checkout' }),
      'firing rss_growth checkout',
    ],
    [
      'Grafana, old',
      {
        attachments: [
          { color: 'd63232', title: '[Alerting] Memory alert', fields: [{ title: 'checkout', value: '93' }] },
        ],
      },
      'firing rss_growth checkout',
    ],
    [
      'Grafana, old, over',
      { attachments: [{ color: '36a64f', title: '[OK] Memory alert', text: 'checkout' }] },
      'resolved rss_growth checkout',
    ],
    // Datadog.
    ['Datadog', datadogMessage('Triggered: High memory', 'service:checkout, env:prod'), 'firing rss_growth checkout'],
    [
      'Datadog, group',
      datadogMessage('Triggered on {service:checkout}: [P1] RSS is high', ''),
      'firing rss_growth checkout',
    ],
    [
      'Datadog, over',
      datadogMessage('Recovered on {service:checkout}: [P1] RSS is high', '', false),
      'resolved rss_growth checkout',
    ],
    // PagerDuty: its services are not ours, and have titles for names.
    [
      'PagerDuty',
      pagerDutyMessage('Triggered', 'Memory of checkout is high', 'Shop Backend'),
      'firing rss_growth checkout',
    ],
    [
      'PagerDuty, its service',
      pagerDutyMessage('Triggered', 'Memory is high', 'Checkout'),
      'firing rss_growth checkout',
    ],
    ['PagerDuty, over', pagerDutyMessage('Resolved', 'Memory is high', 'Checkout'), 'resolved rss_growth checkout'],
    ['PagerDuty, taken', pagerDutyMessage('Acknowledged', 'Memory is high', 'Checkout'), 'no-alert'],
    ['PagerDuty, another one', pagerDutyMessage('Triggered', 'Memory of checkout is high', 'basket'), 'unplaced'],
    // Robusta.
    ['Robusta', robustaMessage('Memory of checkout near its limit', {}, 'firing'), 'firing rss_growth checkout'],
    [
      'Robusta, over',
      robustaMessage('Memory of checkout near its limit', {}, 'resolved'),
      'resolved rss_growth checkout',
    ],
    [
      'Robusta, kill',
      robustaMessage(`Pod ${POD} in namespace shop OOMKilled results`, { Pod: POD, Node: 'ip-10-0-0-1' }),
      'moment oom checkout',
    ],
    [
      'Robusta, state alone',
      say('`Prometheus Alert Firing` 🔥 🟠 Medium\n*<https://x.example.com|checkout memory high>*'),
      'firing rss_growth checkout',
    ],
    // Others.
    ['Zabbix', say('Problem: High memory utilization\nhost: web1, service: checkout'), 'firing rss_growth checkout'],
    ['Zabbix, over', say('Resolved in 5m 0s: High memory utilization on checkout'), 'resolved rss_growth checkout'],
    [
      'Block Kit',
      blockMessage('🚨 ALERT: memory above 90 %', { Service: 'checkout', Severity: 'critical' }),
      'firing rss_growth checkout',
    ],
    [
      'kernel log',
      { text: '[FIRING:1] Out of memory: Killed process 4711 (python3) on checkout' },
      'firing oom checkout',
    ],
    ['capitals', say('🔥 FIRING MemoryHigh checkout'), 'firing rss_growth checkout'],
    [
      'rich text',
      {
        blocks: [
          {
            type: 'rich_text',
            elements: [
              {
                type: 'rich_text_section',
                elements: [
                  { type: 'text', text: '[FIRING:1] ' },
                  { type: 'text', text: 'MemoryHigh checkout', style: { bold: true } },
                ],
              },
            ],
          },
        ],
      },
      'firing rss_growth checkout',
    ],
    // Chatter.
    ['a sentence', say('checkout uses a lot of memory today'), 'no-alert'],
    ['a number', say('Weekly report: checkout memory 1.2 GiB, search memory 0.8 GiB'), 'no-alert'],
    ['a build', say('Triggered build #12 of checkout: memory tests'), 'no-alert'],
    [
      'a merge',
      say('[acme/checkout] Pull request merged: fix OOMKilled pods by bounding the memory cache'),
      'no-alert',
    ],
    [
      'a closed issue',
      { attachments: [{ color: 'cb2431', title: 'Closed issue: checkout was OOMKilled', text: 'memory' }] },
      'no-alert',
    ],
    ['a runbook', say('Runbook updated: what to do when checkout is OOM killed'), 'no-alert'],
    ['a deploy', say('✅ Deployed checkout v812 (memory limit 2GiB)'), 'no-alert'],
    ['OK, in a sentence', say('Ok, the memory of checkout looks fine again'), 'no-alert'],
    [
      'an alert, memory in its body only',
      {
        attachments: [
          {
            color: 'danger',
            title: '[FIRING:1] HighLatency checkout',
            text: 'often because memory is short and pods get OOMKilled',
          },
        ],
      },
      'no-alert',
    ],
    [
      'a name in an address only',
      alertmanagerMessage('[FIRING:1] MemoryHigh <https://g.example.com/d/checkout|graph>'),
      'unplaced',
    ],
    [
      'members, rooms, progress',
      alertmanagerMessage('[FIRING:1] members in room: no progress of checkout'),
      'no-alert',
    ],
    ['nothing', {}, 'no-alert'],
  ])('%s', (_, content, expected) => {
    expect(read(content)).toBe(expected);
  });

  it('carry name, labels and a note, and are the same alert when they fire and when they are over', () => {
    const [firing, resolved] = [
      labelledMessage(
        '[FIRING:2] MemoryHigh',
        { alertname: 'MemoryHigh', service: 'checkout', pod: POD, severity: 'page' },
        'a30200',
      ),
      labelledMessage('[RESOLVED] MemoryHigh', { alertname: 'MemoryHigh', service: 'checkout' }, '2eb886'),
    ].map((content) => {
      const reading = readMessage(post(content), services);
      return reading.kind === 'alert' ? reading.alert : null;
    });
    expect(firing).toMatchObject({
      source: 'Slack',
      name: 'MemoryHigh',
      severity: 'page',
      startsAt: '2025-11-22T10:00:00.123456Z',
      labels: { pod: POD, service: 'checkout', alertname: 'MemoryHigh', severity: 'page' },
    });
    expect(resolved?.fingerprint).toBe(firing?.fingerprint);
    const titles = ['Triggered: memory 93% on checkout', 'Recovered: memory 41% on checkout'];
    const [one, two] = titles.map((title) => readMessage(post(datadogMessage(title, '')), services));
    expect(one).toHaveProperty('alert.fingerprint', two?.kind === 'alert' ? two.alert.fingerprint : null);
  });

  it('that are hostile cost little, and what is kept of them is short', () => {
    const evil = '<!channel> \u202e[FIRING:9] MemoryHigh service: checkout '.repeat(20_000);
    const nested = Array.from({ length: 10_000 }).reduce<unknown>((inner) => ({ elements: [inner] }), { text: evil });
    const attachments = Array.from({ length: 5000 }, () => ({
      title: '<http:'.repeat(5000),
      fields: [{ title: evil, value: evil }],
    }));
    const content = { text: `[FIRING:1] MemoryHigh checkout ${evil}`, attachments, blocks: [nested] };
    // Of megabytes; everything that is read is bounded by it.
    expect(readText(content).lines.join('').length).toBeLessThanOrEqual(16_000);
    const reading = readMessage(post(content), services);
    if (reading.kind !== 'alert') throw new Error(reading.kind);
    expect(JSON.stringify(reading.alert).length).toBeLessThan(3000);
    expect(JSON.stringify(reading.alert)).not.toMatch(/<!channel|\u202e/);
  });
});

describe('message events', () => {
  const readers = { channels: new Set(['C0ALERTS']), ownBotId: 'B0US', ownUserId: 'U0US' };
  const message = { type: 'message', ts: '1763805600.123456', text: '[FIRING:1] MemoryHigh checkout' };
  const base = { ...message, channel: 'C0ALERTS', event_ts: message.ts };

  it.each<[string, object, string | null]>([
    ['an incoming webhook', { ...base, subtype: 'bot_message', bot_id: 'B1', username: 'Alertmanager' }, 'posted'],
    ['a bot user', { ...base, bot_id: 'B1', user: 'U0BOT', app_id: 'A1' }, 'posted'],
    ['a root with replies', { ...base, bot_id: 'B1', thread_ts: message.ts }, 'posted'],
    ['a person', { ...base, user: 'U0ALICE' }, null],
    ['us, as a bot user', { ...base, bot_id: 'B0US', user: 'U0US' }, null],
    ['us, as bot_message', { ...base, subtype: 'bot_message', bot_id: 'B0US' }, null],
    [
      'another memtriage',
      { ...base, bot_id: 'B2', metadata: { event_type: 'memtriage_root', event_payload: {} } },
      null,
    ],
    ['a reply', { ...base, bot_id: 'B1', thread_ts: '1763805000.000001' }, null],
    [
      'a reply that is shown in the channel',
      { ...base, bot_id: 'B1', subtype: 'thread_broadcast', thread_ts: '1763805000.000001' },
      null,
    ],
    ['another channel', { ...base, bot_id: 'B1', channel: 'C0OTHER' }, null],
    ['a join', { ...base, subtype: 'channel_join', bot_id: 'B1' }, null],
    ['a deletion', { ...base, subtype: 'message_deleted', deleted_ts: message.ts }, null],
    [
      'an edit',
      {
        type: 'message',
        subtype: 'message_changed',
        channel: 'C0ALERTS',
        ts: '1763805700.000001',
        event_ts: '1763805700.000001',
        message: { ...message, bot_id: 'B1' },
      },
      'edited',
    ],
    [
      "an edit of a person's",
      {
        type: 'message',
        subtype: 'message_changed',
        channel: 'C0ALERTS',
        event_ts: '1763805700.000001',
        message: { ...message, user: 'U0ALICE' },
      },
      null,
    ],
    ['no event at all', { channel: 'C0ALERTS', ts: 7 }, null],
  ])('of %s', (_, event, expected) => {
    expect(readChannelEvent(event, readers)?.kind ?? null).toBe(expected);
  });

  it.each<[string, object, object | null, string]>([
    [
      'over, by its new title',
      alertmanagerMessage('[RESOLVED] MemoryHigh checkout', false),
      alertmanagerMessage('[FIRING:1] MemoryHigh checkout'),
      'resolved',
    ],
    [
      'over, its title gone',
      say('Resolved: all is well'),
      alertmanagerMessage('[FIRING:1] MemoryHigh checkout'),
      'resolved',
    ],
    [
      'over, by its colour',
      { attachments: [{ color: '2eb886', title: 'MemoryHigh checkout' }] },
      alertmanagerMessage('[FIRING:1] MemoryHigh checkout'),
      'resolved',
    ],
    ['over, what it was is not told', alertmanagerMessage('[RESOLVED] MemoryHigh checkout', false), null, 'resolved'],
    [
      'firing as before',
      alertmanagerMessage('[FIRING:2] MemoryHigh checkout'),
      alertmanagerMessage('[FIRING:1] MemoryHigh checkout'),
      'no-alert',
    ],
    ['an alert by now', alertmanagerMessage('[FIRING:1] MemoryHigh checkout'), say('…'), 'no-alert'],
    [
      'taken by somebody',
      pagerDutyMessage('Acknowledged', 'Memory is high', 'Checkout'),
      pagerDutyMessage('Triggered', 'Memory is high', 'Checkout'),
      'no-alert',
    ],
    ['over, never an alert', say('Resolved: all is well'), say('hello'), 'no-alert'],
  ])('an edit: %s', (_, now, before, expected) => {
    const { content } = post(before ?? {});
    const edit = {
      kind: 'edited' as const,
      post: post(now),
      before: before === null ? null : content,
      at: '1763805700.000001',
    };
    const reading = readEvent(edit, services);
    expect(reading.kind === 'alert' ? reading.alert.status : reading.kind).toBe(expected);
    if (reading.kind === 'alert') expect(reading.alert.service).toBe('checkout');
  });
});
