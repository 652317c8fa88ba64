import { afterEach, describe, expect, it } from 'vitest';
import { type BotServer, startBotServer } from '../../src/adapters/http/bot-server.ts';
import { createReportLinks } from '../../src/adapters/http/report-links.ts';

const DAY_MS = 86_400_000;

let server: BotServer | null = null;
let nowMs = Date.parse('2026-11-22T10:20:00Z');
afterEach(async () => {
  await server?.close();
  server = null;
});

/** A server whose reports are known by their incident. */
async function serve() {
  const links = createReportLinks('a-webhook-token', 'https://memtriage.example.com', () => nowMs);
  server = await startBotServer({
    port: 0,
    token: 'a-webhook-token',
    links,
    slack: null,
    whatIsMissing: async () => [],
    findReport: async (id) => ({ json: `{"incident":"${id}"}`, html: `<h1>${id}</h1>` }),
    findPostmortem: async (id) => `# ${id}`,
    onError: () => {},
  });
  const { port } = server;
  const get = async (path: string) => await fetch(`http://127.0.0.1:${port}${path}`);
  const path = links.linkTo('M-12').replace('https://memtriage.example.com', '');
  return { links, get, path };
}

describe('the link to a report', () => {
  it('opens the page, the JSON and the postmortem of its incident without a token', async () => {
    const { get, path } = await serve();
    const page = await get(path);
    expect([page.status, await page.text()]).toEqual([200, '<h1>M-12</h1>']);
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    for (const form of ['json', 'md']) expect((await get(path.replace('M-12?', `M-12.${form}?`))).status).toBe(200);
  });

  it.each<[string, (path: string) => string]>([
    ['of another incident', (path) => path.replace('M-12', 'M-13')],
    ['with a later end', (path) => path.replace(/until=(\d+)/, (_, until: string) => `until=${Number(until) + 3600}`)],
    ['with another signature', (path) => path.replace(/sig=./, 'sig=_')],
    ['without a signature', (path) => path.replace(/&sig=.*/, '')],
    ['with nothing', () => '/incidents/M-12'],
    ['with an end that is no number', (path) => path.replace(/until=\d+/, 'until=99999999999999999999')],
    ['with the token in its place', (path) => path.replace(/sig=.*/, 'sig=a-webhook-token')],
  ])('%s opens nothing', async (_, change) => {
    const { get, path } = await serve();
    expect((await get(change(path))).status).toBe(401);
  });

  it('is the same within the hour, and ends after seven days', async () => {
    const { links, get, path } = await serve();
    nowMs += 30 * 60_000;
    expect(links.linkTo('M-12').endsWith(path)).toBe(true);
    nowMs += 7 * DAY_MS - 60 * 60_000;
    expect((await get(path)).status).toBe(200);
    nowMs += 31 * 60_000;
    const late = await get(path);
    expect([late.status, await late.text()]).toEqual([401, expect.stringContaining('expired')]);
  });
});
