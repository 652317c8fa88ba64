/**
 * From the kernel's OOM kill to the root in Slack, by the way that needs no collector: Prometheus with the shipped rules
 * (scraped and evaluated each second), Alertmanager, webhook, built bot (`npm run build` first), workspace on loopback:
 * `bench/oom.ts [--kills 12]`. Needs a cgroup of its own.
 */
import { loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openBotSite, TOKEN } from '../test/support/bot-site.ts';
import { makeCgroup, removeCgroup } from '../test/support/limited-cgroup.ts';
import { GROUP_WAIT_SECONDS, HAS_SENDERS, openOomSite } from '../test/support/oom-site.ts';
import { anyPython } from '../test/support/pythons.ts';

const GOAL_SECONDS = 5;
const LIMIT_BYTES = 64 << 20;
const PATIENCE_MS = 60_000;

const { values } = parseArgs({ options: { kills: { type: 'string', default: '12' } } });
const services = Array.from({ length: Number(values.kills) }, (_, i) => `service${i}`);
/** One for each: the fifth service of a channel that is killed within minutes is listed on an umbrella's root instead. */
const channelOf = (service: string): string => `C0${service.toUpperCase()}`;
const cgroup = makeCgroup(LIMIT_BYTES);
if (cgroup === null || !HAS_SENDERS) throw new Error('no cgroup can be made here, or a sender is missing');

const { stage, workspace, startBot, close } = await openBotSite(
  () => `slack: { channel: ${channelOf('service0')} }
services:
${services.map((name) => `  ${name}: { limit: 1GiB, sockets: /nowhere/${name}, channel: ${channelOf(name)} }`).join('\n')}
`,
  { channels: services.map((name) => ({ id: channelOf(name), name })) },
);
try {
  const bot = startBot();
  await workspace.waitForSockets(1, 60_000);
  const alertsUrl = await bot.url('/alerts/alertmanager');
  const site = await openOomSite(stage, { alertsUrl, token: TOKEN, cgroup, python: anyPython().path });
  const took: number[] = [];
  for (const service of services) {
    const shown = rootOf(service);
    const killedAt = await site.kill(service);
    took.push(((await shown) - killedAt) / 1000);
    await setTimeout(1000);
  }
  await site.close();
  const beyond = took.map((seconds) => seconds - GROUP_WAIT_SECONDS);
  const p95 = quantile(beyond, 0.95);
  const goal = `goal ${GOAL_SECONDS}, ${p95 <= GOAL_SECONDS ? 'met' : 'MISSED'}`;
  console.log(
    `kill to root beyond group_wait (${GROUP_WAIT_SECONDS} s), ${took.length} kills: p50 ${quantile(beyond, 0.5).toFixed(1)}, p95 ${p95.toFixed(1)}, max ${quantile(beyond, 1).toFixed(1)} s; ${goal}; load ${loadavg()[0]?.toFixed(1)}; each ${beyond.map((seconds) => seconds.toFixed(1)).join(' ')}`,
  );
} finally {
  await close();
  await removeCgroup(cgroup.path);
}

/** Epoch milliseconds at which the service's root stands in the channel. */
function rootOf(service: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(PATIENCE_MS, null, { ref: false });
    const stop = workspace.watch(({ message: { text, threadTs, isBot } }) => {
      if (!isBot || threadTs !== null || !text.startsWith(`🔴 ${service}: OOM kill`)) return;
      stop();
      resolve(Date.now());
    });
    late.then(() => reject(new Error(`no root of ${service} came`)), reject);
  });
}

function quantile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
