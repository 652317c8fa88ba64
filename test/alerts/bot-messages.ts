/** Messages as bots put them into channels, in the shape in which Slack tells of them. */

type Content = {
  text?: string;
  attachments?: readonly Record<string, unknown>[];
  blocks?: readonly Record<string, unknown>[];
};

/** Alertmanager's default template (template/default.tmpl): title, fallback, colour; no text. */
export function alertmanagerMessage(title: string, isFiring = true): Content {
  const link = 'http://alertmanager:9093/#/alerts?receiver=slack';
  return {
    text: '',
    attachments: [
      {
        id: 1,
        color: isFiring ? 'a30200' : '2eb886',
        fallback: `${title} | <${link}>`,
        title,
        title_link: link,
        callback_id: '',
        mrkdwn_in: ['fallback', 'pretext', 'text'],
      },
    ],
  };
}

/** A usual template of Alertmanager's users: no state in the title, labels as a list. */
export function labelledMessage(title: string, labels: Readonly<Record<string, string>>, color: string): Content {
  const details = Object.entries(labels).map(([name, value]) => ` • *${name}:* \`${value}\``);
  return { attachments: [{ color, title, text: ['*Details:*', ...details].join('\n'), fallback: title }] };
}

/** Grafana's default notification (`default.title`, `default.message`). */
export function grafanaMessage(title: string, labels: Readonly<Record<string, string>>, color = 'd63232'): Content {
  const lines = Object.entries(labels).map(([name, value]) => ` - ${name} = ${value}`);
  const text = [
    '**Firing**',
    '',
    'Value: A=2.4e+09',
    'Labels:',
    ...lines,
    'Annotations:',
    ' - summary = Memory of the service is 40 % over its usual level',
    'Source: <https://grafana.example.com/alerting/grafana/a1/view?orgId=1>',
  ].join('\n');
  return { text: '', attachments: [{ color, title, text, fallback: title, footer: 'Grafana v12.1.0' }] };
}

/** Datadog's app: title with the state and the group, body, tags. */
export function datadogMessage(title: string, tags: string, isFiring = true): Content {
  const text = `The average of rss over the last 15 m passed 2.0e9.\n\nMetric value: 2412000000\n<https://app.datadoghq.com/monitors/77|Monitor Status> · Tags: ${tags}`;
  return { text: '', attachments: [{ color: isFiring ? 'cc3333' : '2eb67d', title, text, fallback: title }] };
}

/** PagerDuty's app: state in bold, the incident as a link, fields. */
export function pagerDutyMessage(state: string, title: string, service: string): Content {
  return {
    text: `*${state}* <https://acme.pagerduty.com/incidents/Q1|#4711: ${title}>`,
    attachments: [
      {
        color: 'd9534f',
        fallback: title,
        fields: [
          { title: 'Assigned', value: '<https://acme.pagerduty.com/users/P1|Alice>', short: true },
          { title: 'Service', value: `<https://acme.pagerduty.com/services/P2|${service}>`, short: true },
        ],
      },
    ],
  };
}

/** Robusta: the title as text, state and severity in a block, facts as a list. Without `state`: an event. */
export function robustaMessage(title: string, facts: Readonly<Record<string, string>>, state = ''): Content {
  const status = state === '' ? '' : `🔥 \`${state}\` `;
  const mrkdwn = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text } });
  const rows = Object.entries(facts).map(([name, value]) => `● ${name} \`${value}\``);
  return {
    text: title,
    blocks: [
      mrkdwn(`${status}🔴 \`high\` <https://platform.robusta.dev/graphs?alert=1|*${title}*>`),
      mrkdwn('*Source:* `prod`'),
    ],
    attachments: [{ color: 'ef311f', blocks: [mrkdwn(rows.join('\n'))] }],
  };
}

/** Block Kit as people build it: a header, fields of two lines each. */
export function blockMessage(header: string, fields: Readonly<Record<string, string>>): Content {
  const asFields = Object.entries(fields).map(([name, value]) => ({ type: 'mrkdwn', text: `*${name}:*\n${value}` }));
  return {
    text: header,
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: header, emoji: true } },
      { type: 'section', fields: asFields },
    ],
  };
}
