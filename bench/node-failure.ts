/**
 * A node fails: `--services 30` of one channel are OOM-killed within `--seconds 10`, with the built bot (`npm run build`
 * first), a real Redis and the workspace on loopback with Slack's own limits. Told: roots, pages, and how soon the
 * umbrella's root names every service and every report is out.
 */
import { loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { alertOf } from '../test/alerts/senders.ts';
import { type Bot, openBotSite } from '../test/support/bot-site.ts';

const CHANNEL = 'C0ONCALL';
const TEAMS = ['payments', 'search', 'shipping'];
const DMS = ['D0ALICE', 'D0BOB'];
const PATIENCE_MS = 300_000;

const { values } = parseArgs({
  options: { services: { type: 'string', default: '30' }, seconds: { type: 'string', default: '10' } },
});
const services = Array.from({ length: Number(values.services) }, (_, i) => `service-${i}`);
const gapMs = (Number(values.seconds) * 1000) / services.length;

const { workspace, startBot, close } = await openBotSite(
  () => `slack: { channel: ${CHANNEL} }
services:
${services.map((name, i) => `  ${name}: { limit: 1GiB, sockets: /nowhere/${name}, team: ${TEAMS[i % TEAMS.length]} }`).join('\n')}
teams:
${TEAMS.map((team, i) => `  ${team}: { timezone: UTC, oncall: { rotation: [${i === 0 ? 'U0ALICE' : 'U0BOB'}], handoff: Mon 09:00, since: 2026-01-05 }, escalateAfter: [30m, 30m, 30m] }`).join('\n')}
`,
  { enforceRateLimits: true },
);
try {
  await failNode();
} finally {
  await close();
}

async function failNode(): Promise<void> {
  const bot = startBot();
  await workspace.waitForSockets(1, 60_000);
  await setTimeout(3000);
  const began = performance.now();
  await Promise.all(
    services.map(async (service, i) => {
      await setTimeout(i * gapMs);
      await send(service, bot);
    }),
  );
  const sentAt = performance.now();
  const listed = await secondsUntil(() => umbrella().includes(`OOM kills of ${services.length} services`), began);
  const reported = await secondsUntil(() => umbrella().includes('every report is out'), began);
  const threads = roots().filter((text) => !isUmbrella(text)).length;
  const pages = DMS.flatMap((dm) => workspace.everPosted(dm)).filter(({ text }) => text.includes('Acknowledge')).length;
  console.log(
    `${services.length} services of one channel and ${TEAMS.length} teams killed in ${((sentAt - began) / 1000).toFixed(1)} s: ` +
      `${roots().length - threads} umbrella and ${threads} threads beside it, ${pages} pages; its root lists all ${told(listed)} ` +
      `after the first kill, every report is out ${told(reported)} after it; load ${loadavg()[0]?.toFixed(1)}`,
  );
}

async function send(service: string, bot: Bot): Promise<void> {
  const alert = alertOf({ labels: { service, pod: `${service}-0` }, startsAt: new Date().toISOString() });
  while ((await bot.send(alert)) !== 200) await setTimeout(500);
}

function roots(): string[] {
  return workspace
    .everPosted(CHANNEL)
    .filter(({ threadTs, isBot }) => threadTs === null && isBot)
    .map(({ text }) => text);
}

function isUmbrella(text: string): boolean {
  return /OOM kills of \d+ services/.test(text);
}

function umbrella(): string {
  return roots().find(isUmbrella) ?? '';
}

async function secondsUntil(isDone: () => boolean, began: number): Promise<number | null> {
  const end = performance.now() + PATIENCE_MS;
  while (!isDone() && performance.now() < end) await setTimeout(50);
  return isDone() ? (performance.now() - began) / 1000 : null;
}

function told(seconds: number | null): string {
  return seconds === null ? `not within ${PATIENCE_MS / 1000} s` : `${seconds.toFixed(1)} s`;
}
