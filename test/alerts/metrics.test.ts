import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { LEAKING, type Role, shortConfig } from '../support/stage.ts';
import { openRig, type Rig, WAIT } from './bot-rig.ts';
import { alertOf } from './senders.ts';

let rig: Rig;
let collector: Role;

beforeAll(async () => {
  // The leak is at 85 % of it some seconds after its start.
  rig = await openRig((sockets) => shortConfig(sockets).replace('1GiB', '48MiB'));
  collector = rig.stage.role(['collector'], { REDIS_URL: `unix://${rig.redis.path}` });
  await rig.stage.python(LEAKING);
  await rig.send(alertOf());
  await rig.untilReported();
});

afterAll(async () => {
  await rig.close();
});

async function scrape(): Promise<string> {
  const answer = await fetch(await rig.url('/metrics'));
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('text/plain');
  return await answer.text();
}

function valueOf(text: string, series: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
}

describe('GET /metrics', () => {
  it('tells of alerts, threads, steps, Slack, queues, Redis and the collectors, to everybody', async () => {
    await vi.waitFor(async () => {
      const text = await scrape();
      expect(valueOf(text, 'memtriage_alert_to_root_seconds_count')).toBe(1);
      expect(valueOf(text, 'memtriage_sampled_processes{site="local"}')).toBe(1);
      expect(valueOf(text, 'memtriage_pulse_age_seconds')).toBeGreaterThanOrEqual(0);
      expect(text).toMatch(/^memtriage_reports_total\{verdict="\w+"\} 1$/m);
    }, WAIT);
    const text = await scrape();
    expect(valueOf(text, 'memtriage_alerts_total{source="Alertmanager",status="firing"}')).toBe(1);
    expect(valueOf(text, 'memtriage_slack_calls_total{method="chat.postMessage",outcome="ok"}')).toBeGreaterThan(0);
    expect(text).toMatch(/^memtriage_triage_step_seconds_count\{[^}]*step="evaluate"[^}]*\} 1$/m);
    expect(valueOf(text, 'memtriage_redis_up')).toBe(1);
    expect(valueOf(text, 'memtriage_redis_ping_seconds')).toBeLessThan(5);
    expect(valueOf(text, 'memtriage_queue_jobs{queue="alerts",state="waiting"}')).toBe(0);
    expect(valueOf(text, 'memtriage_queue_oldest_job_age_seconds{queue="snapshot-local"}')).toBe(0);
    expect(valueOf(text, 'memtriage_collector_up{site="local"}')).toBe(1);
    expect(valueOf(text, 'memtriage_sampler_lag_seconds{site="local"}')).toBeLessThan(30);
    expect(valueOf(text, 'memtriage_incidents{state="closed"}')).toBe(0);
    expect(valueOf(text, 'process_resident_memory_bytes')).toBeGreaterThan(1e7);
  });

  it('is not all that is told of it: the thread after a kill opens with what grew before', async () => {
    await vi.waitFor(() => expect(collector.log()).toContain('near its limit: looked into'), WAIT);
    // Of a look that a busy machine left without growth, the next one tells.
    await vi.waitFor(
      async () => {
        await rig.send(alertOf({ startsAt: new Date().toISOString() }));
        await rig.untilTaken();
        expect(rig.root()).toMatch(/\*Before the kill\* \(.*, \d+ % of 48\.0 MiB\): .*QUEUE \(list\)/);
      },
      { ...WAIT, interval: 3000 },
    );
    await vi.waitFor(() => expect(rig.shown()).toContain('What grew before the kill'), WAIT);
  });

  it('says that Redis is away, and shows nothing that it could not read; ready is not what it is then', async () => {
    await rig.redis.kill();
    await vi.waitFor(async () => expect(valueOf(await scrape(), 'memtriage_redis_up')).toBe(0), WAIT);
    expect(await scrape()).not.toMatch(/^memtriage_(?:queue_jobs|incidents|collector_up|redis_ping_seconds)/m);
    const ready = await fetch(await rig.url('/readyz'));
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('Redis does not answer')]);
    expect((await fetch(await rig.url('/healthz'))).status).toBe(200);
  });
});
