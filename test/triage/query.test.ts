import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inconclusive, ok } from '../../src/errors.ts';
import type { RunbookStep } from '../../src/runbook/runbook.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { createWalk, runbookOf } from './walk.ts';

let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.close();
});

type Range = Extract<RunbookStep, { step: 'query' }>['expect'];

async function ask(expected: Range, values: readonly number[] | null) {
  const walk = createWalk(redis, {
    queries: {
      queryInstant: async () =>
        await Promise.resolve(
          values === null
            ? inconclusive('operator', 'the query has no data', 'Check the query')
            : ok(values.map((value) => ({ labels: {}, value }))),
        ),
    },
  });
  const runbook = runbookOf({
    step: 'query',
    title: 'Failed payments',
    promql: 'up',
    expect: expected,
    why: 'A storm.',
  });
  const report = await walk.run(await walk.open(), runbook);
  return { step: report.steps[0], check: report.checks[0] };
}

describe("a team's query", () => {
  it.each<[string, Range, number[], string]>([
    ['below its maximum', { max: 0.05 }, [0.0123456], 'As expected: 0.01235; expected at most 0.05'],
    ['at its bounds', { min: 1, max: 2 }, [1, 2], 'As expected: 1, 2; expected 1 to 2'],
    ['above its maximum', { max: 0.05 }, [0.2], 'Not as expected: 0.2; expected at most 0.05'],
    ['below its minimum', { min: 3 }, [2], 'Not as expected: 2; expected at least 3'],
    ['with one series of many outside', { max: 1 }, [0, 0, 2], 'Not as expected: 2, 0, 0; expected at most 1'],
    ['infinite', { max: 1 }, [Infinity], 'Not as expected: Infinity; expected at most 1'],
    ['not a number, as a ratio over no requests', { max: 1 }, [NaN], 'Not as expected: NaN; expected at most 1'],
    ['of many series', { max: 9 }, [1, 2, 3, 4, 5, 6, 7], 'As expected: 1, 2, 3, 4, 5 and 2 more; expected at most 9'],
  ])('%s is a finding', async (_title, expected, values, text) => {
    const { step, check } = await ask(expected, values);
    expect(step).toMatchObject({ step: 'query-1', outcome: 'ok' });
    expect(check).toMatchObject({ title: 'Failed payments', text, links: [] });
  });

  it('shows the series that is outside even when it is not among the first', async () => {
    const { check } = await ask({ max: 9 }, [1, 2, 3, 4, 5, 6, 70]);
    expect(check?.text).toMatch(/^Not as expected: 70, /);
  });

  it('without data is no finding, neither good nor bad', async () => {
    const { step, check } = await ask({ max: 1 }, null);
    expect(step).toMatchObject({
      outcome: 'inconclusive',
      note: 'Failed payments: the query has no data. Check the query',
    });
    expect(check).toBeUndefined();
  });

  it('with no series at all never passes as expected', async () => {
    const { step, check } = await ask({ max: 1 }, []);
    expect(step?.outcome).toBe('inconclusive');
    expect(check).toBeUndefined();
  });

  it('without a Prometheus says what to add to the configuration', async () => {
    const walk = createWalk(redis);
    const runbook = runbookOf({ step: 'query', title: 'Load', promql: 'up', expect: { min: 1 }, why: 'Load.' });
    const report = await walk.run(await walk.open(), runbook);
    expect(report.steps[0]).toMatchObject({ step: 'query-1', outcome: 'inconclusive' });
    expect(report.steps[0]?.note).toContain('prometheus.url');
  });
});
