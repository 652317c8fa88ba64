import { chmod, chown, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, type TestContext, vi } from 'vitest';
import { REDIS_PREFIX } from '../../src/adapters/redis/connection.ts';
import { beat } from '../../src/adapters/redis/heartbeat.ts';
import { createInstanceStore } from '../../src/adapters/redis/instance-store.ts';
import { createSampleStore } from '../../src/adapters/redis/sample-store.ts';
import { startWorkspace } from '../../src/demo/workspace/workspace.ts';
import { Report } from '../../src/report/report.ts';
import { startRedis } from '../support/redis.ts';
import { LEAKING, openStage, type Role, STEADY, type Stage, shortConfig } from '../support/stage.ts';

const WAIT = { timeout: 60_000, interval: 50 };
const MIB = 1024 ** 2;
const KEEP_SECONDS = 3600;

/** Roles on one Redis, the command line as the one who asks. Each test has its own: they run at the same time. */
async function openSite(test: TestContext, config: (sockets: string) => string = shortConfig) {
  const [stage, redis] = await Promise.all([openStage(config), startRedis()]);
  test.onTestFinished(async () => {
    await stage.close();
    await redis.close();
  });
  const env = { REDIS_URL: `unix://${redis.path}` };
  return {
    stage,
    redis,
    client: redis.connect(),
    startCollector: () => stage.role(['collector'], env),
    triage: (...args: string[]) => triage(stage, ['checkout', ...args], env),
  };
}

type Site = Awaited<ReturnType<typeof openSite>>;

