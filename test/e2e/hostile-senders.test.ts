/** What senders get wrong, and what some send on purpose, against a running bot. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CHANNEL, openRig, type Rig, WAIT } from '../alerts/bot-rig.ts';
import { alertmanagerBody, alertOf } from '../alerts/senders.ts';
import { TOKEN } from '../support/bot-site.ts';

let rig: Rig;
let base: string;

beforeAll(async () => {
  rig = await openRig();
  base = await rig.url('');
});
afterAll(async () => {
  await rig.close();
});

async function post(path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<number> {
  const authorization = `Bearer ${TOKEN}`;
  const answer = await fetch(`${base}${path}`, { method: 'POST', headers: { authorization, ...headers }, body });
  await answer.text();
  return answer.status;
}

/** The corpus holds alerts of no service too, each with a root of its own. */
const root = (): string => rig.roots().find(({ text }) => text.includes(' checkout'))?.text ?? '';

const PATHS = ['/alerts/alertmanager', '/alerts/grafana', '/alerts/generic', '/deploys'];

const CORPUS: readonly (readonly [string, string | Buffer])[] = [
  ['nothing', ''],
  ['half an object', '{"alerts":['],
  ['another format', '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
  ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28])],
  ['compressed', Buffer.from('1f8b0800000000000003', 'hex')],
  ['a number', '1e999'],
  ['null', 'null'],
  ['a list', '[]'],
  ['ten thousand lists in each other', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
  ['ten thousand objects in each other', `${'{"alerts":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
  ['a prototype', '{"__proto__":{"alerts":[]},"constructor":{"prototype":{"isAdmin":true}}}'],
  ['alerts of other types', '{"alerts":[null,1,"a",[],{"status":1},{"status":"firing","labels":[1]}]}'],
  ['a service of another type', '{"service":{"$ne":null},"kind":["oom"],"release":{}}'],
];

describe('a body that is none', () => {
  it.each(CORPUS)('%s is refused with 400 wherever it is sent', async (_, body) => {
    for (const path of PATHS) expect([path, await post(path, body)]).toEqual([path, 400]);
  });

  it('of any JSON is answered, and never as a failure of ours', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PATHS), fc.json({ maxDepth: 4 }), async (path, body) => {
        expect([200, 400]).toContain(await post(path, body));
      }),
      { numRuns: 150 },
    );
  });

  it.each<[string, Record<string, string>]>([
    ['no token', { authorization: '' }],
    ['a wrong token', { authorization: 'Bearer wrong' }],
    ['the token and more', { authorization: `Bearer ${TOKEN} ` + 'x' }],
    ['another scheme', { authorization: `Basic ${Buffer.from(`a:${TOKEN}`).toString('base64')}` }],
    ['a signature of nothing', { authorization: '', 'x-grafana-alerting-signature': 'deadbeef' }],
  ])('with %s is refused with 401, whatever is in it', async (_, headers) => {
    for (const path of PATHS) expect(await post(path, JSON.stringify(alertmanagerBody(alertOf())), headers)).toBe(401);
  });
});

const HOSTILE = [
  '<!channel> <!here> <@U0ALICE> <https://evil.example|click> *bold* `code`',
  '\u0000\u0007\u001b[31m\u202egnp.exe\u2066\u2069\r\n\u2028',
  'a\ud800b',
  '👩‍👩‍👧‍👦'.repeat(100),
  'x'.repeat(1 << 20),
];

/** An hour ahead, an hour behind, the hour that New York has twice and the one that it leaves out. */
const CLOCKS = [
  new Date(Date.now() + 3_600_000).toISOString(),
  new Date(Date.now() - 3_600_000).toISOString(),
  '2026-11-01T01:30:00-04:00',
  '2026-11-01T01:30:00-05:00',
  '2026-03-08T02:30:00-05:00',
  'tomorrow',
];

describe('alerts of a service', () => {
  it('with hostile text and clocks end in one thread that mentions nobody, and the bot is well', async () => {
    const alerts = [
      ...HOSTILE.map((text, i) =>
        alertOf({
          labels: {
            pod: `${i}${text}`,
            alertname: `OOMKilled ${text.slice(0, 2000)}`,
            [`label-${text}`.slice(0, 5000)]: text,
          },
          annotations: { summary: text },
        }),
      ),
      ...CLOCKS.map((startsAt, i) => alertOf({ startsAt, labels: { pod: `clock-${i}` } })),
    ];
    for (const alert of alerts)
      expect(await post('/alerts/alertmanager', JSON.stringify(alertmanagerBody(alert)))).toBe(200);
    await rig.untilTaken();
    await vi.waitFor(() => expect(root()).toMatch(/measured/i), WAIT);
    await vi.waitFor(() => expect(root()).toContain(`OOM kill ×${alerts.length} in`), WAIT);
    const messages = rig.workspace.everPosted(CHANNEL).filter(({ isBot }) => isBot);
    const all = JSON.stringify(messages.map(({ text, blocks }) => [text, blocks]));
    expect(all).not.toMatch(/<!(?!date\^)|<@|<http|\\u0000|\\u001b|\u202e|\\ud800"/);
    // The sender whose clock is ahead told of something that has happened.
    const [, since = ''] = /OOM kill ×\d+ in .*?\(last (.*?) UTC\)/.exec(root()) ?? [];
    expect(Date.parse(`${since} ${new Date().getUTCFullYear()} UTC`)).toBeLessThanOrEqual(Date.now());
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${rig.botPid()}/status`, 'utf8')) ?? [];
    expect(Number(kib) / 1024).toBeLessThan(400);
  });
});