async function triage(stage: Stage, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Report> {
  const { code, stdout, stderr } = await stage.run(['triage', ...args, '--json'], env);
  expect(stderr).not.toContain('bug');
  const report = Report.parse(JSON.parse(stdout));
  expect(code).toBe({ healthy: 0, warning: 1, critical: 2, inconclusive: 3 }[report.verdict]);
  return report;
}

function stepOf(report: Report, name: string) {
  return report.steps.find(({ step }) => step === name);
}

async function untilSampled(collector: Role): Promise<void> {
  await vi.waitFor(() => expect(collector.log()).toContain('process found'), WAIT);
}

/** Samples as a collector would have left them: `[seconds ago, MiB]`. */
async function record({ client }: Site, samples: readonly (readonly [number, number])[]): Promise<void> {
  const now = Date.now();
  const place = { redis: client, prefix: REDIS_PREFIX, keepSeconds: KEEP_SECONDS };
  await createSampleStore(place).append([
    {
      service: 'checkout',
      instance: '4711.99',
      samples: samples.map(([ago, mib]) => ({
        atMs: now - ago * 1000,
        rssBytes: mib * MIB,
        anonymousBytes: mib * MIB,
      })),
    },
  ]);
  const life = { startedAt: now / 1000 - 1800, endedAt: null, endReason: null, limitBytes: null };
  await createInstanceStore(place).save('checkout', [
    { schema: 1, instance: '4711.99', host: 'elsewhere', release: 'v1', python: '3.13.0', ...life },
  ]);
  await beat(client, REDIS_PREFIX, 'local', 'elsewhere/1/x');
}

describe.concurrent('samples that are not as they should be', () => {
  it.for<[string, [number, number][]]>([
    ['forward by an hour and back', [...span(1200, 900), ...span(-2400, -2700), ...span(590, 0)]],
    ['back by ten minutes', [...span(1200, 600), ...span(1100, 0)]],
    ['back to before the process began', [...span(3500, 3300), ...span(600, 0)]],
  ])('of a clock that was set %s end in a report with figures that can be', async ([, samples], test) => {
    const site = await openSite(test);
    await record(site, samples);
    const report = await site.triage('--no-snapshot');
    expect(stepOf(report, 'capture')?.outcome).toBe('ok');
    expect(report.rss.bytes).toBe(100 * MIB);
    // It was flat all the time: a step of the clock is no growth, and no leak.
    expect(Math.abs(report.growth?.bytesPerHour ?? 0)).toBeLessThan(MIB);
    expect(['healthy', 'inconclusive']).toContain(report.verdict);
    expect(report.data.ageSeconds).toBeGreaterThanOrEqual(0);
  });

  it('too few for growth say so, and how many there are', async (test) => {
    const site = await openSite(test);
    await record(site, [
      [2, 100],
      [1, 101],
    ]);
    const report = await site.triage('--no-snapshot');
    expect(report).toMatchObject({ verdict: 'inconclusive', growth: null, rss: { bytes: 101 * MIB } });
    expect(stepOf(report, 'capture')?.note).toMatch(/^RSS 101 MiB, growth not measurable yet/);
    expect(stepOf(report, 'compare')?.note).toMatch(/can't tell: too few samples/i);
  });
});

/** One sample a second of a flat 100 MiB, from one age in seconds to another. */
function span(fromAgo: number, toAgo: number): [number, number][] {
  return Array.from({ length: fromAgo - toAgo }, (_, i) => [fromAgo - i, 100]);
}

describe.concurrent('a target that is not as it should be', () => {
  it('that dies in the middle of the look is told, with the figures of before', async (test) => {
    const site = await openSite(test, (sockets) => shortConfig(sockets).replace('window: 1s', 'window: 5s'));
    const target = await site.stage.python(LEAKING);
    await untilSampled(site.startCollector());
    const running = site.triage();
    await vi.waitFor(async () => {
      const [seenSoFar] = await site.client.keys('*look-so-far*');
      expect(seenSoFar).toBeDefined();
    }, WAIT);
    target.kill('SIGKILL');
    const report = await running;
    expect(stepOf(report, 'capture')?.note).toMatch(/^RSS [\d.]+ MiB/);
    expect(stepOf(report, 'snapshot')?.outcome).not.toBe('ok');
    expect(stepOf(report, 'snapshot')?.note).toMatch(/ended|gone|not run/);
    expect(report.snapshot?.brokenOff?.why).toMatch(/has ended/);
  });

  it('whose probe is silent, because the process is stopped, is seen from outside', async (test) => {
    const site = await openSite(test);
    const target = await site.stage.python(STEADY);
    await untilSampled(site.startCollector());
    target.kill('SIGSTOP');
    const report = await site.triage();
    expect(stepOf(report, 'snapshot')?.outcome).toBe('ok');
    expect(report.snapshot?.layers.length).toBeGreaterThan(0);
    expect(report.snapshot?.notes.join(' ')).toMatch(/did not answer within/);
    expect(report.snapshot).toMatchObject({ containers: null, types: null, sites: null });
  });
});

describe.concurrent('a socket directory that is not as it should be', () => {
  async function expectDistrust(site: Site, why: RegExp): Promise<void> {
    const collector = site.startCollector();
    await vi.waitFor(() => expect(collector.log()).toMatch(why), WAIT);
    expect(collector.log()).not.toContain('process found');
    const report = await site.triage('--no-snapshot');
    expect(report.verdict).toBe('inconclusive');
  }

  it('that others may write into is not trusted, with the command that cures it', async (test) => {
    const site = await openSite(test);
    await site.stage.python(STEADY);
    await chmod(site.stage.sockets, 0o777);
    await expectDistrust(site, /not trusted: others may write into it.*chmod go-w/);
  });

  it('that is a symbolic link is not followed', async (test) => {
    const site = await openSite(test);
    await site.stage.python(STEADY);
    await rename(site.stage.sockets, `${site.stage.sockets}-real`);
    await symlink(`${site.stage.sockets}-real`, site.stage.sockets);
    await expectDistrust(site, /not trusted: it is a symbolic link/);
  });

  it('that does not exist is told with what creates it', async (test) => {
    const site = await openSite(test);
    await rm(site.stage.sockets, { recursive: true });
    await expectDistrust(site, /does not exist.*MEMTRIAGE_SOCKET_DIR/);
  });

  it.skipIf(process.getuid?.() !== 0)('that another user made in /tmp is not trusted', async (test) => {
    const foreign = await mkdtemp(join(tmpdir(), 'mt-foreign-'));
    test.onTestFinished(() => rm(foreign, { recursive: true }));
    await mkdir(join(foreign, 'x'));
    await chown(foreign, 65_534, 65_534);
    const site = await openSite(test, () => shortConfig(foreign));
    await expectDistrust(site, /not trusted: uid 65534 owns it/);
  });
});

describe.concurrent('what memtriage leans on', () => {
  it('Prometheus: when it is down, the report comes from the samples of the collector and says so', async (test) => {
    const site = await openSite(test, (sockets) => {
      const withSource = shortConfig(sockets).replace('    limit:', '    metrics: { rss: process_rss }\n    limit:');
      return `prometheus: { url: 'http://127.0.0.1:1' }\n${withSource}`;
    });
    await site.stage.python(STEADY);
    await untilSampled(site.startCollector());
    const report = await site.triage('--no-snapshot');
    expect(report.data.source).toBe('collector');
    expect(stepOf(report, 'capture')).toMatchObject({ outcome: 'ok' });
    expect(stepOf(report, 'capture')?.note).toMatch(/Prometheus.*the collector's samples stand in/);
  });

  it('Redis: while it is down the bot is alive and not ready, and says why', async (test) => {
    const site = await openSite(test);
    const workspace = await startWorkspace();
    test.onTestFinished(() => workspace.close());
    const bot = site.stage.role(['bot'], {
      REDIS_URL: `unix://${site.redis.path}`,
      SLACK_BOT_TOKEN: workspace.botToken,
      SLACK_APP_TOKEN: workspace.appToken,
      SLACK_API_URL: workspace.apiUrl,
    });
    const port = await vi.waitFor(() => {
      const [, found] = /"port":(\d+),"msg":"the bot is up"/.exec(bot.log()) ?? [];
      expect(found).toBeDefined();
      return found;
    }, WAIT);
    const ask = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: answer.status, text: await answer.text() };
    };
    expect(await ask('/readyz')).toEqual({ status: 200, text: 'ready\n' });
    await site.redis.kill();
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      text: expect.stringMatching(/^Redis does not answer\n$/),
    });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
    await site.redis.start();
    await vi.waitFor(async () => expect(await ask('/readyz')).toMatchObject({ status: 200 }), WAIT);
    expect(await bot.stop()).toBe(0);
  });

  it('its own files: what is left of an earlier embedded Redis does not keep the next one from starting', async (test) => {
    const stage = await openStage();
    test.onTestFinished(() => stage.close());
    const directory = join(stage.dir, '.memtriage', 'redis');
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const name of ['s', 'lease', 'lock', 'redis.log']) await writeFile(join(directory, name), 'left over\n');
    const { code, stdout } = await stage.run(['baseline', 'show', 'checkout']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'checkout has no baseline yet\n' });
  });
});
